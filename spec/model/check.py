#!/usr/bin/env python3
"""check.py   runs ProVerif over the model, and compares each result with what the comment above its query expects

usage: check.py [--quiet] [PROVERIF] [FILE ...]
       check.py --list [FILE ...]    prints the queries, and runs nothing
       check.py --help

PROVERIF   the program; default: proverif, from the PATH. It must be version 2.05 or later.
FILE       a .pv file, or memory.py; default: all files beside this one.
--quiet    prints only what is not as expected, and the last line.

The last line is "spec/model: N queries and M checks as expected", or how many are not. memory.py counts its own checks.
Exit status 0: all as expected. 1: a result is not, or a comment and a query do not match. 2: usage, or ProVerif cannot be run.

A comment stands directly above its query:
    (* Q1 expected true, reached by Q4: why, with requirement ids *)     a proof, and the query that shows that its end is reached
    (* Q2 expected false, admitted: why *)      an attack that the specification admits
    (* Q3 expected false, control: why *)       an attack that is there because a rule is not
    (* Q4 expected false, reached: why *)       the end of a session is reached
    (* Q5 expected unknown, control: why *)     ProVerif finds no proof
"reached by" may name a query of another file: reached by 08-rsa-oracle.pv Q2.
"""
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
TIMEOUT = 600
KINDS = {'true': ('reached by',), 'false': ('admitted', 'control', 'reached'), 'unknown': ('control',)}
COMMENT = re.compile(r'\(\* (Q\d+) expected (\w+), ([^:]*): *(.*?) *\*\)(?=\s*(query|process)?)', re.S)
RESULT = re.compile(
    r'^(?:Query|Weak secret|Non-interference|Observational equivalence)\b(?:(?!^(?:Query|Weak|Non-int|Observ)).)*?'
    r'(?:is (true|false)|(cannot be proved))', re.M | re.S)


class Expected(NamedTuple):
    name: str
    verdict: str
    kind: str
    text: str


class Wrong(Exception):
    """A file whose comments and queries do not match."""


def read(file: Path) -> list[Expected]:
    """What the comments of a file expect, each of the query below it."""
    text = file.read_text()
    code = re.sub(r'\(\*.*?\*\)', '', text, flags=re.S)
    found = list(COMMENT.finditer(text))
    names = re.findall(r'\(\* (Q\w*)', text)
    if names != [f'Q{i + 1}' for i in range(len(names))] or len(found) != len(names):
        raise Wrong(f'its comments are not all "(* Qn expected ..., ...: ... *)" with n from 1: {" ".join(names)}')
    equivalence = 'choice[' in code
    queries = len(re.findall(r'^query\b', code, re.M)) + equivalence
    if queries != len(found):
        raise Wrong(f'{len(found)} comments, {queries} queries')
    for m in found:
        if m[5] != ('process' if equivalence else 'query'):
            raise Wrong(f'{m[1]} does not stand directly above its query')
        if m[2] not in KINDS or not m[3].startswith(KINDS[m[2]]):
            raise Wrong(f'{m[1]}: "expected {m[2]}, {m[3]}" is none of the forms that --help shows')
    return [Expected(m[1], m[2], m[3], ' '.join(m[4].split())) for m in found]


def check_reached(file: Path, expected: list[Expected]) -> None:
    """Each proof names queries that show that its end is reached."""
    for e in expected:
        if e.verdict == 'true':
            named = re.findall(r'(?:(\S+\.pv) )?(Q\d+)', e.kind)
            for other, name in named:
                there = read(HERE / other) if other else expected
                if not any(t.name == name and t.verdict == 'false' for t in there):
                    raise Wrong(f'{e.name} is reached by {other} {name}, which is no query that is expected false')
            if not named:
                raise Wrong(f'{e.name} names no query that reaches its end')


def run(proverif: str, file: Path) -> tuple[list[str], str]:
    """The results in their order, and what ProVerif said."""
    libraries = ['blackpony.pvl', *re.findall(r'\(\* lib: (\S+) \*\)', file.read_text())]
    command = [proverif, *(a for name in libraries for a in ('-lib', str(HERE / name))), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    _, found, summary = done.stdout.partition('Verification summary:')
    if done.returncode or not found:
        raise Wrong('ProVerif failed:\n' + (done.stdout + done.stderr)[-1500:])
    return [m[1] or 'unknown' for m in RESULT.finditer(summary)], done.stdout


def model(proverif: str, file: Path, quiet: bool) -> tuple[int, int]:
    """How many results are as expected, and how many are not."""
    expected = read(file)
    check_reached(file, expected)
    began = used()
    got, _ = run(proverif, file)
    if len(got) != len(expected):
        raise Wrong(f'{len(expected)} comments, {len(got)} results')
    bad = sum(e.verdict != g for e, g in zip(expected, got))
    if not quiet or bad:
        print(f'{file.name}: {len(got)} queries, {used() - began:.1f} s')
    for e, g in zip(expected, got):
        if not quiet or e.verdict != g:
            wrong = '' if e.verdict == g else f'<<<<<< expected {e.verdict} '
            print(f'  {e.name:4}{g:8}{wrong}{e.kind if e.verdict != "true" else "proof"}: {e.text}')
    return len(got) - bad, bad


def used() -> float:
    """Processor time of the programs that were run."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def memory(file: Path, quiet: bool) -> tuple[int, int]:
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    lines = done.stdout.splitlines()
    bad = sum('<<<<<<' in line for line in lines)
    if done.returncode != (1 if bad else 0) or not lines:
        raise Wrong(f'it ended with exit code {done.returncode}:\n{done.stderr[-1500:]}')
    if not quiet:
        print(f'{file.name}: {len(lines)} checks')
    for line in lines:
        if not quiet or '<<<<<<' in line:
            print(f'  {line}')
    return len(lines) - bad, bad


def usage(problem: str) -> int:
    print(f'check.py: {problem}; --help says more', file=sys.stderr)
    return 2


def main(arguments: list[str]) -> int:
    if '--help' in arguments or '-h' in arguments:
        print((__doc__ or '').strip())
        return 0
    options = [a for a in arguments if a.startswith('-')]
    if set(options) - {'--quiet', '--list'}:
        return usage(f'no option {sorted(set(options) - {"--quiet", "--list"})[0]}')
    quiet = '--quiet' in options
    named = [a for a in arguments if a not in options]
    proverif = named.pop(0) if named and not named[0].endswith(('.pv', '.py')) else 'proverif'
    files = [Path(n) if Path(n).exists() else HERE / n for n in named] or [*sorted(HERE.glob('*.pv')), HERE / 'memory.py']
    missing = [f for f in files if not f.exists()]
    if missing:
        return usage(f'no file {missing[0]}')
    if '--list' in options:
        for file in files:
            for e in read(file) if file.suffix == '.pv' else []:
                print(f'{file.name} {e.name} expected {e.verdict}, {e.kind}: {e.text}')
        return 0
    try:
        version = subprocess.run([proverif, '--help'], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except OSError as e:
        return usage(f'{proverif} cannot be run ({e.strerror})')
    if not re.search(r'Proverif 2\.(0[5-9]|[1-9])', version.stdout + version.stderr):
        return usage(f'{proverif} is not ProVerif 2.05 or later')
    began = time.time()
    queries = checks = bad = 0
    for file in files:
        try:
            if file.suffix == '.py':
                right, wrong = memory(file, quiet)
                checks += right
            else:
                right, wrong = model(proverif, file, quiet)
                queries += right
            bad += wrong
        except (Wrong, subprocess.TimeoutExpired) as e:
            print(f'{file.name}: {e}')
            bad += 1
        sys.stdout.flush()
    if not quiet:
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        print(f'{time.time() - began:.0f} s, {used():.0f} s of processor time, at most {most} MiB')
    if bad:
        print(f'spec/model: {bad} not as expected')
        return 1
    print(f'spec/model: {queries} queries and {checks} checks as expected')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""memory.py   explores all states of an entry of a client's memory (Sections 6.5 and 9.4), and checks the claims about them

usage: memory.py [--trace] [CHECK ...]     CHECK: the beginning of a check's name
       memory.py --help

ProVerif has no clocks, so the times of Section 9.4 are checked here. Time goes in steps of MinKeyTime ("an hour"). Between two
steps there is any number of sessions in any order, each with the true server or with the attacker, and each as the client's rules
of Section 9.4 have it. A state has times up to MemoryLifetime only; so there are finitely many, and the search visits all of them:
"holds" is for any number of sessions. "trace" is the shortest sequence of steps to what the check looks for.

The limits are scaled down: MinKeyTime 1, MemoryPatience 2, MemoryLifetime 4, MaxIdents 2, MaxMemoryKeys 4.
Not modelled: two deliveries at the same time, clocks that run backward, servers of one name with different keys, the number of entries.

--trace prints the traces.
Exit status 0: each check came out as expected. 1: one did not. 2: usage.
"""
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

MIN = 1                                    # MinKeyTime
PATIENCE, LIFETIME = 2, 4                  # MemoryPatience, MemoryLifetime; 4 and 8 where a check says so
IDENTS, KEYS = 2, 4                        # MaxIdents, MaxMemoryKeys
SHOWS, WITHDRAWS = 'shows', 'withdraws'

# ------------------------------------------------------------------------------------------------ Times
# A span is (known, since): the time from the first to the last occurrence, and from the last one to now; both are capped.
Span = tuple[int, int]
Record = dict[str, str]                    # the keys of an ident record, each with SHOWS or WITHDRAWS


def later(span: Span | None) -> Span | None:
    return span and (span[0], min(span[1] + 1, LIFETIME + 1))


def again(span: Span | None) -> Span:
    return (min(span[0] + span[1], LIFETIME), 0) if span else (0, 0)


def counts_for(known: int) -> int:
    """[BP-9.4-20]"""
    return max(MIN, min(known, LIFETIME))


def counts(span: Span) -> bool:
    return span[1] <= counts_for(span[0])


# ------------------------------------------------------------------------------------------------ The client
@dataclass(frozen=True)
class Key:
    name: str
    span: Span
    withdrawn: bool = False


@dataclass(frozen=True)
class Entry:
    keys: tuple[Key, ...] = ()             # in the order of their names
    met: Span = (0, 0)                     # the good sessions
    failing: int | None = None             # since the first deferral on account of this entry

    def an_hour_later(self) -> 'Entry':
        return Entry(tuple(replace(k, span=later(k.span)) for k in self.keys), later(self.met) or (0, 0),
                     None if self.failing is None else min(self.failing + 1, PATIENCE + 1))


@dataclass(frozen=True)
class Rules:
    """The rules of Section 9.4; each field is a variant."""
    of_november_24: bool = False           # the keys are those shown last, and any of them suffices
    refuse: bool = False                   # [BP-9.4-24]
    marks: bool = False                    # first draft: a withdrawn key is kept as withdrawn, and not noted again
    most_keys: int = KEYS                  # MaxMemoryKeys
    inherit_any: bool = True               # [BP-9.4-21]; first draft: a key inherits from one that counts only
    counting_stay: bool = True             # [BP-9.4-23]; first draft: a key that counts makes room for a new one
    refuse_young: bool = False             # first draft of [BP-9.4-24]: an entry is kept however young it is
    patience_of_age: bool = False          # not taken: patience is not longer than the entry had been known ([BP-9.4-10])

    def count(self, key: Key) -> bool:
        return not key.withdrawn and (self.of_november_24 or counts(key.span))

    def gives(self, key: Key) -> bool:
        """[BP-9.4-21]"""
        return not key.withdrawn if self.inherit_any else self.count(key)

    def read(self, entry: Entry | None) -> Entry | None:
        """The entry, if it is alive: [BP-9.4-5], [BP-9.4-10], [BP-9.4-24]."""
        if entry is None or entry.met[1] > LIFETIME:
            return None
        patience = min(PATIENCE, counts_for(entry.met[0])) if self.patience_of_age else PATIENCE
        kept = self.refuse and (self.refuse_young or entry.met[0] >= PATIENCE)
        return None if entry.failing is not None and entry.failing > patience and not kept else entry

    def fit(self, entry: Entry | None, record: Record) -> bool:
        """[BP-9.4-6]"""
        names = [k.name for k in entry.keys if self.count(k)] if entry else []
        return not names or any(n in record for n in names)

    def after_good_session(self, entry: Entry | None, record: Record) -> Entry:
        """[BP-9.4-7], [BP-9.4-9], [BP-9.4-21] to [BP-9.4-23]"""
        met = again(entry.met if entry else None)
        if self.of_november_24:
            return Entry(tuple(Key(n, (0, 0)) for n in sorted(record)), met)
        before = {k.name: k for k in entry.keys} if entry else {}
        inherited = max([again(before[n].span)[0] for n in record if n in before and self.gives(before[n])], default=0)
        withdraws = any(w == WITHDRAWS and n in before and not before[n].withdrawn for n, w in record.items())
        keys = {}
        for name, what in record.items():
            old = before.get(name)
            if what == WITHDRAWS:
                if old and self.marks:
                    keys[name] = Key(name, (0, 0), True)
            elif old is None or not old.withdrawn:
                keys[name] = Key(name, (max(again(old.span)[0] if old else 0, inherited), 0))
        for name, old in before.items():
            if name not in keys and (old.span[1] <= LIFETIME if old.withdrawn
                                     else self.count(old) and not withdraws and name not in record):
                keys[name] = old
        ranked = sorted(keys.values(), key=lambda k: (k.span[1], k.name))        # those last shown longest ago go first
        if self.counting_stay:
            ranked.sort(key=lambda k: not (k.name in before and self.count(before[k.name])))
        return Entry(tuple(sorted(ranked[:self.most_keys], key=lambda k: k.name)), met)

    @staticmethod
    def deferred(entry: Entry) -> Entry:
        """[BP-9.4-8]"""
        return replace(entry, failing=0) if entry.failing is None else entry


# ------------------------------------------------------------------------------------------------ The world
@dataclass(frozen=True)
class World:
    rules: Rules
    stages: tuple[Record | None, ...]      # the true server's ident record, one after the other; None: a server without BlackPony
    hold: int = 0                          # how long it stays in each stage at least
    own: str = 'a'                         # the attacker's own keys
    stolen: str = ''                       # keys of the server that he has
    from_stage: int = 0                    # since when
    withdraws: bool = True                 # whether he withdraws stolen keys
    attacks: bool = True                   # whether he has sessions with the client
    most_visits: int | None = None         # how many
    strips: bool = True                    # whether he strips the keyword
    queue: bool = False                    # mail that was deferred is tried again each hour, and reaches the true server
    patience: int = 2
    watch: tuple[str, ...] = ()            # what the check looks at in the state


@dataclass(frozen=True)
class State:
    entry: Entry | None = None
    stage: int = 0
    age: int = 0                           # of the stage
    visit: Span | None = None              # the attacker's good sessions since the true server's last one
    visits: int = 0
    true: Span | None = None               # the true server's good sessions since somebody else passed while no key of its counted
    waits: int | None = None               # since the first deferral of the true server after its last good session
    tried: bool = False                    # in this hour
    saw: frozenset[str] = frozenset()      # the keys that the client saw withdrawn by the true server
    stripped: int = 0                      # how often, 2 at most


Step = tuple[str, str, State]              # in words, the event, the next state


def say(record: Record) -> str:
    return ' and '.join(f'{w} {n}' for n, w in record.items()) or 'shows no key'


def steps(world: World, s: State) -> Iterator[Step]:
    if not (world.queue and s.waits is not None and not s.tried):
        yield ('an hour goes by', 'hour', replace(
            s, entry=s.entry and s.entry.an_hour_later(), age=min(s.age + 1, LIFETIME + 1), visit=later(s.visit), true=later(s.true),
            waits=None if s.waits is None else min(s.waits + 1, 2 * PATIENCE + 1), tried=False))
    if s.stage + 1 < len(world.stages) and s.age >= world.hold:
        record = world.stages[s.stage + 1]
        yield f'the true server begins to send: {say(record or {})}', 'stage', replace(s, stage=s.stage + 1, age=0)
    entry = world.rules.read(s.entry)
    yield true_session(world, s, entry)
    yield from attack(world, s, entry)


def true_session(world: World, s: State, entry: Entry | None) -> Step:
    record = world.stages[s.stage]
    if record is None and entry is None:
        return 'the true server gets mail in plaintext', 'plaintext', replace(s, entry=None, visit=None, visits=0, waits=None)
    if record is None or not world.rules.fit(entry, record):
        assert entry
        what = 'offers nothing' if record is None else say(record)
        return (f'the true server {what}: deferred', 'deferred',
                replace(s, entry=world.rules.deferred(entry), waits=s.waits or 0, tried=True))
    saw = s.saw | {n for n, w in record.items() if w == WITHDRAWS}
    return (f'the true server {say(record)}: good', 'good', replace(
        s, entry=world.rules.after_good_session(entry, record), visit=None, visits=0, true=again(s.true if entry else None),
        waits=None, saw=saw))


def attack(world: World, s: State, entry: Entry | None) -> Iterator[Step]:
    for record in records(world, s.stage) if world.attacks and (world.most_visits or s.visits + 1) > s.visits else []:
        if world.rules.fit(entry, record):
            known = entry and any(world.rules.count(k) and k.name not in world.own for k in entry.keys)
            yield (f'the attacker {say(record)}: good', 'attacker', replace(
                s, entry=world.rules.after_good_session(entry, record), visit=again(s.visit), true=s.true if known else None,
                visits=s.visits + 1 if world.most_visits else 0))
    if world.strips and entry is None:
        yield 'the attacker strips the keyword: plaintext', 'stripped', s
    elif world.strips and entry:
        yield ('the attacker strips the keyword: deferred', 'strip',
               replace(s, entry=world.rules.deferred(entry), stripped=min(s.stripped + 1, 2)))


def records(world: World, stage: int) -> Iterator[Record]:
    stolen = world.stolen if stage >= world.from_stage else ''
    for what in product(('', SHOWS, WITHDRAWS), repeat=len(world.own + stolen)):
        record = {n: w for n, w in zip(world.own + stolen, what) if w}
        if len(record) <= IDENTS and (world.withdraws or all(w == SHOWS for w in record.values())):
            yield record


# ------------------------------------------------------------------------------------------------ The search
UNSEEN: dict[str, object] = {'visit': None, 'true': None, 'waits': None, 'saw': frozenset(), 'stripped': 0}
Look = Callable[[World, State, str], bool]     # at a state, and the event that comes next


def noted(world: World, state: State) -> State:
    """The state without what the check does not look at: so there are fewer."""
    entry = state.entry
    if entry and not world.rules.patience_of_age and not world.rules.refuse:
        entry = replace(entry, met=(0, entry.met[1]))
    return replace(state, entry=entry, age=state.age if world.hold else 0,
                   **{name: value for name, value in UNSEEN.items() if name not in world.watch})


def search(world: World, looks_for: Look) -> tuple[list[str] | None, int]:
    """The shortest trace, if there is one, and the number of states."""
    global PATIENCE, LIFETIME
    PATIENCE, LIFETIME = world.patience, 2 * world.patience
    came: dict[State, tuple[State, str] | None] = {State(): None}
    todo = deque(came)
    while todo:
        state = todo.popleft()
        for words, event, after in steps(world, state):
            if looks_for(world, state, event):
                trace, at = [words], came[state]
                while at:
                    trace.append(at[1])
                    at = came[at[0]]
                return trace[::-1], len(came)
            after = noted(world, after)
            if after not in came:
                came[after] = (state, words)
                todo.append(after)
    return None, len(came)


# ------------------------------------------------------------------------------------------------ What is looked for
def lost(world: World, s: State, event: str) -> bool:
    """The true server is deferred."""
    return event == 'deferred'


def locked_out(world: World, s: State, event: str) -> bool:
    """The true server is deferred for longer after the attacker's last visit than he had been there."""
    return event == 'deferred' and (s.visit is None or not counts(s.visit))


def waits_longer_than_patience(world: World, s: State, event: str) -> bool:
    """... for longer than MemoryPatience, and the hour until it is tried again, after the attacker's last visit."""
    return event == 'deferred' and min(s.waits or 0, s.visit[1] if s.visit else LIFETIME) > PATIENCE + 1


def waits_longer_than_visits(world: World, s: State, event: str) -> bool:
    """... for longer than the attacker had been there, and that hour; where the client refuses, had he been there less than patience."""
    known = s.visit[0] if s.visit else 0
    return (event == 'deferred' and min(s.waits or 0, s.visit[1] if s.visit else LIFETIME) > counts_for(known) + 1
            and not (world.rules.refuse and known >= PATIENCE))


def queue_gives_up(world: World, s: State, event: str) -> bool:
    """A mail waits for twice MemoryPatience, whatever the visits in between."""
    return event == 'deferred' and (s.waits or 0) >= 2 * PATIENCE


def forgotten(world: World, s: State, event: str) -> bool:
    """The true server is deferred although the client had known its key for longer than it has not met the server."""
    return event == 'deferred' and s.true is not None and counts(s.true)


def passes(world: World, s: State, event: str) -> bool:
    """The attacker passes although the client had known the server's key for longer than it has not met the server."""
    return event == 'attacker' and s.true is not None and counts(s.true) and world.rules.read(s.entry) is not None


def passes_at_all(world: World, s: State, event: str) -> bool:
    """The attacker passes at a client that has met the server within MemoryLifetime."""
    return event == 'attacker' and s.true is not None and s.true[1] <= LIFETIME


def passes_with_withdrawn_key(world: World, s: State, event: str) -> bool:
    """The attacker passes, with a key that the client saw withdrawn or one that came in beside it, where a key of the server counts."""
    entry = world.rules.read(s.entry)
    return (event == 'attacker' and bool(s.saw) and entry is not None
            and any(world.rules.count(k) and k.name not in world.own + world.stolen for k in entry.keys))


def in_plaintext(world: World, s: State, event: str) -> bool:
    """Mail goes in plaintext to a server that was met within MemoryLifetime."""
    return event == 'stripped' and s.true is not None and s.true[1] <= LIFETIME


def in_plaintext_after_one(world: World, s: State, event: str) -> bool:
    """... where one connection was stripped before."""
    return in_plaintext(world, s, event) and s.stripped == 1


def in_plaintext_within_patience(world: World, s: State, event: str) -> bool:
    """... within MemoryPatience after it was met."""
    return event == 'stripped' and s.true is not None and s.true[1] <= PATIENCE


# ------------------------------------------------------------------------------------------------ The checks
HOLDS, TRACE = 'holds', 'trace'
K: Record = {'k': SHOWS}
BOTH: Record = {'k': SHOWS, 'n': SHOWS}
NEXT: Record = {'n': SHOWS, 'k': WITHDRAWS}
N: Record = {'n': SHOWS}
LONG = LIFETIME + 1                         # "at least MemoryLifetime": a key still counts at the very end of it
WAITS = ('visit', 'waits')
old, new = Rules(of_november_24=True), Rules()
draft = Rules(marks=True, inherit_any=False, counting_stay=False, refuse_young=True)
aged = Rules(patience_of_age=True)

CHECKS: list[tuple[str, str, str, World, Look]] = [
    # name, expected, what it means, world, what is looked for
    ('planted-old', TRACE, 'text of November 24: a key planted once locks the true server out',
     World(old, (K,), watch=('visit',)), locked_out),
    ('planted-old-twice', TRACE, '... and two visits make mail bounce',
     World(old, (K,), most_visits=2, strips=False, queue=True, patience=4, watch=WAITS), queue_gives_up),
    ('planted', HOLDS, 'a planted key counts for as long as the attacker had been there, at least MinKeyTime',
     World(new, (K,), own='ab', watch=('visit',)), locked_out),
    ('planted-rotation', HOLDS, '... also while the server rotates',
     World(new, (K, NEXT, N), hold=LONG, watch=('visit',)), locked_out),
    ('planted-no-ident', HOLDS, '... also where the true server has no IDENT key',
     World(new, ({},), own='ab', watch=('visit',)), locked_out),
    ('planted-patience', HOLDS, '... and no mail waits for longer than MemoryPatience after his last visit',
     World(new, (K,), queue=True, watch=WAITS), waits_longer_than_patience),
    ('planted-twice', HOLDS, 'two visits do not make mail bounce',
     World(new, (K,), most_visits=2, strips=False, queue=True, patience=4, watch=WAITS), queue_gives_up),
    ('planted-often', TRACE, 'admitted: visits do that double in distance, and then come once in MemoryPatience',
     World(new, (K,), strips=False, queue=True, patience=4, watch=WAITS), queue_gives_up),

    ('entry', TRACE, 'an entry planted for a server or a mail domain without BlackPony keeps its mail waiting for MemoryPatience',
     World(new, (None,), strips=False, queue=True, patience=3, watch=WAITS), waits_longer_than_visits),
    ('entry-patience', HOLDS, '... and not longer',
     World(new, (None,), strips=False, queue=True, patience=3, watch=WAITS), waits_longer_than_patience),
    ('entry-refuse-draft', TRACE, 'first draft: ... but if the client is configured to refuse, until it expires',
     World(replace(draft, refuse=True), (None,), most_visits=1, strips=False, queue=True, patience=3, watch=WAITS), waits_longer_than_patience),
    ('entry-refuse', HOLDS, 'one visit does not do that any more',
     World(replace(new, refuse=True), (None,), most_visits=1, strips=False, queue=True, patience=3, watch=WAITS), waits_longer_than_patience),
    ('entry-refuse-long', TRACE, 'admitted: visits that are MemoryPatience apart do',
     World(replace(new, refuse=True), (None,), strips=False, queue=True, patience=3, watch=WAITS), waits_longer_than_patience),
    ('entry-aged', HOLDS, 'not taken: patience with an entry is not longer than it had been known',
     World(aged, (None,), strips=False, queue=True, patience=3, watch=WAITS), waits_longer_than_visits),
    ('entry-aged-refuse', HOLDS, '... and an entry known for less than MemoryPatience goes, whatever is configured',
     World(replace(aged, refuse=True), (None,), strips=False, queue=True, patience=3, watch=WAITS), waits_longer_than_visits),

    ('pass', HOLDS, 'while its key counts nobody else passes for the server',
     World(new, (K,), own='ab', watch=('true',)), passes),
    ('pass-second', TRACE, 'admitted: a key seen once counts for MinKeyTime: at the second contact anybody passes',
     World(new, (K,), watch=('true',)), passes_at_all),
    ('pass-rotation-draft', TRACE, 'first draft: a server that rotates while its key does not count loses its age',
     World(draft, (K, NEXT, N), hold=LONG, watch=('true',)), passes),
    ('pass-rotation', HOLDS, '... also while it rotates',
     World(new, (K, NEXT, N), hold=LONG, watch=('true',)), passes),

    ('rotation', HOLDS, 'a rotation, the old key withdrawn beside the new one for MemoryLifetime, loses nobody',
     World(new, (K, NEXT, N), hold=LONG, attacks=False, strips=False), lost),
    ('rotation-both', HOLDS, '... also with both keys shown first',
     World(new, (K, BOTH, NEXT, N), hold=LONG, attacks=False, strips=False), lost),
    ('rotation-back', HOLDS, '... and from both the server can go back',
     World(new, (K, BOTH, K), attacks=False, strips=False), lost),
    ('rotation-unsigned', TRACE, 'a new key without the old one is a lost key',
     World(new, (K, N), attacks=False, strips=False), lost),
    ('rotation-withdrawn', TRACE, '... and so is a return to a withdrawn one',
     World(new, (K, NEXT, K), attacks=False, strips=False), lost),
    ('rotation-often', TRACE, 'more rotations within MemoryLifetime than a record has room for lose who was away',
     World(new, (K, NEXT, {'m': SHOWS, 'n': WITHDRAWS}), attacks=False, strips=False), lost),
    ('rotation-lost', HOLDS, 'a lost key: no mail waits for longer than MemoryPatience',
     World(new, (K, N), attacks=False, strips=False, queue=True, watch=WAITS), waits_longer_than_patience),

    ('old-key-old', TRACE, 'text of November 24: a stolen old key passes, and then locks the true server out',
     World(old, (BOTH, N), stolen='k', withdraws=False, strips=False, watch=('true',)), forgotten),
    ('old-key', HOLDS, 'a stolen old key that the client saw withdrawn never passes while a key of the server counts',
     World(new, (K, NEXT, N), stolen='k', from_stage=1, strips=False, watch=('saw',)), passes_with_withdrawn_key),
    ('old-key-marks', HOLDS, '... nor if the client kept withdrawn keys as withdrawn, as in the first draft',
     World(replace(new, marks=True), (K, NEXT, N), stolen='k', from_stage=1, strips=False, watch=('saw',)), passes_with_withdrawn_key),

    ('theft-heals', HOLDS, 'a stolen key withdrawn, the thief and every key that he planted beside it are out',
     World(new, (K, NEXT, N), stolen='k', watch=('saw',)), passes_with_withdrawn_key),
    ('theft-push-draft', TRACE, 'first draft: a thief pushes the true key out by as many of his own as an entry has room for',
     World(replace(draft, most_keys=2), (K,), own='ab', stolen='k', withdraws=False, strips=False, watch=('true',)), forgotten),
    ('theft-push', HOLDS, 'a key that counts makes no room for another',
     World(replace(new, most_keys=2), (K, NEXT), own='ab', stolen='k', withdraws=False, strips=False, watch=('true',)), forgotten),
    ('theft-withdraw', TRACE, 'a thief who withdraws the stolen key takes the place of the true server',
     World(new, (K, NEXT), stolen='k', strips=False, watch=('true',)), forgotten),
    ('theft-withdraw-other', TRACE, '... also of one that has another key, which he has not',
     World(new, (BOTH, {'n': SHOWS, 'k': WITHDRAWS}), stolen='k', strips=False, watch=('true',)), forgotten),
    ('theft-patience', HOLDS, '... but no mail waits for longer than MemoryPatience after his last visit',
     World(new, (K, NEXT), stolen='k', strips=False, queue=True, watch=WAITS), waits_longer_than_patience),

    ('plaintext', TRACE, 'admitted: after MemoryPatience without BlackPony mail goes in plaintext',
     World(new, (K,), attacks=False, watch=('true',)), in_plaintext),
    ('plaintext-two', TRACE, '... two stripped connections suffice where there is no mail in between',
     World(new, (K,), attacks=False, watch=('true', 'stripped')), in_plaintext_after_one),
    ('plaintext-patience', HOLDS, '... but not within MemoryPatience after a good session',
     World(new, (K,), attacks=False, watch=('true',)), in_plaintext_within_patience),
    ('plaintext-refuse', TRACE, '... also if the client is configured to refuse, where the entry had not been known for MemoryPatience',
     World(replace(new, refuse=True), (K,), watch=('true',)), in_plaintext),
    ('plaintext-refuse-draft', HOLDS, 'first draft: it never does then',
     World(replace(draft, refuse=True), (K,), watch=('true',)), in_plaintext),
    ('plaintext-aged', TRACE, 'the price of the repair of "entry": a server met once is given up after MinKeyTime',
     World(aged, (K,), attacks=False, watch=('true',)), in_plaintext_within_patience),
]


def main(arguments: list[str]) -> int:
    if '--help' in arguments or '-h' in arguments:
        print((__doc__ or '').strip())
        return 0
    traces = '--trace' in arguments
    names = [a for a in arguments if a != '--trace']
    wrong = [n for n in names if not any(c[0].startswith(n) for c in CHECKS)]
    if wrong:
        print(f'memory.py: no check {wrong[0]}; --help says more', file=sys.stderr)
        return 2
    bad = 0
    for name, expected, meaning, world, looks_for in CHECKS:
        if names and not any(name.startswith(n) for n in names):
            continue
        began = time.process_time()
        trace, states = search(world, looks_for)
        got = TRACE if trace else HOLDS
        bad += got != expected
        print(f'{name:24}{got:6}{"" if got == expected else f"<<<<<< expected {expected} "} {meaning}'
              f' ({states} states, {time.process_time() - began:.1f} s)')
        for step in trace if trace and traces else []:
            print(f'    {step}')
        sys.stdout.flush()
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

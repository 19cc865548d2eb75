"""Section 9.4: the memory of the policy remembered, in a file of one JSON entry a line."""

import contextlib
import fcntl
import ipaddress
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from .limits import MAX_MEMORY_ENTRIES, MAX_MEMORY_PER_OWNER, MEMORY_LIFETIME, MEMORY_PATIENCE

log = logging.getLogger("blackpony")


class MemoryUnusable(Exception):
    """The memory cannot be read or written: a temporary failure of delivery [BP-9.4-12, BP-9.4-18]."""


@dataclass(frozen=True)
class Entry:
    """One server: its last good session, its IDENT keys (hexadecimal) and since when it fails to show itself."""

    name: str
    port: int
    good: float
    idents: tuple[str, ...] = ()
    failing: float | None = None


def canonical(name: str) -> str:
    """A server's name: lower case, no final dot, A-labels; an address as it is [BP-9.4-1]."""
    try:
        return str(ipaddress.ip_address(name.strip("[]").lower().removeprefix("ipv6:")))
    except ValueError:
        name = name.lower().rstrip(".")
    return name if name.isascii() else name.encode("idna").decode()


def owner(name: str) -> str:
    """Whom a name belongs to, as well as a client can tell [BP-9.4-16]."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(name)
        return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))
    labels = name.split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3 else labels[-2:])


class Memory:
    """What a client remembers; path None keeps it in the process only."""

    def __init__(self, path: str | None, warn: Callable[[str], None] = log.warning) -> None:
        self._path, self._warn = path, warn
        self._entries: dict[tuple[str, int], Entry] = {}

    def lookup(self, name: str, port: int, now: float) -> Entry | None:
        """The entry of a server, before a delivery."""
        with self._open(now):
            return self._entries.get((canonical(name), port))

    def good(self, name: str, port: int, now: float, idents: Sequence[str]) -> None:
        """Writes or renews an entry after a good session [BP-9.4-2, BP-9.4-7, BP-9.4-9]."""
        with self._open(now):
            key = canonical(name), port
            owned = sum(owner(entry.name) == owner(key[0]) for entry in self._entries.values())
            if key in self._entries or (len(self._entries) < MAX_MEMORY_ENTRIES and owned < MAX_MEMORY_PER_OWNER):
                self._entries[key] = Entry(*key, now, tuple(dict.fromkeys(idents)))
            else:  # nothing is removed to make room [BP-9.4-13, BP-9.4-15 to 17]
                self._warn(f"no room in the memory for {name}")

    def not_shown(self, name: str, port: int, now: float) -> None:
        """A deferral on account of the entry, if there is one [BP-9.4-8]."""
        with self._open(now):
            entry = self._entries.get((canonical(name), port))
            if entry and entry.failing is None:
                self._entries[entry.name, port] = replace(entry, failing=now)

    @contextlib.contextmanager
    def _open(self, now: float) -> Iterator[None]:
        """Reads the file, and writes it again; another process waits meanwhile. MemoryUnusable if that is not possible."""
        if self._path is None:
            self._sweep(now)
            yield
            return
        try:
            with open(os.open(self._path + ".lock", os.O_RDWR | os.O_CREAT, 0o600), "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._read(self._path)
                self._sweep(now)
                yield
                with open(os.open(self._path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                    file.writelines(json.dumps(vars(entry)) + "\n" for entry in self._entries.values())
                    file.flush()
                    os.fsync(file.fileno())  # a crash must not leave an empty memory [BP-9.4-12]
                os.replace(self._path + ".new", self._path)
        except (OSError, UnicodeError) as error:
            raise MemoryUnusable(str(error)) from error

    def _read(self, path: str) -> None:
        self._entries, lines = {}, list[str]()
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            lines = file.readlines()
        for line in lines:
            try:
                entry = Entry(**json.loads(line, parse_constant=bytes.fromhex))  # neither NaN nor Infinity
                failing = None if entry.failing is None else float(entry.failing)
                idents = tuple(bytes.fromhex(key).hex() for key in entry.idents)
                entry = Entry(str(entry.name), int(entry.port), float(entry.good), idents, failing)
                self._entries[entry.name, entry.port] = entry
            except (ValueError, TypeError, OverflowError, RecursionError):  # [BP-9.4-14]
                self._warn("an entry of the memory cannot be read")

    def _sweep(self, now: float) -> None:
        """Expiry and patience; a clock that ran backward makes a time count as now [BP-9.4-5, BP-9.4-10, BP-9.4-11]."""
        for key, entry in list(self._entries.items()):
            failing = None if entry.failing is None else min(entry.failing, now)
            self._entries[key] = entry = replace(entry, good=min(entry.good, now), failing=failing)
            if now - entry.good > MEMORY_LIFETIME:
                del self._entries[key]
            elif entry.failing is not None and now - entry.failing > MEMORY_PATIENCE:
                del self._entries[key]
                self._warn(f"{entry.name} has not shown itself for too long and is forgotten")

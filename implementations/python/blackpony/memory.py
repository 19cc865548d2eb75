"""Section 9.4: the memory of the policy remembered, in a file of one JSON entry a line after a first line that says what it is.

A place is a server's name and port, or a mail domain and 0. IDENT keys are in hexadecimal, and times in seconds.
"""

import contextlib
import fcntl
import ipaddress
import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .keys import Idents
from .limits import MAX_MEMORY_ENTRIES, MAX_MEMORY_KEYS, MAX_MEMORY_PER_OWNER, MEMORY_LIFETIME, MEMORY_PATIENCE, MIN_KEY_TIME

log = logging.getLogger("blackpony")

HEADER = '"BlackPony memory"\n'  # so that an empty file is a file that lost its entries [BP-9.4-12]


class MemoryUnusable(Exception):
    """The memory cannot be read or written: a temporary failure of delivery [BP-9.4-12, BP-9.4-18]."""


class Entry(NamedTuple):
    """A place, with its first and its last good session, and since when it fails to show itself.

    A server's IDENT keys have the times of their first and their last showing.
    """

    name: str
    port: int
    first: float
    good: float
    failing: float | None = None
    idents: dict[str, tuple[float, float]] = {}

    def counting(self, now: float) -> set[str]:
        """The keys that count [BP-9.4-20]."""
        times = ((key, last, last - first) for key, (first, last) in self.idents.items())
        return {key for key, last, known in times if now - last <= min(max(known, MIN_KEY_TIME), MEMORY_LIFETIME)}

    def fits(self, now: float, idents: Idents) -> bool:
        """Whether it is the server that is known [BP-9.4-6]."""
        return not (counting := self.counting(now)) or not counting.isdisjoint((*idents[0], *idents[1]))

    def renewed(self, now: float, idents: Idents) -> "Entry":
        """What it is after a good session [BP-9.4-7, BP-9.4-9, BP-9.4-21 to 23]."""
        (shown, withdrawn), old = idents, self.idents
        eldest = min((old[key][0] for key in (*shown, *withdrawn) if key in old), default=now)
        keep = {*shown} if set(old) & set(withdrawn) else {*shown, *self.counting(now)}
        keys = list(dict.fromkeys([*(key for key in old if key in keep), *shown]))[: MAX_MEMORY_KEYS if self.port else 0]
        return self._replace(good=now, failing=None, idents={key: (eldest, now) if key in shown else old[key] for key in keys})

    def timed(self, clock: Callable[[Any], float]) -> "Entry":
        """The entry with other times, and its fields of the types that they have."""
        failing = None if self.failing is None else clock(self.failing)
        idents = {bytes.fromhex(key).hex(): (clock(first), clock(last)) for key, (first, last) in self.idents.items()}
        return Entry(str(self.name), int(self.port), clock(self.first), clock(self.good), failing, idents)


def canonical(name: str) -> str:
    """A server's name: lower case, no final dot, A-labels; an address as it is [BP-9.4-1]."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name.strip("[]").lower().removeprefix("ipv6:")))
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

    def __init__(self, path: str | None, warn: Callable[[str], None] = log.warning, refuse: bool = False) -> None:
        """With refuse, mail for a place that has not shown itself for too long is refused, not sent in plaintext [BP-9.4-24]."""
        self._path, self._warn, self._refuse = path, warn, refuse
        self._entries: dict[tuple[str, int], Entry] = {}

    def lookup(self, name: str, port: int, now: float) -> Entry | None:
        """The entry of a place, before a delivery."""
        with self._open(now):
            return self._entries.get((canonical(name), port))

    def good(self, name: str, port: int, now: float, idents: Idents = ((), ())) -> None:
        """Writes or renews an entry after a good session [BP-9.4-2, BP-9.4-19]."""
        with self._open(now):
            place = canonical(name), port
            owned = sum(owner(entry.name) == owner(place[0]) for entry in self._entries.values())
            if place in self._entries or (len(self._entries) < MAX_MEMORY_ENTRIES and owned < MAX_MEMORY_PER_OWNER):
                self._entries[place] = self._entries.get(place, Entry(*place, now, now)).renewed(now, idents)
            else:  # nothing is removed to make room [BP-9.4-13, BP-9.4-15 to 17]
                self._warn(f"no room in the memory for {name}")

    def not_shown(self, name: str, port: int, now: float) -> bool:
        """A deferral on account of the entry, if there is one [BP-9.4-8]: whether it is for good [BP-9.4-24]."""
        with self._open(now):
            entry = self._entries.get((canonical(name), port))
            if entry and entry.failing is None:
                self._entries[entry.name, port] = entry._replace(failing=now)
            return bool(entry and entry.failing is not None and now - entry.failing > MEMORY_PATIENCE)

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
                    file.writelines((HEADER, *(json.dumps(entry._asdict()) + "\n" for entry in self._entries.values())))
                    file.flush()
                    os.fsync(file.fileno())  # a crash must not leave an empty memory [BP-9.4-12]
                os.replace(self._path + ".new", self._path)
        except (OSError, UnicodeError) as error:
            raise MemoryUnusable(str(error)) from error

    def _read(self, path: str) -> None:
        self._entries, lines = {}, [HEADER]
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:  # [BP-9.4-26]
            lines = file.readlines()
        if not lines:  # [BP-9.4-12]
            raise MemoryUnusable(f"{path} is empty, and so no memory: remove it, and the memory starts empty")
        for line in lines[lines[0] == HEADER :]:  # an earlier version wrote no first line
            try:
                fields = json.loads(line, parse_constant=bytes.fromhex)  # neither NaN nor Infinity
                if set(fields) == {"name", "port", "good", "idents", "failing"}:
                    raise MemoryUnusable(f"{path} is of an older form, without first times: remove it, and the memory starts empty")
                entry = Entry(**fields).timed(float)
                self._entries[entry.name, entry.port] = entry
            except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):  # [BP-9.4-14]
                self._warn("an entry of the memory cannot be read")

    def _sweep(self, now: float) -> None:
        """Expiry and patience; a clock that ran backward makes a time count as now [BP-9.4-5, BP-9.4-10, BP-9.4-11]."""
        for place, entry in list(self._entries.items()):
            self._entries[place] = entry = entry.timed(lambda time: float(min(time, now)))
            stays = self._refuse and entry.good - entry.first >= MEMORY_PATIENCE
            stays = stays and now - entry.good <= MEMORY_LIFETIME
            if entry.failing is not None and now - entry.failing > MEMORY_PATIENCE and not stays:
                del self._entries[place]
                self._warn(f"{entry.name} has not shown itself for too long and is forgotten")
            elif now - entry.good > MEMORY_LIFETIME:
                del self._entries[place]

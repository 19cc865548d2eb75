"""Section 9: smtplib's SMTP client with XBLACKPONY, its policies, and the way back to plain SMTP.

    with blackpony.smtplib.SMTP("mx.b.test", 25, policy="required") as smtp:
        smtp.sendmail(sender, recipients, message)
"""

import contextlib
import logging
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .channel import Channel, SecureChannel
from .limits import Timeouts
from .memory import Entry, Memory, MemoryUnusable
from .negotiation import ClientUpgrade, MalformedReply, Offer, Reply, ReplyReader
from .suites import DEFAULT_SUITES, ROT, Draw, NoRandomness, RsaKeys, system_random

log = logging.getLogger("blackpony")


@dataclass(frozen=True)
class SessionReport:
    """What became of XBLACKPONY in a session, with the words of Section 11.1 [BP-11.1-1]."""

    peer: str
    suite: str | None = None
    reason: str | None = None  # why it is plain SMTP
    downgrade: bool = False  # [BP-9.2-5]

    @property
    def encrypted(self) -> bool:
        """ROT is not encrypted [BP-5.5-10]."""
        return self.suite not in (None, ROT.name)

    def __str__(self) -> str:
        how = f"{'encrypted' if self.encrypted else 'not encrypted'}{f', V1 {self.suite}' if self.suite else ''}"  # [BP-11.1-2]
        return f"{self.peer}: {how}{f', {self.reason}' if self.reason else ''}{', DOWNGRADE' * self.downgrade}"


class Deferred(smtplib.SMTPException):
    """The policy, or the server, defers the mail: a temporary failure. reason is a word of Section 11.1."""

    def __init__(self, reason: str, text: object) -> None:
        super().__init__(f"451 4.7.0 deferred, {reason}: {text}")
        self.reason = reason


@dataclass(frozen=True)
class ClientSettings:
    """What SMTP takes by name.

    policy is "opportunistic" [BP-9.1-1], "remembered", with a memory, or "required"; suites are those accepted, in order
    of preference, and ROT only if it is named here [BP-5.5-9]; name is the server's, if the host is its address. draw is
    for tests [BP-B-2].
    """

    policy: str = "opportunistic"
    suites: Sequence[str] = DEFAULT_SUITES
    memory: Memory | None = None
    name: str | None = None
    timeouts: Timeouts = Timeouts()
    rsa: RsaKeys = field(default_factory=RsaKeys)
    draw: Draw = system_random
    shift: int = 13
    clock: Callable[[], float] = time.time


class SMTP(smtplib.SMTP):
    """An smtplib client whose sendmail upgrades first, and falls back or defers as its policy says."""

    def __init__(self, host: str = "", port: int = 0, local_hostname: str | None = None, **settings: Any) -> None:
        self.settings = ClientSettings(**settings)
        self.policy, self.name = self.settings.policy, ""
        self.report: SessionReport | None = None
        super().__init__(host, port, local_hostname, self.settings.timeouts.connect)

    # Connections, octets and replies

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """As smtplib's; the session begins again."""
        self.name, self.report = self.settings.name or host, None
        return self._begin(host, port, source_address)

    def _begin(self, host: str, port: int, source_address: Any = None) -> tuple[int, bytes]:
        self.channel = Channel()
        self._reader, self._reply = ReplyReader(), Reply(0, ())
        self._ehlo_lines: tuple[bytes, ...] = ()
        self._tls = self._starting_tls = self._ended = False
        self._patience = self.settings.timeouts.greeting
        self._forget()
        greeting = super().connect(host, port, source_address)
        self._patience = self.settings.timeouts.reply
        return greeting

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = socket.create_connection((host, port), timeout, self.source_address)
        self._peer: tuple[str, int] = sock.getpeername()[:2]
        return sock

    def _read(self, deadline: float) -> bytes:
        """What comes next, as SMTP's octets; none also where records bring none, and at the end."""
        assert self.sock
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time-out has gone by")
        self.sock.settimeout(left)
        octets = self.sock.recv(65536)
        self._ended = not octets
        data = self.channel.receive(octets)
        if self._ended:
            self.channel.end()
        with contextlib.suppress(OSError):  # what the peer sent counts, even if it takes no more
            self.sock.sendall(self.channel.take())
        return data

    def _more(self) -> bool:
        return self.sock is not None and not self._ended and self.channel.state == "open"

    def send(self, s: Any) -> None:
        """As smtplib's, through the channel."""
        if self.sock:
            self.sock.settimeout(self._patience)
        self.channel.send(s.encode(self.command_encoding) if isinstance(s, str) else bytes(s))
        if not self._more():
            raise smtplib.SMTPServerDisconnected("the session has ended")
        super().send(self.channel.take())

    def getreply(self) -> tuple[int, bytes]:
        """The next reply; a malformed one ends the session [BP-4.3-11, BP-4.3-13]."""
        deadline = time.monotonic() + self._patience
        try:
            while (reply := self._reader.next()) is None:
                if not self._more():
                    raise MalformedReply("the connection ended before the reply")
                self._reader.feed(self._read(deadline))
        except (OSError, MalformedReply) as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(str(error)) from error
        self._reply = reply
        return reply.code, reply.text

    def close(self) -> None:
        """Closes the channel, ends the own direction, and reads what still comes for a while (Section 8.1)."""
        sock, times = self.sock, self.settings.timeouts
        if sock and not isinstance(sock, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                self.channel.close()
                sock.sendall(self.channel.take())
                deadline = time.monotonic() + times.close
                while self.channel.state == "closing":
                    self._read(deadline)
                sock.shutdown(socket.SHUT_WR)
                deadline = time.monotonic() + times.linger
                while not self._ended:
                    self._read(deadline)
            log.info("%s: closed: %s", self.name, self.channel.closed())
        super().close()

    # Section 4 and 9

    def ehlo(self, name: str = "") -> tuple[int, bytes]:
        """As smtplib's; the offer is that of the last positive reply [BP-4.1-14]."""
        code, text = super().ehlo(name)
        if 200 <= code < 300:
            self._ehlo_lines = self._reply.lines
        return code, text

    def starttls(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """As smtplib's, but not after an upgrade, and no upgrade after it [BP-4.7-2]."""
        if self.channel.switched:
            raise smtplib.SMTPException("no STARTTLS after XBLACKPONY")
        self._starting_tls = True
        try:
            code, text = super().starttls(*args, **kwargs)
        finally:
            self._starting_tls, self._tls = False, isinstance(self.sock, ssl.SSLSocket)
        if self._tls:
            self._reader, self._ehlo_lines, self.report = ReplyReader(), (), None
        return code, text

    def ehlo_or_helo_if_needed(self) -> None:
        """What sendmail, send_message and login begin with: here it is xblackpony."""
        if self._starting_tls:
            super().ehlo_or_helo_if_needed()
        elif self.report is None:
            self.xblackpony()

    def mail(self, sender: str, options: Sequence[str] = ()) -> tuple[int, bytes]:
        """As smtplib's; nothing goes out before the policy has been asked [BP-9.1-2, BP-9.3-1]."""
        self.ehlo_or_helo_if_needed()
        return super().mail(sender, options)

    def xblackpony(self, policy: str | None = None) -> SessionReport:
        """Upgrades if the server can, up to the EHLO inside, or falls back as the policy says; Deferred if it says no."""
        if self.report is not None:
            raise smtplib.SMTPException("xblackpony is for once in a connection")  # [BP-4.2-11]
        self.policy = policy or self.policy
        if self.policy not in ("opportunistic", "remembered", "required") or (self.policy == "remembered" and not self._memory):
            raise ValueError(f"no policy {self.policy}, or no memory for it")
        try:
            entry = self._memory.lookup(self.name, self._peer[1], self.settings.clock()) if self._memory else None
            strict = self.policy == "required" or entry is not None
            reason = self._upgrade(strict)
        except MemoryUnusable as error:  # [BP-9.4-12, BP-9.4-18]
            raise self._defer("remembered", error) from error
        except NoRandomness as error:  # [BP-5.1-15]
            self.close()
            raise Deferred("no-randomness", "no random octets") from error
        if reason is None:
            self._inside(entry)
        else:
            self._fall_back(reason, strict, entry)
        assert self.report
        log.log(logging.WARNING if self.report.downgrade else logging.INFO, "%s", self.report)
        return self.report

    @property
    def _memory(self) -> Memory | None:
        return self.settings.memory if self.policy == "remembered" else None

    def _defer(self, reason: str, text: object) -> Deferred:
        """Ends a session in order [BP-9.1-7]; for raise."""
        with contextlib.suppress(OSError):
            if self.sock:
                self.quit()
        self.close()
        return Deferred(reason, text)

    def _upgrade(self, strict: bool) -> str | None:
        """One or two XBLACKPONY commands; None if the session is inside now, else why not."""
        if not self._ehlo_lines and not self._hello(self.ehlo):
            return "ehlo-refused"
        offer = None if self._tls else Offer.find(self._ehlo_lines)
        if offer is None:
            return "not-offered"
        outcome = "no-common-suite"
        accepted = [suite for suite in self.settings.suites if suite != ROT.name or not strict]  # [BP-9.1-4]
        for suite in offer.common(accepted)[: 1 if strict else 2]:  # [BP-4.2-10, BP-4.8-7]
            upgrade = ClientUpgrade(offer.line, suite, self.settings.draw, self.settings.rsa, self.settings.shift)
            outcome = self._exchange(upgrade)
            if outcome in ("records", "rot"):
                self.report = SessionReport(self.name, suite)
                return None
            if outcome != "refused" or self._reply.code != 504 or len(upgrade.lines) > 2:  # [BP-4.2-11, BP-4.8-4]
                break
        return outcome

    def _hello(self, greet: Callable[[], tuple[int, bytes]]) -> bool:
        """EHLO or HELO: False if it is refused with 5yz; Deferred by [BP-9.2-9]."""
        try:
            code, _ = greet()
        except OSError as error:  # smtplib's exceptions too
            raise Deferred("unreachable", error) from error
        if not 200 <= code < 300 and code < 500:
            raise self._defer("unreachable", f"EHLO or HELO answered with {code}")
        return code < 300

    def _exchange(self, upgrade: ClientUpgrade) -> str:
        """One command, with what belongs to it up to the two Finished; a broken upgrade is closed."""
        outcome = "continuation"
        try:
            while outcome in ("continuation", "cancel"):
                self.send(upgrade.next_line + b"\r\n")
                self.getreply()
                outcome = upgrade.receive(self._reply)
            if upgrade.channel:
                self.channel = upgrade.channel
                self._forget()
                self._reader.feed(self.channel.receive(self._reader.rest()))  # [BP-4.3-9]
                deadline = time.monotonic() + self._patience
                while not self.channel.verified and self._more():
                    self._reader.feed(self._read(deadline))
        except OSError:  # smtplib's exceptions too
            outcome = "broken"
        if outcome == "broken" or not self.channel.verified:
            self.close()
            return "broken"
        with contextlib.suppress(OSError):  # from here on there is no way back to plaintext [BP-9.2-6]
            super().send(self.channel.take())  # the own Finished [BP-6.3-4]
        return outcome

    def _forget(self) -> None:
        """What the plaintext session told [BP-4.5-1, BP-4.5-6]."""
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features, self.does_esmtp = {}, False

    def _inside(self, entry: Entry | None) -> None:
        """The greeting inside [BP-4.5-2], IDENT and the memory (Section 9.4)."""
        if not self._hello(self.ehlo) and not self._hello(self.helo):
            raise self._defer("unreachable", "EHLO and HELO refused")
        if not self._memory or not isinstance(self.channel, SecureChannel):
            return
        shown = [key.hex() for key in self.channel.public_keys]
        if entry and entry.idents and not set(shown) & set(entry.idents):  # [BP-9.4-6]
            self._memory.not_shown(self.name, self._peer[1], self.settings.clock())
            self.close()
            raise Deferred("ident-mismatch" if shown else "ident-missing", "not the key that the server is known by")
        self._memory.good(self.name, self._peer[1], self.settings.clock(), shown)

    def _fall_back(self, reason: str, strict: bool, entry: Entry | None) -> None:
        """Plain SMTP in this connection, or in a fresh one if the upgrade broke; Deferred if it may not be."""
        if strict:
            if self._memory:
                self._memory.not_shown(self.name, self._peer[1], self.settings.clock())
            raise self._defer("remembered" if entry and reason not in ("broken", "ehlo-refused") else reason, "the server does not upgrade")
        helo = reason == "ehlo-refused"
        if reason == "broken":  # [BP-9.2-2, BP-9.2-3]
            log.warning("%s", SessionReport(self.name, None, reason, True))
            self.open(self._peer)
            helo = not self._hello(self.ehlo)
        if helo and not self._hello(self.helo):  # [BP-9.2-8]
            raise self._defer("unreachable", "EHLO and HELO refused")
        self.report = SessionReport(self.name, None, reason, reason == "broken")

    def open(self, address: tuple[str, int]) -> None:
        """A connection to an address that greets with 220; Deferred without one [BP-9.2-4, BP-9.2-9]."""
        try:
            code, _ = self._begin(*address)
        except OSError as error:  # smtplib's exceptions too
            raise Deferred("unreachable", error) from error
        if code != 220:
            self.close()
            raise Deferred("unreachable", f"greeted with {code}")


def deliver(
    hosts: Iterable[str],
    port: int,
    sender: str,
    recipients: Sequence[str],
    message: bytes,
    local_hostname: str | None = None,
    **settings: Any,
) -> tuple[SessionReport, dict[str, tuple[int, bytes]]]:
    """Delivers to the first address that takes the session, as the policy says [BP-9.1-5, BP-9.2-4].

    hosts are mail exchangers in order of preference; settings are those of SMTP. Returns the report and the recipients
    that were refused; raises Deferred, or what smtplib's sendmail raises.
    """
    last, places = Deferred("unreachable", "no address"), list[tuple[str, str]]()
    for host in hosts:
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
            places += [(host, str(address[0])) for *_, address in found]
        except OSError as error:
            log.warning("%s: %s", host, error)
    for name, address in places:
        smtp = SMTP(local_hostname=local_hostname, **settings)
        smtp.name = name
        try:
            smtp.open((address, port))
            report = smtp.xblackpony()
        except Deferred as deferred:
            log.warning("%s: %s", name, deferred)
            last = deferred
            continue
        try:
            eight = any(octet > 127 for octet in message) and smtp.has_extn("8bitmime")
            return report, smtp.sendmail(sender, recipients, message, ["BODY=8BITMIME"] if eight else [])
        finally:
            with contextlib.suppress(OSError):
                smtp.quit()
            smtp.close()
    raise last

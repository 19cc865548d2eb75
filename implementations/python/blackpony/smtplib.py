"""Section 9: smtplib's SMTP client with XBLACKPONY, its policies, and the way back to plain SMTP.

    with blackpony.smtplib.SMTP("mx.b.test", 25, policy="required") as smtp:
        smtp.sendmail(sender, recipients, message)
"""

import contextlib
import dataclasses
import logging
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .channel import Channel, SecureChannel, closing_word
from .limits import Timeouts
from .memory import Entry, Memory, MemoryUnusable
from .negotiation import ClientUpgrade, MalformedReply, Offer, Reply, ReplyReader
from .suites import DEFAULT_SUITES, ROT, Draw, NoRandomness, RsaKeys, system_random

log = logging.getLogger("blackpony")
Address = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class SessionReport:
    """What became of XBLACKPONY in a session, with the words of Section 11.1 [BP-11.1-1, BP-11.1-2]."""

    peer: str
    suite: str | None = None
    reason: str | None = None  # why it is plain SMTP
    downgrade: bool = False  # [BP-9.2-5]

    @property
    def encrypted(self) -> bool:
        """ROT is not encrypted [BP-5.5-10]."""
        return self.suite not in (None, ROT.name)

    def __str__(self) -> str:
        how = (
            f"encrypted, V1 {self.suite}"
            if self.encrypted
            else "not encrypted" + (f", {self.suite}" if self.suite else "")
        )
        return f"{self.peer}: {how}" + (f", {self.reason}" if self.reason else "") + (", DOWNGRADE" * self.downgrade)


class Deferred(smtplib.SMTPException):
    """The policy, or the server, defers the mail; a temporary failure. reason is a word of Section 11.1."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"451 4.7.0 deferred, {reason}: {text}")
        self.reason = reason


class SMTP(smtplib.SMTP):
    """An smtplib client whose sendmail upgrades first, and falls back or defers as its policy says.

    policy is "opportunistic" [BP-9.1-1], "remembered" (with a memory) or "required"; suites are those accepted, in
    order of preference, and ROT only if it is named here [BP-5.5-9]. draw is for tests [BP-B-2].
    """

    def __init__(
        self,
        host: str = "",
        port: int = 0,
        local_hostname: str | None = None,
        *,
        policy: str = "opportunistic",
        suites: Sequence[str] = DEFAULT_SUITES,
        memory: Memory | None = None,
        timeouts: Timeouts = Timeouts(),
        source_address: Address | None = None,
        rsa: RsaKeys | None = None,
        draw: Draw = system_random,
        shift: int = 13,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.policy, self.suites, self.memory, self.timeouts = policy, suites, memory, timeouts
        self._rsa, self._draw, self._shift, self._clock = rsa or RsaKeys(), draw, shift, clock
        self.report: SessionReport | None = None
        self._name, self._peer = "", ("", 0)
        self._reset()
        super().__init__(host, port, local_hostname, timeouts.connect, source_address)

    def _reset(self) -> None:
        self.channel: Channel | None = None
        self._reader, self._reply = ReplyReader(), Reply(0, ())
        self._ehlo_lines: tuple[bytes, ...] = ()
        self._tls, self._patience = False, self.timeouts.greeting

    # Connections, octets and replies

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """As smtplib's; the session begins anew."""
        self.report, self._name = None, host
        return self._connect(host, port, source_address)

    def open(self, name: str, address: Address) -> None:
        """Connects to one address of a server, which the memory knows by its name; Deferred if it does not greet."""
        self.report, self._name = None, name
        self._greeted(*address)

    def _connect(self, host: str, port: int, source_address: Any = None) -> tuple[int, bytes]:
        self._reset()
        self._forget()
        code, text = super().connect(host, port, source_address)
        self._patience = self.timeouts.reply
        return code, text

    def _greeted(self, host: str, port: int) -> None:
        try:
            code, text = self._connect(host, port)
        except (OSError, smtplib.SMTPException) as error:
            raise Deferred("unreachable", str(error)) from error
        if code != 220:
            self.close()
            raise Deferred("unreachable", f"greeted with {code}")

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = socket.create_connection((host, port), self.timeouts.connect, self.source_address)
        self._peer = sock.getpeername()[:2]
        return sock

    def _receive(self, deadline: float) -> bytes:
        """SMTP's next octets; none where the connection, or the channel, is at its end."""
        while self.sock and (not self.channel or self.channel.state == "open"):
            self.sock.settimeout(max(deadline - time.monotonic(), 0.001))
            octets = self.sock.recv(65536)
            if not octets:
                if self.channel:
                    self.channel.end()
                return b""
            if not self.channel:
                return octets
            data = self.channel.receive(octets)
            with contextlib.suppress(OSError):  # what the peer sent is worth more than what it does not take
                self.sock.sendall(self.channel.take())
            if data:
                return data
        return b""

    def send(self, s: Any) -> None:
        """As smtplib's, through the channel."""
        if self.sock:
            self.sock.settimeout(self.timeouts.reply)
        if not self.channel:
            return super().send(s)
        self.channel.send(s.encode(self.command_encoding) if isinstance(s, str) else bytes(s))
        if not self.sock or self.channel.state != "open":
            raise smtplib.SMTPServerDisconnected("the session has ended")
        return super().send(self.channel.take())

    def getreply(self) -> tuple[int, bytes]:
        """The next reply; a malformed one ends the session [BP-4.3-11, BP-4.3-13]."""
        deadline = time.monotonic() + self._patience
        try:
            while (reply := self._reader.next()) is None:
                octets = self._receive(deadline)
                if not octets:
                    raise smtplib.SMTPServerDisconnected("the connection ended before the reply")
                self._reader.feed(octets)
        except (OSError, MalformedReply, smtplib.SMTPServerDisconnected) as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(str(error)) from error
        self._reply = reply
        return reply.code, reply.text

    def close(self) -> None:
        """Closes the channel, ends the own direction, and reads what still comes for a while (Section 8.1)."""
        sock, channel, self.sock = self.sock, self.channel, None
        if sock and not isinstance(sock, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                if channel:
                    channel.close()
                    sock.sendall(channel.take())
                deadline = time.monotonic() + self.timeouts.close
                while channel and channel.state == "closing":
                    _drain(sock, deadline, channel)
                sock.shutdown(socket.SHUT_WR)
                deadline = time.monotonic() + self.timeouts.linger
                while _drain(sock, deadline):
                    pass
        if sock:
            sock.close()
            log.info("%s: closed: %s", self._name, closing_word(channel))
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
        if self.channel:
            raise smtplib.SMTPException("no STARTTLS after XBLACKPONY")
        code, text = super().starttls(*args, **kwargs)
        if code == 220:
            self._reader, self._tls, self._ehlo_lines = ReplyReader(), True, ()
        return code, text

    def sendmail(
        self,
        from_addr: str,
        to_addrs: str | Sequence[str],
        msg: Any,
        mail_options: Sequence[str] = (),
        rcpt_options: Sequence[str] = (),
    ) -> dict[str, tuple[int, bytes]]:
        """As smtplib's, after xblackpony."""
        if self.report is None:
            self.xblackpony()
        return super().sendmail(from_addr, to_addrs, msg, mail_options, rcpt_options)

    def xblackpony(self, policy: str | None = None) -> SessionReport:
        """Upgrades if the server can, up to the EHLO inside, or falls back as the policy says; Deferred if it says no."""
        self.policy = policy or self.policy
        if self.policy not in ("opportunistic", "remembered", "required"):
            raise ValueError(f"no policy {self.policy}")
        entry = self._entry()
        strict = self.policy == "required" or entry is not None
        try:
            reason = self._try(strict)
        except NoRandomness:  # [BP-5.1-15]
            self._quit()
            raise Deferred("no-randomness", "no random octets") from None
        if reason is None:
            self._inside(entry)
        else:
            self._fall_back(reason, strict, entry)
        assert self.report
        log.log(logging.WARNING if self.report.downgrade else logging.INFO, "%s", self.report)
        return self.report

    def _entry(self) -> Entry | None:
        if self.policy != "remembered":
            return None
        if self.memory is None:
            raise ValueError("the policy remembered needs a memory")
        try:
            return self.memory.lookup(self._name, self._peer[1], self._clock())
        except MemoryUnusable as error:  # [BP-9.4-12, BP-9.4-18]
            self._quit()
            raise Deferred("remembered", f"the memory cannot be used: {error}") from error

    def _try(self, strict: bool) -> str | None:
        """One or two XBLACKPONY commands; None if the session is inside now, else why not."""
        if not self._ehlo_lines and not self._tls and not self._hello(self.ehlo):
            return "ehlo-refused"
        offer = None if self._tls else Offer.find(self._ehlo_lines)
        if offer is None:
            return "not-offered"
        common = [suite for suite in offer.common(self.suites) if suite != ROT.name or not strict]  # [BP-9.1-4]
        outcome = "no-common-suite"
        for suite in common[: 1 if strict else 2]:  # [BP-4.2-10, BP-4.8-7]
            upgrade = ClientUpgrade(offer.line, suite, self._draw, self._rsa, self._shift)
            outcome = self._exchange(upgrade)
            if outcome != "refused" or self._reply.code != 504 or len(upgrade.lines) > 2:  # [BP-4.2-11, BP-4.8-4]
                break
        if outcome not in ("records", "rot"):
            return outcome
        self.report = SessionReport(self._name, upgrade.suite.name)
        return None

    def _hello(self, greet: Callable[[], tuple[int, bytes]]) -> bool:
        """EHLO or HELO: False if it is refused with 5yz; Deferred by [BP-9.2-9]."""
        try:
            code, _ = greet()
        except (OSError, smtplib.SMTPException) as error:
            raise Deferred("unreachable", str(error)) from error
        if not 200 <= code < 300 and code < 500:
            self._quit()
            raise Deferred("unreachable", f"EHLO or HELO answered with {code}")
        return code < 300

    def _exchange(self, upgrade: ClientUpgrade) -> str:
        """Sends a command, and up to the server's Finished what it takes; a broken upgrade is closed."""
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
                self._finished()
        except (OSError, smtplib.SMTPException):
            outcome = "broken"
        if outcome == "broken":
            self.close()
        return outcome

    def _finished(self) -> None:
        """Waits for the server's Finished, and sends the own [BP-6.3-4]."""
        deadline = time.monotonic() + self.timeouts.reply
        assert self.channel and self.sock
        while not self.channel.verified and self.channel.state == "open":
            self.sock.settimeout(max(deadline - time.monotonic(), 0.001))
            octets = self.sock.recv(65536)
            self._reader.feed(self.channel.receive(octets))
            if not octets:
                self.channel.end()
        if not self.channel.verified:
            raise smtplib.SMTPServerDisconnected("no Finished that verifies")
        self.sock.sendall(self.channel.take())

    def _forget(self) -> None:
        """What the plaintext session told [BP-4.5-1, BP-4.5-6]."""
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features, self.does_esmtp = {}, False

    def _inside(self, entry: Entry | None) -> None:
        """The greeting inside [BP-4.5-2], IDENT and the memory (Section 9.4)."""
        if not self._hello(self.ehlo) and not self._hello(self.helo):
            raise Deferred("unreachable", "EHLO and HELO refused")
        if self.policy != "remembered" or not isinstance(self.channel, SecureChannel):
            return
        shown = [key.hex() for key in self.channel.public_keys]
        if entry and entry.idents and not set(shown) & set(entry.idents):  # [BP-9.4-6]
            reason = "ident-mismatch" if shown else "ident-missing"
            self._not_shown()
            self.close()
            raise Deferred(reason, "the server does not show the key that it is known by")
        assert self.memory
        with self._reported():
            self.memory.good(self._name, self._peer[1], self._clock(), shown)

    def _not_shown(self) -> None:
        if self.policy == "remembered" and self.memory:
            with self._reported():
                self.memory.not_shown(self._name, self._peer[1], self._clock())

    @contextlib.contextmanager
    def _reported(self) -> Any:
        try:
            yield
        except MemoryUnusable as error:
            log.warning("the memory cannot be written: %s", error)

    def _fall_back(self, reason: str, strict: bool, entry: Entry | None) -> None:
        """Plain SMTP in this connection, or in a fresh one if the upgrade broke; Deferred if it may not be."""
        if strict:
            self._not_shown()
            self._quit()
            raise Deferred("remembered" if entry and reason != "broken" else reason, "the server does not upgrade")
        if reason == "broken":  # [BP-9.2-2, BP-9.2-3]
            log.warning("%s", SessionReport(self._name, None, reason, True))
            self._greeted(*self._peer)
            if not self._hello(self.ehlo):
                reason += ", ehlo-refused"
        self.report = SessionReport(self._name, None, reason, reason.startswith("broken"))
        if "ehlo-refused" in reason and not self._hello(self.helo):  # [BP-9.2-8]
            raise Deferred("unreachable", "EHLO and HELO refused")

    def _quit(self) -> None:
        """Ends a session in order [BP-9.1-7]."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            if self.sock:
                self.quit()
        self.close()


def _drain(sock: socket.socket, deadline: float, channel: Channel | None = None) -> bytes:
    """Reads and throws away; OSError after the deadline, no octets at the end."""
    sock.settimeout(max(deadline - time.monotonic(), 0.001))
    octets = sock.recv(65536)
    if channel:
        channel.receive(octets)
        if not octets:
            channel.end()
    return octets


def addresses(hosts: Iterable[str], port: int) -> Iterable[tuple[str, Address]]:
    """Every address of every host, in order, with the host's name."""
    for host in hosts:
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except OSError as error:
            log.warning("%s: %s", host, error)
            continue
        for *_, address in found:
            yield host, (str(address[0]), int(address[1]))


def deliver(
    hosts: Iterable[str], port: int, sender: str, recipients: Sequence[str], message: bytes, **options: Any
) -> tuple[SessionReport, dict[str, tuple[int, bytes]]]:
    """Delivers to the first address that takes the session, as the policy says [BP-9.1-5, BP-9.2-4].

    hosts are mail exchangers in order of preference; options are those of SMTP. Returns the report and the recipients
    that were refused; raises Deferred, or what smtplib's sendmail raises.
    """
    last = Deferred("unreachable", "no address")
    for name, address in addresses(hosts, port):
        smtp = SMTP(**options)
        try:
            smtp.open(name, address)
            report = smtp.xblackpony()
        except Deferred as deferred:
            log.warning("%s: %s", name, deferred)
            last = deferred
            continue
        try:
            eight = any(octet > 127 for octet in message) and smtp.has_extn("8bitmime")
            refused = smtp.sendmail(sender, recipients, message, ["BODY=8BITMIME"] if eight else [])
            return report, refused
        finally:
            smtp._quit()
    raise last

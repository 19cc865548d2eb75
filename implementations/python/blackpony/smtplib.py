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
from typing import Any, NamedTuple

from .channel import Channel
from .keys import transcript
from .limits import Timeouts
from .memory import Memory, MemoryUnusable
from .negotiation import MalformedReply, client_upgrade, find_offer, next_reply, offered, refuses
from .suites import DEFAULT_SUITES, ROT, SUITES, Draw, InvalidShare, NoRandomness, RsaKeys, Suite, system_random

log = logging.getLogger("blackpony")


class SessionReport(NamedTuple):
    """What became of XBLACKPONY in a session, with the words of Section 11.1 [BP-11.1-1]."""

    peer: str
    suite: str | None = None
    reason: str | None = None  # why it is plain SMTP
    downgrade: bool = False  # somebody may have wanted it so [BP-9.2-5, BP-9.2-10, BP-11.1-6]

    @property
    def encrypted(self) -> bool:
        """ROT is not encrypted [BP-5.5-10]."""
        return self.suite not in (None, ROT.name)

    def __str__(self) -> str:
        how = f"{'encrypted' if self.encrypted else 'not encrypted'}{f', V1 {self.suite}' if self.suite else ''}"  # [BP-11.1-2]
        return f"{self.peer}: {how}{f', {self.reason}' if self.reason else ''}{', DOWNGRADE' * self.downgrade}"


class Deferred(smtplib.SMTPException):
    """The policy, or the server, defers the mail: a temporary failure, but for a smtp_code of 554 [BP-9.4-24].

    reason is a word of Section 11.1; held is whether it is on account of the memory [BP-9.1-9].
    """

    def __init__(self, reason: str, text: object, held: bool = False, code: int = 451) -> None:
        super().__init__(f"{code} {code // 100}.7.0 {'deferred' if code < 500 else 'refused'}, {reason}: {text}")
        self.reason, self.held, self.smtp_code = reason, held, code


class ClientSettings(NamedTuple):
    """What SMTP takes by name.

    policy is "opportunistic" [BP-9.1-1], "remembered", with a memory, or "required"; suites are those accepted, in order
    of preference, and ROT only if it is named here [BP-5.5-9]; name is the server's, if the host is its address; domain is
    the mail domain whose MX or address records named it; held is for a delivery that the memory has deferred at another
    server: no plaintext [BP-9.1-9]. draw is for tests [BP-B-2].
    """

    policy: str = "opportunistic"
    suites: Sequence[str] = DEFAULT_SUITES
    memory: Memory | None = None
    name: str | None = None
    domain: str | None = None
    held: bool = False
    timeouts: Timeouts = Timeouts()
    rsa: RsaKeys = RsaKeys()  # one for all clients of the process
    draw: Draw = system_random
    shift: int = 13
    clock: Callable[[], float] = time.time


class SMTP(smtplib.SMTP):
    """An smtplib client whose sendmail upgrades first, and falls back or defers as its policy says."""

    sock: Any
    report: SessionReport | None = None

    def __init__(self, host: str = "", port: int = 0, local_hostname: str | None = None, **settings: Any) -> None:
        self.settings = ClientSettings(**settings)
        super().__init__(host, port, local_hostname, self.settings.timeouts.connect)

    # Connections, octets and replies

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """As smtplib's; the session begins again."""
        self.name, self.report = self.settings.name or host, None
        self._incoming, self._ended, self._patience = bytearray(), False, self.settings.timeouts.greeting
        self._switch(Channel())
        greeting = super().connect(host, port, source_address)
        self._peer: tuple[str, int] = self.sock.getpeername()[:2]
        self._patience = self.settings.timeouts.reply
        return greeting

    def _switch(self, channel: Channel) -> None:
        """What carries the session from here on; nothing is kept of what came before [BP-4.5-1, BP-4.5-6]."""
        self.channel, self.ehlo_resp, self.helo_resp = channel, None, None
        self.esmtp_features, self.does_esmtp = {}, False

    def _read(self, deadline: float) -> bytes:
        """What comes next, as SMTP's octets; none also where records bring none, and at the end."""
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

    def _check(self) -> None:
        if self.sock is None or self._ended or self.channel.state != "open":
            raise smtplib.SMTPServerDisconnected("the session has ended")

    def send(self, s: Any) -> None:
        """As smtplib's, through the channel."""
        self._check()
        self.sock.settimeout(self._patience)
        self.channel.send(s.encode(self.command_encoding) if isinstance(s, str) else bytes(s))
        super().send(self.channel.take())

    def getreply(self) -> tuple[int, bytes]:
        """The next reply; a malformed one ends the session [BP-4.3-11, BP-4.3-13]."""
        deadline = time.monotonic() + self._patience
        try:
            while (reply := next_reply(self._incoming)) is None:
                self._check()
                self._incoming += self._read(deadline)
        except (OSError, MalformedReply) as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(str(error)) from error
        self._reply = reply
        return int(reply[0][:3]), b"\n".join(line[4:].strip(b" \t\r\n") for line in reply)

    def close(self) -> None:
        """Closes the channel, ends the own direction, and reads what still comes for a while (Section 8.1)."""
        sock, times = self.sock, self.settings.timeouts
        if sock and not isinstance(sock, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                self.channel.close()
                sock.sendall(self.channel.take())
                sock.shutdown(socket.SHUT_WR)
                deadline = time.monotonic() + (times.close if self.channel.state == "closing" else times.linger)
                while not self._ended:
                    self._read(deadline)
            log.info("%s: closed: %s", self.name, self.channel.state)
        super().close()

    # Section 4 and 9

    def starttls(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """As smtplib's, but not after an upgrade, and no upgrade after it [BP-4.7-2]."""
        if self.channel.switched:
            raise smtplib.SMTPException("no STARTTLS after XBLACKPONY")
        before, self.report = self.report, SessionReport(self.name)  # smtplib may say EHLO now, but not upgrade
        try:
            return super().starttls(*args, **kwargs)
        finally:
            self._incoming, self.report = bytearray(), None if isinstance(self.sock, ssl.SSLSocket) else before

    def ehlo_or_helo_if_needed(self) -> None:
        """What sendmail, send_message and login begin with: here it is xblackpony."""
        if self.report is None:
            self.xblackpony()
        super().ehlo_or_helo_if_needed()

    def mail(self, sender: str, options: Sequence[str] = ()) -> tuple[int, bytes]:
        """As smtplib's; nothing goes out before the policy has been asked [BP-9.1-2, BP-9.3-1]."""
        self.ehlo_or_helo_if_needed()
        return super().mail(sender, options)

    def xblackpony(self, policy: str | None = None) -> SessionReport:
        """Upgrades if the server can, up to the EHLO inside, or falls back as the policy says; Deferred if it says no."""
        if self.report is not None:
            raise smtplib.SMTPException("xblackpony is for once in a connection")  # [BP-4.2-11]
        policy = policy or self.settings.policy
        if policy not in ("opportunistic", "remembered", "required") or (policy == "remembered" and not self.settings.memory):
            raise ValueError(f"no policy {policy}, or no memory for it")
        try:
            self.report = self._negotiate(policy, policy != "required" and self.settings.memory or Memory(None))
        except (MemoryUnusable, NoRandomness) as error:  # [BP-5.1-15, BP-9.4-12, BP-9.4-18]
            raise self._defer("no-randomness" if isinstance(error, NoRandomness) else "remembered", error, True) from error
        return self.report

    def _negotiate(self, policy: str, memory: Memory) -> SessionReport:
        """What xblackpony does, by policy and memory (Section 9.1)."""
        now, domain, remembered = self.settings.clock(), self.settings.domain, policy == "remembered"
        places = [(self.name, self._peer[1], now), *([(domain, 0, now)] if domain else [])]
        entries = [memory.lookup(*place) for place in places]
        strict = policy == "required" or (remembered and (self.settings.held or any(entries)))
        report = self._upgrade(strict)
        if not (report.reason and strict):
            if any(entries) and not report.encrypted:  # [BP-11.1-6]
                report = report._replace(downgrade=True)
            log.log(logging.WARNING if report.downgrade else logging.INFO, "%s", report)
            if report.reason == "broken":  # [BP-9.2-2, BP-9.2-3]
                self.open(*self._peer)
                self.name = report.peer
            again = report.reason in (None, "broken", "ehlo-refused")  # [BP-4.5-2, BP-9.2-8]
            code = self._hello(*(self.ehlo, self.helo)[report.reason == "ehlo-refused" :]) if again else 250
            met = policy != "required" and report.encrypted  # [BP-9.4-25]
            fits = not (met and entries[0]) or entries[0].fits(now, self.channel.idents)
            try:
                for place in places if met and fits else []:
                    memory.good(*place, self.channel.idents)
            except MemoryUnusable as error:  # [BP-9.4-27]
                log.warning("the memory was not written: %s", error)
            if code >= 300 and (fits or not remembered):
                raise self._defer("unreachable", f"EHLO or HELO answered with {code}")
            if fits or not remembered:
                return report
            self.close()
        reason = report.reason or ("ident-mismatch" if any(self.channel.idents) else "ident-missing")
        words = dict.fromkeys(("not-offered", "no-common-suite", "refused"), "remembered") if remembered else {}
        try:
            gone = any([memory.not_shown(*place) for place in places])  # each of them
        except MemoryUnusable as error:  # [BP-9.4-27]
            log.warning("the memory was not written: %s", error)
            gone = False
        raise self._defer(words.get(reason, reason), "the server is not as the policy asks", remembered, 554 if gone else 451)

    def _upgrade(self, strict: bool) -> SessionReport:
        """One or two XBLACKPONY commands, and what became of them: a suite, or why there is none."""
        code = self._hello(self.ehlo)
        if code >= 500:
            return SessionReport(self.name, reason="ehlo-refused")
        if code >= 300:  # [BP-9.2-9]
            raise self._defer("unreachable", f"EHLO answered with {code}")
        offer = b"" if isinstance(self.sock, ssl.SSLSocket) else find_offer(self._reply)
        if not offer:
            return SessionReport(self.name, reason="not-offered")
        # [BP-4.8-1, BP-4.8-2]
        common = [suite for suite in dict.fromkeys(self.settings.suites) if suite in SUITES and suite in offered(offer)]
        if strict:  # [BP-4.8-7, BP-9.1-4]
            common = [suite for suite in common if suite != ROT.name][:1]
        reason, lines = "no-common-suite", [offer]
        for suite in common[:2]:  # [BP-4.2-10]
            reason = self._exchange(lines, SUITES[suite])
            if not reason:
                return SessionReport(self.name, suite, downgrade=len(lines) > 1)
            if len(lines) == 1:
                break
        return SessionReport(self.name, reason=reason, downgrade=reason == "broken")

    def _exchange(self, before: list[bytes], suite: Suite) -> str:
        """One command, with what belongs to it up to the two Finished: why it failed.

        After a 504 to the command it stands in before, which begins with the offer, and another suite may be tried.
        """
        upgrade = client_upgrade(transcript(before), suite, self.settings.draw, self.settings.rsa, self.settings.shift)
        self._patience = self.settings.timeouts.upgrade
        try:
            step, again = next(upgrade), True
            while isinstance(step, bytes):
                self.send(step + b"\r\n")
                code, _ = self.getreply()
                if refuses(self._reply):
                    before += [step, *self._reply] if again and code == 504 else []  # [BP-4.2-11, BP-4.8-4, BP-6.1-6]
                    return "refused"
                step, again = upgrade.send(self._reply), False
            self._switch(step)
            self._incoming = bytearray(step.receive(bytes(self._incoming)))  # [BP-4.3-9]
            deadline = time.monotonic() + self._patience
            while not self.channel.verified:
                self._check()
                self._incoming += self._read(deadline)
        except (OSError, MalformedReply, InvalidShare):  # smtplib's exceptions too
            self.close()
            return "broken"
        finally:
            self._patience = self.settings.timeouts.reply
        with contextlib.suppress(OSError):  # from here on there is no way back to plaintext [BP-9.2-6]
            super().send(self.channel.take())  # the own Finished [BP-6.3-4]
        return ""

    def _hello(self, *greetings: Callable[[], tuple[int, bytes]]) -> int:
        """EHLO, or HELO where that is refused with 5yz: the last code; Deferred without a reply [BP-9.2-9]."""
        for greeting in greetings:
            if (code := self._ask(greeting)) < 500:
                break
        return code

    def open(self, host: str, port: int) -> None:
        """A connection to an address that greets with 220; Deferred without one [BP-9.2-4, BP-9.2-9]."""
        code = self._ask(lambda: self.connect(host, port))
        if code != 220:
            self.close()
            raise Deferred("unreachable", f"greeted with {code}")

    def _ask(self, step: Callable[[], tuple[int, bytes]]) -> int:
        """A reply's code; Deferred if none comes."""
        try:
            return step()[0]
        except OSError as error:  # smtplib's exceptions too
            self.close()
            raise Deferred("unreachable", error) from error

    def _defer(self, reason: str, text: object, held: bool = False, code: int = 451) -> Deferred:
        self.leave()
        return Deferred(reason, text, held, code)

    def leave(self) -> None:
        """QUIT, if that is still possible, and the end [BP-9.1-7]."""
        with contextlib.suppress(OSError):  # smtplib's exceptions too
            self.quit()
        self.close()


Delivery = tuple[SessionReport, dict[str, tuple[int, bytes]]]


def _absolute(name: str) -> str:
    """A host name that no search list of the resolver completes, or an address as it is."""
    return name if ":" in name or "." not in name or name.rpartition(".")[2].isdigit() else name.rstrip(".") + "."


def deliver(hosts: Iterable[str], port: int, sender: str, recipients: Sequence[str], message: bytes, **settings: Any) -> Delivery:
    """Delivers to the first address that takes the session, as the policy says [BP-9.1-5, BP-9.2-4].

    hosts are mail exchangers in order of preference: whole names, or addresses; settings are those of SMTP. Returns the report and the recipients
    that were refused; raises Deferred, or what smtplib's sendmail raises.
    """
    last, held = Deferred("unreachable", "no address"), False
    for host in hosts:
        try:
            addresses = socket.getaddrinfo(_absolute(host.strip("[]")), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            log.warning("%s: %s", host, error)
            continue
        for *_, address in addresses:
            smtp = SMTP(name=host, held=held, **settings)
            try:
                smtp.open(str(address[0]), port)
                report = smtp.xblackpony()
                eight = not message.isascii() and smtp.has_extn("8bitmime")
                return report, smtp.sendmail(sender, recipients, message, ["BODY=8BITMIME"] if eight else [])
            except Deferred as deferred:
                log.warning("%s: %s", host, deferred)
                last, held = deferred if last.smtp_code < 500 else last, held or deferred.held
            finally:
                smtp.leave()
    raise last

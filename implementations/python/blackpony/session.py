"""The server's side of a connection, without I/O: it stands between the client's octets and an SMTP server's.

It hands the SMTP server one command at a time, and the next when the reply has come; so it knows at every octet whether
it is command, message or chunk. After an upgrade the SMTP server begins again as in a new connection [BP-4.5-1].
"""

import contextlib
import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import negotiation as n
from .channel import Channel, RotChannel
from .limits import MAX_COMMAND_LINE, MAX_HELD, MAX_OTHER_COMMAND_LINE, MAX_UPGRADE_ATTEMPTS
from .suites import DEFAULT_SUITES, Draw, NoRandomness, RsaKeys, system_random


@dataclass
class ServerSettings:
    """What a server offers; ROT only if its name is in suites [BP-5.5-7]. draw is for tests [BP-B-2]."""

    suites: Sequence[str] = DEFAULT_SUITES
    grease: bool = True
    idents: Sequence[Ed25519PrivateKey] = ()
    rsa: RsaKeys = field(default_factory=RsaKeys)
    draw: Draw = system_random


# What a session waits for; the value is the time-out of Section 13 that runs meanwhile.
Await = enum.Enum("Await", "GREETING REPLY COMMAND ANSWER PAYLOAD CHUNK CONTINUATION FINISHED PIPE CLOSE END")
TIMERS = {Await.COMMAND: "idle", Await.ANSWER: "idle", Await.PAYLOAD: "idle", Await.CHUNK: "idle"} | {
    x: x.name.lower() for x in (Await.CONTINUATION, Await.FINISHED, Await.CLOSE)
}
UNAVAILABLE = b"421 4.3.2 Service not available\r\n"


class ServerSession:
    """Octets in by client_sent, smtp_said and their ends; octets out by for_client and for_smtp."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings, self.awaits = settings, Await.GREETING
        self.suite: str | None = None  # what the client upgraded to
        self.channel: Channel = Channel()
        self.restart_smtp = False  # the host gives the session a new SMTP server, as for a new connection
        self.timer_started = 0  # counts how often the running time-out began again
        self._smtp, self._input, self._replies = bytearray(), bytearray(), bytearray()
        self._lines, self._reply, self._offer = n.LineReader(), list[bytes](), b""
        self._upgrade: n.ServerUpgrade | None = None
        self._verb, self._tail, self._last_code, self._chunk, self._attempts = b"", b"", b"", 0, 0
        self._early = self._swallow = self._greeted = self._transaction = self._chunking = False

    @property
    def timer(self) -> str | None:
        """The time-out of Section 13 that is running."""
        return TIMERS.get(self.awaits)

    @property
    def full(self) -> bool:
        """Whether the host stops reading from the client (MaxHeld)."""
        return len(self._input) >= MAX_HELD

    def for_client(self) -> bytes:
        """What goes to the client now."""
        return self.channel.take()

    def for_smtp(self) -> bytes:
        """What goes to the SMTP server now."""
        smtp, self._smtp = bytes(self._smtp), bytearray()
        return smtp

    def client_sent(self, octets: bytes) -> None:
        """Octets came from the client."""
        if self.awaits is Await.END:
            return
        data = self.channel.receive(octets)
        self._input += data
        if self.channel.state == "closing":
            self._input.clear()
        elif self.channel.state != "open":
            self._begin(Await.END)
        elif self.awaits is Await.FINISHED and self.channel.verified:
            self._begin(Await.COMMAND)
        elif self.awaits in (Await.PAYLOAD, Await.CHUNK) and data:
            self._begin(self.awaits)
        self._advance()

    def client_ended(self) -> None:
        """The client's direction ended: what it left unfinished is dropped [BP-8.2-1, BP-8.2-2]."""
        self.channel.end()
        self._begin(Await.END)

    def timed_out(self) -> None:
        """The running time-out went by [BP-6.3-9, BP-8.1-6, BP-8.1-7]."""
        if self.awaits is Await.FINISHED:
            self.channel.fail()
        if self.awaits in (Await.FINISHED, Await.CLOSE):
            self._begin(Await.END)
        elif self.timer:
            self._close(b"421 4.4.2 Timeout\r\n")

    def smtp_ended(self) -> None:
        """The SMTP server closed its connection."""
        if self.awaits is Await.PIPE:
            self._begin(Await.END)
        elif self.awaits not in (Await.END, Await.CLOSE):
            self._close(b"" if self._last_code in (b"221", b"421") else UNAVAILABLE)

    def smtp_said(self, octets: bytes) -> None:
        """Octets came from the SMTP server."""
        if self.awaits is Await.PIPE:
            self.channel.send(octets)
            return
        self._replies += octets
        while self.awaits not in (Await.END, Await.CLOSE) and (end := self._replies.find(b"\n")) >= 0:
            self._reply.append(bytes(self._replies[: end + 1]))
            del self._replies[: end + 1]
            if self._reply[-1][3:4] != b"-":
                reply, self._reply = self._reply, []
                self._take_reply(reply)
        self._advance()

    def _close(self, last_words: bytes = b"") -> None:
        """Ends the session after what was sent: inside with a close, else at once [BP-8.1-1, BP-8.1-5]."""
        self.channel.send(last_words)
        self.channel.close()
        self._begin(Await.CLOSE if self.channel.state == "closing" else Await.END)

    def _begin(self, awaits: Await) -> None:
        self.awaits = awaits
        self.timer_started += 1
        if awaits in (Await.CLOSE, Await.END):
            self._input.clear()

    # What the SMTP server replies

    def _take_reply(self, lines: list[bytes]) -> None:
        self._last_code = code = lines[0][:3]
        if self._swallow:  # its greeting after an upgrade [BP-4.5-3]
            self._swallow = False
            if code != b"220":
                self._close(UNAVAILABLE)
            return
        self._early = self.awaits in (Await.PAYLOAD, Await.CHUNK)
        if self.awaits in (Await.REPLY, Await.GREETING):
            lines = self._examine(code, lines)
        self.channel.send(b"".join(lines))
        if code in (b"221", b"421"):
            self._close()

    def _examine(self, code: bytes, lines: list[bytes]) -> list[bytes]:
        """Learns from a reply what state the session is in, and edits that to EHLO (Section 15.1)."""
        good, verb, following = code[:1] == b"2", self._verb, Await.COMMAND
        if verb in (b"EHLO", b"HELO") and good:
            self._greeted, self._transaction = verb == b"EHLO", False
            lines = self._ehlo(lines) if self._greeted else lines
        elif verb == b"MAIL" and good:
            self._transaction = True
        elif verb == b"." or (verb in (b"RSET", b"LAST") and good):
            self._transaction = False
        elif verb == b"STARTTLS" and code == b"220":
            following = Await.PIPE
            self._input.clear()
        elif code[:1] == b"3":
            following, self._tail = Await.PAYLOAD if verb == b"DATA" else Await.ANSWER, b"\r\n"
        self._begin(following)
        return lines

    def _ehlo(self, lines: list[bytes]) -> list[bytes]:
        """The EHLO reply with an offer, inside without one and without STARTTLS [BP-4.1-1, BP-4.1-2, BP-4.5-4]."""
        texts = [line[4:].rstrip(b"\r\n") for line in lines]
        gone = (n.KEYWORD, b"STARTTLS") if self.channel.switched else (n.KEYWORD,)
        texts = texts[:1] + [t for t in texts[1:] if not any(n.has_keyword(t, k) for k in gone)]
        self._chunking = any(n.has_keyword(text, b"CHUNKING") for text in texts[1:])
        self._offer = b""
        with contextlib.suppress(NoRandomness):  # without it the server is not ready to upgrade
            if not self.channel.switched and self.settings.suites:
                self._offer = n.make_offer(self.settings.suites, self.settings.draw(2) if self.settings.grease else b"")
                texts.append(self._offer)
        return [b"250-" + text + b"\r\n" for text in texts[:-1]] + [b"250 " + texts[-1] + b"\r\n"]

    # What the client says

    def _advance(self) -> None:
        """Goes on with the client's octets as far as they may go."""
        while self._input:
            if self.awaits is Await.PIPE:
                self._smtp += self._input
                self._input.clear()
            elif self.awaits is Await.PAYLOAD:
                self._payload()
            elif self.awaits is Await.CHUNK:
                self._bdat()
            elif self.awaits not in (Await.COMMAND, Await.ANSWER, Await.CONTINUATION) or not self._line():
                return

    def _payload(self) -> None:
        """DATA, up to CRLF "." CRLF, whatever else is in it."""
        window = self._tail + self._input
        end = window.find(b"\r\n.\r\n")
        taken = (len(window) if end < 0 else end + 5) - len(self._tail)
        self._smtp += self._input[:taken]
        del self._input[:taken]
        self._tail = bytes(window[-4:])
        if end >= 0:
            self._handed_over(b".")

    def _bdat(self) -> None:
        """A chunk, by its count."""
        taken = self._input[: self._chunk]
        self._smtp += taken
        del self._input[: len(taken)]
        self._chunk -= len(taken)
        if not self._chunk:
            self._handed_over(self._verb)

    def _handed_over(self, verb: bytes) -> None:
        self._verb, early, self._early = verb, self._early, False
        self._begin(Await.COMMAND if early else Await.REPLY)

    def _line(self) -> bool:
        """The next line, whether command, answer or continuation; False if it is not whole yet."""
        state = self.awaits
        verb = re.split(rb"[ \r\n\0]", bytes(self._input[:64]), maxsplit=1)[0].upper()
        limited = state is Await.CONTINUATION or verb == n.KEYWORD
        try:
            line = self._lines.next(self._input, MAX_COMMAND_LINE if limited else MAX_OTHER_COMMAND_LINE)
            if line is None:
                return False
            if limited and state is not Await.ANSWER:
                self._agree(self._first_message(line) if state is Await.COMMAND else self._second_message(line))
            elif state is Await.COMMAND and verb == b"STARTTLS" and self.channel.switched:
                raise n.Refusal(b"503 5.5.1 STARTTLS not allowed inside")  # [BP-4.5-5]
            else:
                self._hand_over(line, verb if state is Await.COMMAND else self._verb)
        except n.Refusal as refusal:
            self.channel.send(refusal.reply + b"\r\n")
            self._begin(Await.COMMAND if state is Await.CONTINUATION else state)
            if refusal.close:
                self._close()
        except NoRandomness:  # [BP-5.1-14]
            self.channel.send(b"454 4.7.0 No randomness\r\n")
            self._begin(Await.COMMAND)
        return True

    def _hand_over(self, line: bytes, verb: bytes) -> None:
        self._smtp += line + b"\r\n"
        chunk = re.fullmatch(rb"BDAT +(\d{1,18})( +LAST)? *", line, re.IGNORECASE) if self._chunking else None
        if chunk:
            verb, self._chunk = b"LAST" if chunk[2] else b"BDAT", int(chunk[1])
        self._handed_over(verb)
        if self._chunk:
            self._begin(Await.CHUNK)

    def _first_message(self, line: bytes) -> n.ServerUpgrade:
        """Rows 4 to 12 of Section 4.4."""
        if not self.channel.switched and self._input:  # [BP-4.4-4]
            raise n.BEHIND
        if self.channel.switched or not self._greeted or self._transaction or not self._offer:
            raise n.NOT_NOW  # [BP-4.4-5, BP-4.4-6, BP-4.5-5]
        suite, share = n.parse_command(line, self.settings.suites)
        self._attempts += 1
        if self._attempts > MAX_UPGRADE_ATTEMPTS:  # [BP-4.4-7]
            raise n.TOO_MANY
        self.suite = suite.name
        return n.ServerUpgrade(self._offer, line, suite, share, self.settings.draw, self.settings.rsa)

    def _second_message(self, line: bytes) -> n.ServerUpgrade:
        assert self._upgrade
        if self._input:
            raise n.BEHIND
        self._upgrade.continuation(line)
        return self._upgrade

    def _agree(self, upgrade: n.ServerUpgrade) -> None:
        """Sends the upgrade's reply, and switches where it is a 220 [BP-4.3-1, BP-4.6-1, BP-4.6-3]."""
        reply = b"".join(line + b"\r\n" for line in upgrade.reply)
        self._upgrade, channel = upgrade, upgrade.channel(self.settings.idents, self.channel.take() + reply)
        if channel is None:
            self.channel.send(reply)
            self._begin(Await.CONTINUATION)
            return
        self.channel, self._reply, self._upgrade = channel, [], None
        self._replies.clear()
        self._greeted = self._transaction = self._chunking = False  # [BP-4.5-1]
        self._swallow = self.restart_smtp = True
        self._begin(Await.COMMAND if isinstance(channel, RotChannel) else Await.FINISHED)

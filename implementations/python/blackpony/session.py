"""The server's side of a connection, without I/O: it stands between the client's octets and an SMTP server's.

It hands the SMTP server one command at a time, and the next when the reply has come; so it knows at every octet whether
it is command, message or chunk. After an upgrade the SMTP server begins again as in a new connection [BP-4.5-1].
"""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .channel import Channel, RotChannel, SecureChannel
from .limits import MAX_COMMAND_LINE, MAX_HELD, MAX_OTHER_COMMAND_LINE, MAX_UPGRADE_ATTEMPTS
from .negotiation import (
    BEHIND,
    KEYWORD,
    NO_RANDOMNESS,
    NOT_NOW,
    TOO_MANY,
    LineReader,
    Refusal,
    ServerUpgrade,
    has_keyword,
    make_offer,
    parse_command,
)
from .suites import DEFAULT_SUITES, Draw, NoRandomness, RsaKeys, system_random


@dataclass
class ServerSettings:
    """What a server offers; ROT only if its name is in suites [BP-5.5-7]. draw is for tests [BP-B-2]."""

    suites: Sequence[str] = DEFAULT_SUITES
    grease: bool = True
    idents: Sequence[Ed25519PrivateKey] = ()
    rsa: RsaKeys = field(default_factory=RsaKeys)
    draw: Draw = system_random


class Await(enum.Enum):
    """What the session waits for."""

    GREETING = "the SMTP server's greeting"
    COMMAND = "a command"
    REPLY = "the SMTP server's reply"
    PAYLOAD = "the rest of DATA"
    CHUNK = "the rest of BDAT"
    ANSWER = "the client's answer to a 3yz"
    CONTINUATION = "the second message of XBLACKPONY"
    FINISHED = "the client's Finished"
    PIPE = "nothing more: TLS"
    CLOSE = "the client's close"
    END = "the end of the connection"


class ServerSession:
    """Octets in by client_sent, smtp_said and their ends; octets out by for_client and for_smtp."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.awaits = Await.GREETING
        self.suite: str | None = None  # what the client upgraded to
        self.channel: Channel | None = None
        self.restart_smtp = False  # the host gives the session a new SMTP server, as for a new connection
        self.timer_started = 0  # counts how often the running time-out began anew
        self._wire, self._smtp = bytearray(), bytearray()
        self._input, self._replies = bytearray(), bytearray()
        self._lines = LineReader()
        self._reply: list[bytes] = []
        self._verb, self._tail, self._chunk, self._last_code = b"", b"", 0, b""
        self._attempts, self._early, self._swallow = 0, False, False
        self._offer: bytes | None = None
        self._upgrade: ServerUpgrade | None = None
        self._forget()

    def _forget(self) -> None:
        """What the plaintext session told [BP-4.5-1]."""
        self._greeted = self._transaction = self._chunking = False

    @property
    def timer(self) -> str | None:
        """The time-out of Section 13 that is running."""
        if self.awaits in (Await.COMMAND, Await.PAYLOAD, Await.CHUNK, Await.ANSWER):
            return "idle"
        waits = {Await.CONTINUATION: "continuation", Await.FINISHED: "finished", Await.CLOSE: "close"}
        return waits.get(self.awaits)

    @property
    def ended(self) -> bool:
        """Whether the host now ends its direction, and lingers."""
        return self.awaits is Await.END

    @property
    def full(self) -> bool:
        """Whether the host stops reading from the client (MaxHeld)."""
        return len(self._input) >= MAX_HELD

    def for_client(self) -> bytes:
        """What goes to the client now."""
        wire, self._wire = bytes(self._wire), bytearray()
        return wire

    def for_smtp(self) -> bytes:
        """What goes to the SMTP server now."""
        smtp, self._smtp = bytes(self._smtp), bytearray()
        return smtp

    def client_sent(self, octets: bytes) -> None:
        """Octets came from the client."""
        if self.awaits is Await.END:
            return
        data = self.channel.receive(octets) if self.channel else octets
        self._flush()
        self._input += data
        if isinstance(self.channel, SecureChannel) and self._records_ended(self.channel):
            return
        if self.awaits in (Await.PAYLOAD, Await.CHUNK) and data:
            self._begin(self.awaits)
        self._advance()

    def _records_ended(self, channel: SecureChannel) -> bool:
        if channel.state == "closing":
            self._input.clear()
        elif channel.state != "open":
            self._end()
        elif self.awaits is Await.FINISHED and channel.verified:
            self._begin(Await.COMMAND)
        return channel.state != "open"

    def client_ended(self) -> None:
        """The client's direction ended: what it left unfinished is dropped [BP-8.2-1, BP-8.2-2]."""
        if self.channel:
            self.channel.end()
        if self.awaits is not Await.END:
            self._end()

    def timed_out(self) -> None:
        """The running time-out went by [BP-6.3-9, BP-8.1-6, BP-8.1-7]."""
        if self.awaits is Await.CLOSE:
            self._end()
        elif self.awaits is Await.FINISHED and self.channel:
            assert isinstance(self.channel, SecureChannel)
            self.channel.fail()
            self._flush()
            self._end()
        elif self.timer:
            self._say(b"421 4.4.2 Timeout\r\n")
            self._close()

    def smtp_ended(self) -> None:
        """The SMTP server closed its connection."""
        if self.awaits is Await.PIPE:
            self._end()
        elif self.awaits not in (Await.END, Await.CLOSE):
            if self._last_code not in (b"221", b"421"):
                self._say(b"421 4.3.2 Service not available\r\n")
            self._close()

    def smtp_said(self, octets: bytes) -> None:
        """Octets came from the SMTP server."""
        if self.awaits is Await.PIPE:
            self._say(octets)
            return
        self._replies += octets
        while self.awaits not in (Await.END, Await.CLOSE) and (end := self._replies.find(b"\n")) >= 0:
            line = bytes(self._replies[: end + 1])
            del self._replies[: end + 1]
            self._reply.append(line)
            if line[3:4] != b"-":
                reply, self._reply = self._reply, []
                self._take_reply(reply)
        self._advance()

    # What goes out

    def _say(self, octets: bytes) -> None:
        if self.channel:
            self.channel.send(octets)
            self._flush()
        else:
            self._wire += octets

    def _flush(self) -> None:
        if self.channel:
            self._wire += self.channel.take()

    def _close(self) -> None:
        """Ends the session after what was sent: inside with a close, else at once [BP-8.1-1, BP-8.1-5]."""
        self._input.clear()
        if isinstance(self.channel, SecureChannel):
            self.channel.close()
            self._flush()
            self._begin(Await.CLOSE)
        else:
            self._end()

    def _end(self) -> None:
        self._input.clear()
        self._begin(Await.END)

    def _begin(self, awaits: Await) -> None:
        self.awaits = awaits
        self.timer_started += 1

    # What the SMTP server replies

    def _take_reply(self, lines: list[bytes]) -> None:
        self._last_code = code = lines[0][:3]
        if self._swallow:  # its greeting after an upgrade [BP-4.5-3]
            self._swallow = False
            if code != b"220":
                self._say(b"421 4.3.2 Service not available\r\n")
                self._close()
            return
        if self.awaits in (Await.REPLY, Await.GREETING):
            lines = self._examine(code, lines)
        elif self.awaits in (Await.PAYLOAD, Await.CHUNK):
            self._early = True
        self._say(b"".join(lines))
        if code in (b"221", b"421"):
            self._close()

    def _examine(self, code: bytes, lines: list[bytes]) -> list[bytes]:
        """Learns from a reply what state the session is in, and edits that to EHLO (Section 15.1)."""
        good, verb = code[:1] == b"2", self._verb
        following = Await.COMMAND
        if self.awaits is Await.GREETING:
            pass
        elif verb == b"EHLO" and good:
            self._greeted, self._transaction = True, False
            lines = self._ehlo(lines)
        elif verb == b"HELO" and good:
            self._greeted = self._transaction = False
        elif verb == b"MAIL" and good:
            self._transaction = True
        elif verb in (b"RSET", b".", b"LAST") and (good or verb == b"."):
            self._transaction = False
        elif verb == b"STARTTLS" and code == b"220":
            following = Await.PIPE
            self._input.clear()
        elif code[:1] == b"3":
            following, self._tail = (Await.PAYLOAD, b"\r\n") if verb == b"DATA" else (Await.ANSWER, b"")
        self._begin(following)
        return lines

    def _ehlo(self, lines: list[bytes]) -> list[bytes]:
        """The EHLO reply with an offer, inside without one and without STARTTLS [BP-4.1-1, BP-4.1-2, BP-4.5-4]."""
        texts = [line[4:].rstrip(b"\r\n") for line in lines]
        gone = (KEYWORD, b"STARTTLS") if self.channel else (KEYWORD,)
        texts = texts[:1] + [t for t in texts[1:] if not any(has_keyword(t, k) for k in gone)]
        self._chunking = any(has_keyword(text, b"CHUNKING") for text in texts[1:])
        self._offer = None
        if not self.channel and self.settings.suites:
            try:
                self._offer = make_offer(self.settings.suites, self.settings.draw(2) if self.settings.grease else None)
                texts.append(self._offer)
            except NoRandomness:
                pass  # not ready to upgrade
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
        taken = len(window) if end < 0 else end + 5
        self._smtp += window[len(self._tail) : taken]
        del self._input[: taken - len(self._tail)]
        self._tail = bytes(window[-4:])
        if end >= 0:
            self._payload_done(b".")

    def _bdat(self) -> None:
        """A chunk, by its count."""
        self._smtp += self._input[: self._chunk]
        taken = min(self._chunk, len(self._input))
        del self._input[:taken]
        self._chunk -= taken
        if not self._chunk:
            self._payload_done(self._verb)

    def _payload_done(self, verb: bytes) -> None:
        self._verb = verb
        self._begin(Await.COMMAND if self._early else Await.REPLY)
        self._early = False

    def _line(self) -> bool:
        """The next line, whether command, answer or continuation; False if it is not whole yet."""
        continuing = self.awaits is Await.CONTINUATION
        verb = re.split(rb"[ \r\n\0]", bytes(self._input[:64]), maxsplit=1)[0].upper()
        limited = continuing or verb == KEYWORD
        try:
            line = self._lines.next(self._input, MAX_COMMAND_LINE if limited else MAX_OTHER_COMMAND_LINE)
            if line is None:
                return False
            if continuing:
                self._continue(line)
            elif self.awaits is Await.COMMAND and verb == KEYWORD:
                self._xblackpony(line)
            elif self.awaits is Await.COMMAND and verb == b"STARTTLS" and self.channel:  # [BP-4.5-5]
                raise Refusal(b"503 5.5.1 STARTTLS not allowed inside")
            else:
                self._hand_over(verb, line)
        except Refusal as refusal:
            self._say(refusal.reply + b"\r\n")
            self._begin(Await.ANSWER if self.awaits is Await.ANSWER else Await.COMMAND)
            if refusal.close:
                self._close()
        except NoRandomness:  # [BP-5.1-14]
            self._say(NO_RANDOMNESS.reply + b"\r\n")
            self._begin(Await.COMMAND)
        return True

    def _hand_over(self, verb: bytes, line: bytes) -> None:
        self._smtp += line + b"\r\n"
        chunk = re.fullmatch(rb"BDAT +(\d{1,18})( +LAST)? *", line, re.IGNORECASE) if self._chunking else None
        self._verb = verb if self.awaits is Await.COMMAND else self._verb
        self._begin(Await.REPLY)
        if chunk:
            self._verb, self._chunk = b"LAST" if chunk[2] else b"BDAT", int(chunk[1])
            if self._chunk:
                self._begin(Await.CHUNK)

    def _xblackpony(self, line: bytes) -> None:
        """Rows 4 to 12 of Section 4.4."""
        if self.channel:
            raise NOT_NOW
        if self._input:  # [BP-4.4-4]
            raise BEHIND
        if not self._greeted or self._transaction or self._offer is None:  # [BP-4.4-5, BP-4.4-6]
            raise NOT_NOW
        suite, share = parse_command(line, self.settings.suites)
        self._attempts += 1
        if self._attempts > MAX_UPGRADE_ATTEMPTS:  # [BP-4.4-7]
            raise TOO_MANY
        settings = self.settings
        self._upgrade = ServerUpgrade(self._offer, line, suite, share, settings.draw, settings.rsa)
        self.suite = suite.name
        self._agree(self._upgrade)

    def _continue(self, line: bytes) -> None:
        assert self._upgrade
        if self._input:
            raise BEHIND
        self._upgrade.continuation(line)
        self._agree(self._upgrade)

    def _agree(self, upgrade: ServerUpgrade) -> None:
        """Sends the upgrade's reply, and switches where it is a 220 [BP-4.3-1, BP-4.6-1, BP-4.6-3]."""
        self._say(b"".join(line + b"\r\n" for line in upgrade.reply))
        self.channel = upgrade.channel(self.settings.idents)
        if self.channel is None:
            self._begin(Await.CONTINUATION)
            return
        self._flush()
        self._forget()
        self._reply, self._upgrade = [], None
        self._replies.clear()
        self._smtp.clear()
        self._swallow = self.restart_smtp = True
        self._begin(Await.COMMAND if isinstance(self.channel, RotChannel) else Await.FINISHED)

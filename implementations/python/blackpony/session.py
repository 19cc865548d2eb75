"""The server's side of a connection, without I/O: it stands between the client's octets and an SMTP server's.

It hands the SMTP server one command at a time, and the next when the reply has come; so it knows at every octet whether
it is command, message or chunk. After an upgrade the SMTP server begins again as in a new connection [BP-4.5-1].
"""

import contextlib
import enum
import re
from collections.abc import Callable

from .channel import Channel
from .keys import transcript
from .limits import MAX_COMMAND_LINE, MAX_OTHER_COMMAND_LINE, MAX_UPGRADE_ATTEMPTS
from .negotiation import KEYWORD, LineReader, ServerUpgrade, keyword, make_offer, parse_command, server_upgrade
from .negotiation import ServerSettings as ServerSettings
from .suites import NoRandomness, Refusal

# What a session waits for, and the time-out of Section 13 that runs meanwhile.
Await = enum.Enum("Await", "REPLY COMMAND ANSWER PAYLOAD CONTINUATION FINISHED PIPE CLOSE END")
TIMERS = dict.fromkeys(("COMMAND", "ANSWER", "PAYLOAD"), "idle") | {x: x.lower() for x in ("CONTINUATION", "FINISHED", "CLOSE")}
UNAVAILABLE = b"421 4.3.2 Service not available\r\n"


class ServerSession:
    """Octets in by client_sent, smtp_said and their ends; octets out by for_client and for_smtp; held is what waits."""

    suite: str | None = None  # what the client asked for last
    restart_smtp = False  # the host gives the session a new SMTP server, as for a new connection
    timer: str | None = None  # the time-out of Section 13 that is running
    _verb, _tail, _said, _smtp, _replies, _chunk, _attempts = b"", b"", b"", b"", b"", 0, 0
    _swallow = _greeted = _transaction = _chunking = False
    _upgrade: ServerUpgrade

    def __init__(self, settings: ServerSettings, set_timer: Callable[[str | None], None] = lambda timer: None) -> None:
        """set_timer begins a time-out, instead of the one that is running."""
        self.settings, self._set_timer, self.awaits, self.channel = settings, set_timer, Await.REPLY, Channel()
        self.held, self._lines, self._transcript, self._reply = bytearray(), LineReader(), transcript([]), list[bytes]()

    def for_client(self) -> bytes:
        """What goes to the client now."""
        said, self._said = self._said + self.channel.take(), b""
        return said

    def for_smtp(self) -> bytes:
        """What goes to the SMTP server now."""
        smtp, self._smtp = self._smtp, b""
        return smtp

    def client_sent(self, octets: bytes) -> None:
        """Octets came from the client."""
        if self.awaits is Await.END:
            return
        data = self.channel.receive(octets)
        self.held += data
        if self.channel.state not in ("open", "closing"):
            self._begin(Await.END)
        elif self.awaits is Await.FINISHED and self.channel.verified:
            self._begin(Await.COMMAND)
        elif self.awaits is Await.PAYLOAD and data:
            self._begin(Await.PAYLOAD)
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
            self._close(UNAVAILABLE)

    def smtp_said(self, octets: bytes) -> None:
        """Octets came from the SMTP server."""
        if self.awaits is Await.PIPE:
            self.channel.send(octets)
            return
        *lines, self._replies = (self._replies + octets).split(b"\n")
        for line in lines:
            self._reply.append(line + b"\n")
            if line[3:4] != b"-" and self.awaits not in (Await.END, Await.CLOSE):
                reply, self._reply = self._reply, []
                self._take_reply(reply)
        self._advance()

    def _close(self, last_words: bytes = b"") -> None:
        """Ends the session after what was sent: inside with a close, else at once [BP-8.1-1, BP-8.1-5]."""
        self.channel.send(last_words)
        self.channel.close()
        self._begin(Await.CLOSE if self.channel.state == "closing" else Await.END)

    def _begin(self, awaits: Await) -> None:
        self.awaits, self.timer = awaits, TIMERS.get(awaits.name)
        self._set_timer(self.timer)
        if awaits is not Await.CONTINUATION:
            vars(self).pop("_upgrade", None)  # with its secrets, and an RSA key pair that was replaced [BP-5.1-13, BP-5.4-15]
        if awaits in (Await.PIPE, Await.CLOSE, Await.END):
            self.held.clear()

    # What the SMTP server replies

    def _take_reply(self, lines: list[bytes]) -> None:
        code = lines[0][:3]
        if self._swallow:  # its greeting after an upgrade [BP-4.5-3]
            self._swallow = False
            if code != b"220":
                self._close(UNAVAILABLE)
            return
        if self.awaits is Await.REPLY:
            lines = self._examine(code, lines)
        self.channel.send(b"".join(lines))
        if code in (b"221", b"421"):
            self._close()

    def _examine(self, code: bytes, lines: list[bytes]) -> list[bytes]:
        """Learns from a reply what state the session is in, and edits that to EHLO (Section 15.1)."""
        good, following = code[:1] == b"2", Await.COMMAND
        match self._verb:
            case b"EHLO" | b"HELO" if good:
                self._greeted, self._transaction = self._verb == b"EHLO", False
                lines = self._ehlo(lines) if self._greeted else lines
            case b"MAIL" if good:
                self._transaction = True
            case b"." | b"RSET" | b"LAST" if good or self._verb == b".":
                self._transaction = False
            case b"STARTTLS" if code == b"220":
                following = Await.PIPE
            case b"DATA" if code[:1] == b"3":
                following, self._verb, self._tail = Await.PAYLOAD, b".", b"\r\n"
            case _ if code[:1] == b"3":
                following = Await.ANSWER
        self._begin(following)
        return lines

    def _ehlo(self, lines: list[bytes]) -> list[bytes]:
        """The EHLO reply with an offer, inside without one and without STARTTLS [BP-4.1-1, BP-4.1-2, BP-4.5-4]."""
        gone = (KEYWORD, b"STARTTLS") if self.channel.switched else (KEYWORD,)
        name, *texts = (line[4:].rstrip(b"\r\n") for line in lines)
        texts = [text for text in texts if keyword(text) not in gone]
        self._chunking, self._transcript = b"CHUNKING" in map(keyword, texts), transcript([])
        if not self.channel.switched and self.settings.suites:
            with contextlib.suppress(NoRandomness):  # without it the server is not ready to upgrade
                texts.append(make_offer(self.settings.suites, self.settings.draw(2)))
                self._transcript = transcript(texts[-1:])  # [BP-4.1-15]
        *texts, last = (name, *texts)
        return [b"250-" + text + b"\r\n" for text in texts] + [b"250 " + last + b"\r\n"]

    # What the client says

    def _advance(self) -> None:
        """Goes on with the client's octets as far as they may go."""
        while self.held:
            if self.awaits is Await.PIPE:
                self._smtp += self.held
                self.held.clear()
            elif self.awaits is Await.PAYLOAD:
                self._payload()
            elif self.awaits not in (Await.COMMAND, Await.ANSWER, Await.CONTINUATION) or not self._line():
                return

    def _payload(self) -> None:
        """A chunk by its count, or a message up to CRLF "." CRLF, whatever else is in it."""
        if self._chunk:
            taken = min(len(self.held), self._chunk)
            self._chunk -= taken
            ended = self._chunk == 0
        else:
            window = self._tail + self.held
            end = window.find(b"\r\n.\r\n")
            taken, ended = (end + 5 if end >= 0 else len(window)) - len(self._tail), end >= 0
            self._tail = window[-4:]
        self._smtp += self.held[:taken]
        del self.held[:taken]
        if ended:
            self._begin(Await.REPLY)

    def _line(self) -> bool:
        """The next line, whether command, answer or continuation; False if it is not whole yet."""
        state = self.awaits
        verb = re.split(rb"[ \r\n\0]", bytes(self.held[:64]), maxsplit=1)[0].upper()
        ours = state is Await.CONTINUATION or (state is Await.COMMAND and verb == KEYWORD and bool(self.settings.suites))
        try:
            line = self._lines.next(self.held, MAX_COMMAND_LINE if ours else MAX_OTHER_COMMAND_LINE)
            if line is None:
                return False
            if ours:
                self._negotiate(line)
            elif state is Await.COMMAND and verb == b"STARTTLS" and self.channel.switched:
                raise Refusal(b"503 5.5.1 STARTTLS not allowed inside")  # [BP-4.5-5]
            else:
                self._smtp += line + b"\r\n"
                self._verb = verb if state is Await.COMMAND else self._verb
                if self._chunking and (chunk := re.fullmatch(rb"BDAT +(\d{1,18})( +LAST)? *", line, re.IGNORECASE)):
                    self._verb, self._chunk = b"LAST" if chunk[2] else b"BDAT", int(chunk[1])
                self._begin(Await.PAYLOAD if self._chunk else Await.REPLY)
        except Refusal as refusal:
            self.channel.send(refusal.reply + b"\r\n")
            self._begin(Await.COMMAND if state is Await.CONTINUATION else state)
            if refusal.reply[:3] == b"504":  # [BP-6.1-6]
                self._transcript = transcript([line or b"", refusal.reply], self._transcript)
            if refusal.close:
                self._close()
        return True

    def _negotiate(self, line: bytes) -> None:
        """Rows 4 to 12 of Section 4.4, or 3 to 6 for a continuation; after a 220 the switch [BP-4.3-1, BP-4.6-1, BP-4.6-3]."""
        inside, settings = self.channel.switched, self.settings
        if self.held and not inside:  # [BP-4.4-4]
            raise Refusal(b"503 5.5.1 XBLACKPONY must be the last command of a group", True)
        if self.awaits is Await.COMMAND:
            if inside or not self._greeted or self._transaction:  # [BP-4.4-5, BP-4.4-6, BP-4.5-5]
                raise Refusal(b"503 5.5.1 XBLACKPONY not allowed now")
            suite, share = parse_command(line, settings.suites)
            self._attempts += 1
            if self._attempts > MAX_UPGRADE_ATTEMPTS:  # [BP-4.4-7]
                raise Refusal(b"454 4.7.0 Too many attempts")
            self.suite = suite.name
            self._upgrade = server_upgrade(settings, self._transcript, line, suite, share)
        reply, channel = self._upgrade.send(line) if self.awaits is Await.CONTINUATION else next(self._upgrade)
        self.channel.send(b"".join(text + b"\r\n" for text in reply))
        self._begin(Await.CONTINUATION)
        if channel:
            self._switch(channel)

    def _switch(self, channel: Channel) -> None:
        """The 220 has been said: all is forgotten [BP-4.3-1, BP-4.5-1, BP-4.6-1, BP-4.6-3]."""
        self._said, self.channel = self.for_client(), channel
        self._replies, self._reply = b"", []
        self._greeted = self._transaction = self._chunking = False
        self._swallow = self.restart_smtp = True
        self._begin(Await.COMMAND if channel.verified else Await.FINISHED)

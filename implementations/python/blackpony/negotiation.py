"""Section 4: the offer, the command, replies, and the client's side of an upgrade. Octets in, octets out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .channel import Channel, RotChannel, SecureChannel
from .keys import KeySchedule, transcript_hash
from .limits import MAX_EHLO_LINE, MAX_EHLO_LINES, MAX_REPLY_LINE, MAX_SHARE_LINES, SHARE_FRAGMENT
from .suites import KNOWN, MODULUS, SUITES, Draw, InvalidShare, RsaExchange, RsaKeys, Suite, X25519Exchange, decode, encode, rsa_modulus

KEYWORD = b"XBLACKPONY"


def printable(octets: bytes) -> bool:
    """Whether every octet is 32 to 126."""
    return all(32 <= octet <= 126 for octet in octets)


def rot_shift(text: bytes) -> int:
    """ROT's n [BP-5.5-1]."""
    if not re.fullmatch(rb"[1-9]|1[0-9]|2[0-5]", text):
        raise InvalidShare("a shift that is not 1 to 25")
    return int(text)


def has_keyword(text: bytes, keyword: bytes = KEYWORD) -> bool:
    """Whether an EHLO line's text is the keyword alone or goes on with a space [BP-4.1-8]."""
    return text.upper() == keyword or text.upper().startswith(keyword + b" ")


def make_offer(suites: Sequence[str], grease: bytes) -> bytes:
    """The server's XBLACKPONY line without code and CRLF [BP-4.1-3, BP-4.1-7]."""
    tokens = [KEYWORD.decode(), "V1", *suites] + ([f"G-{grease.hex().upper()}"] if grease else [])
    return " ".join(tokens).encode()


@dataclass(frozen=True)
class Reply:
    """An SMTP reply: its code, and its lines with their code and without CRLF."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """The text of all lines, as smtplib has it."""
        return b"\n".join(line[4:].strip(b" \t\r\n") for line in self.lines)


class MalformedReply(Exception):
    """A reply that [BP-4.3-11] calls malformed."""


class ReplyReader:
    """Cuts what a server sends into replies, within the limits of Section 13."""

    def __init__(self) -> None:
        self._octets, self._lines = bytearray(), list[bytes]()

    def feed(self, octets: bytes) -> None:
        """Takes octets that came."""
        self._octets += octets

    def rest(self) -> bytes:
        """What came after the last reply, which is taken out [BP-4.3-9]."""
        rest, self._octets = bytes(self._octets), bytearray()
        return rest

    def next(self) -> Reply | None:
        """The next whole reply, if it has come; MalformedReply by [BP-4.3-11]."""
        while True:
            end = self._octets.find(b"\r\n")
            line = bytes(self._octets if end < 0 else self._octets[:end])
            if b"\n" in line or len(line) + (2 if end >= 0 else 0) > MAX_EHLO_LINE:
                raise MalformedReply("a bare LF, or a line that is too long")
            if end < 0:
                return None
            del self._octets[: end + 2]
            if not re.fullmatch(rb"[2-5][0-9][0-9](?:[ -].*)?", line, re.DOTALL):
                raise MalformedReply("a line without a code")
            self._lines.append(line)
            if len(self._lines) > MAX_EHLO_LINES or line[:3] != self._lines[0][:3]:
                raise MalformedReply("too many lines, or lines with different codes")
            if line[3:4] != b"-":
                lines, self._lines = tuple(self._lines), []
                return Reply(int(line[:3]), lines)


@dataclass(frozen=True)
class Offer:
    """What a client takes from an EHLO reply: the line as it was on the wire, and its tokens in upper case."""

    line: bytes
    tokens: tuple[str, ...]

    @classmethod
    def find(cls, lines: Iterable[bytes]) -> "Offer | None":
        """The offer in a positive EHLO reply [BP-4.1-8 to 16]."""
        for text in (line[4:] for line in list(lines)[1:]):
            if has_keyword(text):
                tokens = tuple(dict.fromkeys(text.decode("latin-1").upper().split(" ")[1:]))
                fits = len(text) + 6 <= MAX_REPLY_LINE and printable(text) and "V1" in tokens
                return cls(text, tokens) if fits and not KNOWN.isdisjoint(tokens) else None
        return None

    def common(self, accepted: Sequence[str]) -> list[str]:
        """The suites that both have, in the client's order [BP-4.8-1, BP-4.8-2]."""
        return [suite for suite in accepted if suite in self.tokens]


class Refusal(Exception):
    """A refusal of Section 4.4: the reply without CRLF, and whether the connection is closed."""

    def __init__(self, reply: bytes, close: bool = False) -> None:
        super().__init__(reply)
        self.reply, self.close = reply, close


BARE = Refusal(b"501 5.5.2 Bare LF, bare CR or NUL in a command", True)
TOO_LONG = Refusal(b"500 5.5.2 Line too long")
BEHIND = Refusal(b"503 5.5.1 XBLACKPONY must be the last command of a group", True)
NOT_NOW = Refusal(b"503 5.5.1 XBLACKPONY not allowed now")
TOO_MANY = Refusal(b"454 4.7.0 Too many attempts")
INVALID_SHARE = Refusal(b"501 5.5.4 Invalid share")
CANCELLED = Refusal(b"501 5.7.0 Cancelled")


class LineReader:
    """Cuts command lines at CRLF, and finds the faults of Section 4.4 while a line comes in [BP-4.4-14]."""

    def __init__(self) -> None:
        self._discarding = False

    def next(self, octets: bytearray, limit: int) -> bytes | None:
        """Takes the next line out of octets, without CRLF; None if it is not whole; Refusal by rows 2 and 3."""
        if self._discarding:
            self._discard(octets)
            return None
        end = octets.find(b"\r\n", 0, limit)
        if fault := re.search(rb"[\n\0]|\r(?=[^\n])", octets[: end + 1 if end >= 0 else limit]):
            if fault.start() < limit - 1:
                raise BARE
        if end >= 0:
            line = bytes(octets[:end])
            del octets[: end + 2]
            return line
        if len(octets) < limit:
            return None
        del octets[: limit - 1]  # the limit's octet may be the CR of the line's end
        self._discarding = True
        self._discard(octets)
        return None

    def _discard(self, octets: bytearray) -> None:
        """Throws away what follows, unexamined, up to its CRLF [BP-4.4-3]."""
        end = octets.find(b"\r\n")
        if end < 0:
            del octets[: len(octets) - (1 if octets.endswith(b"\r") else 0)]
            return
        del octets[: end + 2]
        self._discarding = False
        raise TOO_LONG


def parse_command(line: bytes, accepted: Sequence[str]) -> tuple[Suite, bytes]:
    """Suite and share of a command line without CRLF; Refusal by rows 8 to 10 of Section 4.4."""
    fields = line.split(b" ")
    if len(fields) < 4 or b"" in fields or not printable(line):  # [BP-4.2-8]
        raise Refusal(b"501 5.5.4 Syntax: XBLACKPONY V1 suite share")
    version, suite, share = fields[1].upper(), fields[2].upper().decode(), fields[3]
    if version != b"V1":
        raise Refusal(b"504 5.5.4 Unknown version")
    if suite not in accepted:
        raise Refusal(b"504 5.5.4 Unknown suite")
    return SUITES[suite], share


def check_share(suite: Suite, share: bytes) -> bytes:
    """The share's octets, or ROT's shift; InvalidShare by what can be seen before anything is drawn (Appendix B)."""
    if suite.messages == 0:
        return bytes([rot_shift(share)])
    octets = decode(share, suite.share_length)
    if suite.messages == 2:
        rsa_modulus(octets[:MODULUS])  # [BP-5.4-5]
    return octets


def share_reply(code: bytes, share: bytes) -> list[bytes]:
    """The lines of a 220 or 334 reply, without CRLF [BP-4.3-2 to 4]."""
    text = encode(share)
    parts = [text[i : i + SHARE_FRAGMENT] for i in range(0, len(text), SHARE_FRAGMENT)]
    return [code + b"-K=" + part for part in parts[:-1]] + [code + b" K=" + parts[-1]]


class ServerUpgrade:
    """The server's side of one XBLACKPONY command that came to row 12: shares in, replies and a channel out."""

    def __init__(self, offer: bytes, command: bytes, suite: Suite, share: bytes, draw: Draw, rsa: RsaKeys) -> None:
        self._suite, self._lines = suite, [offer, command]
        self.keys: KeySchedule | None = None
        self.shift = 0
        try:
            self._peer = check_share(suite, share)
            if suite.messages == 0:
                self.shift = self._peer[0]
                self.reply = [f"220 ROT{self.shift} from here on, and it protects nothing".encode()]
            elif suite.messages == 1:
                x25519 = X25519Exchange(draw)
                self._agree(x25519.share, x25519.shared(self._peer))
            else:
                self._rsa = RsaExchange(draw, rsa.current())
                self.reply = share_reply(b"334", self._rsa.share)
                self._lines += self.reply
        except InvalidShare:
            raise INVALID_SHARE from None

    def _agree(self, share: bytes, secret: bytes) -> None:
        self.reply = share_reply(b"220", share)
        self.keys = KeySchedule.derive(self._suite.name, secret, transcript_hash(self._lines + self.reply))

    def channel(self, idents: Sequence[Ed25519PrivateKey], before: bytes) -> Channel | None:
        """What carries the session after the 220, which is the last of before; None where the reply is a 334."""
        if self.keys:
            return SecureChannel("server", self._suite.protection, self.keys, idents, before)
        return RotChannel(self.shift, before) if self.shift else None

    def continuation(self, line: bytes) -> None:
        """The client's second message, without CRLF; Refusal by rows 4 and 5."""
        if line == b"*":  # [BP-4.4-8]
            raise CANCELLED
        try:
            ciphertext = decode(line, RsaExchange.cipher_length)
        except InvalidShare:
            raise INVALID_SHARE from None
        self._lines.append(line)
        self._agree(*self._rsa.server_answer(self._peer, ciphertext))


class ClientUpgrade:
    """The client's side of one XBLACKPONY command: replies in; the next line, or a channel, out."""

    def __init__(self, offer: bytes, suite: str, draw: Draw, rsa: RsaKeys, shift: int = 13) -> None:
        self.suite = SUITES[suite]
        self.channel: Channel | None = None
        self._shift, self._cancelled = shift, False
        self._x25519 = X25519Exchange(draw) if self.suite.messages == 1 else None
        self._two = RsaExchange(draw, rsa.current()) if self.suite.messages == 2 else None
        side = self._x25519 or self._two
        share = encode(side.share) if side else str(shift).encode()
        self.next_line = b" ".join((KEYWORD, b"V1", suite.encode(), share))
        self.lines = [offer, self.next_line]
        self.keys: KeySchedule | None = None

    def receive(self, reply: Reply) -> str:
        """What comes next: "records" or "rot" (in channel), "continuation" or "cancel" (next_line), "refused", "broken".

        The code alone decides about a refusal [BP-4.4-10]; 421 is none [BP-4.4-12].
        """
        if 400 <= reply.code and reply.code != 421:
            return "refused"
        if reply.code == 220 and not self._cancelled and self.suite.messages == 0:
            return self._rot(reply)
        parts = [re.fullmatch(rb"...[ -]K=(.+)", line, re.DOTALL) for line in reply.lines]
        longest = max(len(line) for line in reply.lines) + 2
        if len(parts) > MAX_SHARE_LINES or longest > MAX_REPLY_LINE or self._cancelled:  # [BP-4.3-5, BP-4.3-7]
            return "broken"
        share = b"".join(part[1] for part in parts if part)
        due = 334 if self._two and self._two.half is None else 220
        if reply.code != due or not all(parts):  # [BP-4.3-2, BP-4.3-7, BP-4.3-8]
            return "broken"
        self.lines += reply.lines
        return self._continue(share) if due == 334 else self._agree(share)

    def _rot(self, reply: Reply) -> str:
        if len(reply.lines) > 1 or reply.lines[0][4:6] == b"K=" or len(reply.lines[0]) + 2 > MAX_REPLY_LINE:
            return "broken"  # [BP-5.5-11]
        self.channel = RotChannel(self._shift)
        return "rot"

    def _continue(self, share: bytes) -> str:
        assert self._two
        try:
            self.next_line = encode(self._two.encrypt(decode(share, self._two.share_length)))
        except InvalidShare:  # [BP-5.4-6, BP-5.4-12]
            self.next_line, self._cancelled = b"*", True
            return "cancel"
        self.lines.append(self.next_line)
        return "continuation"

    def _agree(self, share: bytes) -> str:
        try:
            if self._x25519:
                secret = self._x25519.shared(decode(share, X25519Exchange.share_length))
            else:
                assert self._two
                secret = self._two.client_secret(decode(share, RsaExchange.cipher_length))
        except InvalidShare:  # [BP-5.1-10, BP-5.2-3]
            return "broken"
        self.keys = KeySchedule.derive(self.suite.name, secret, transcript_hash(self.lines))
        self.channel = SecureChannel("client", self.suite.protection, self.keys)
        return "records"

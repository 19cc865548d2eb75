"""Section 4: the offer, the command, replies, and both sides of an upgrade. Octets in, octets out."""

import re
from base64 import b64encode
from collections.abc import Generator, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import Hash

from .channel import Channel, RotChannel, SecureChannel
from .keys import KeySchedule, ident_data, transcript
from .limits import MAX_EHLO_LINE, MAX_EHLO_LINES, MAX_REPLY_LINE, MAX_SHARE_LINES, SHARE_FRAGMENT
from .suites import DEFAULT_SUITES, HALF, KNOWN, MODULUS, ROT, RSA_BLOWFISH, SUITES, Draw, InvalidShare, Refusal, RsaKeys, Suite
from .suites import X25519Exchange, decode, oaep_decrypt, oaep_encrypt, rsa_key, rsa_share, system_random

KEYWORD = b"XBLACKPONY"
ServerUpgrade = Generator[tuple[list[bytes], Channel | None], bytes, None]
Reply = tuple[bytes, ...]  # its lines, with their code and without CRLF
LINE_END = re.compile(rb"\r\n|[\n\0]|\r(?=[^\n])")  # or what may not be in a line


class ServerSettings(NamedTuple):
    """What a server offers; ROT only if its name is in suites [BP-5.5-7]. draw is for tests [BP-B-2]."""

    suites: Sequence[str] = DEFAULT_SUITES
    idents: Sequence[Ed25519PrivateKey] = ()
    rsa: RsaKeys = RsaKeys()  # one for all servers of the process
    draw: Draw = system_random
    withdrawn: Sequence[Ed25519PrivateKey] = ()  # IDENT keys that it used before [BP-6.5-7, BP-6.5-8]


def keyword(text: bytes) -> bytes:
    """The keyword of an EHLO line's text: what stands before the first space, in upper case [BP-4.1-8]."""
    return text.split(b" ", 1)[0].upper()


def make_offer(suites: Sequence[str], grease: bytes) -> bytes:
    """The server's XBLACKPONY line without code and CRLF [BP-4.1-3, BP-4.1-7]."""
    return " ".join((KEYWORD.decode(), "V1", *suites, f"G-{grease.hex().upper()}")).encode()


def find_offer(lines: Sequence[bytes]) -> bytes:
    """The offer as on the wire, out of the lines of a positive EHLO reply [BP-4.1-8 to 16]; nothing if there is none."""
    text = next((line[4:] for line in lines[1:] if keyword(line[4:]) == KEYWORD), b"")
    fits = len(text) + 6 <= MAX_REPLY_LINE and re.fullmatch(rb"[ -~]*", text)
    return text if fits and "V1" in offered(text) and not KNOWN.isdisjoint(offered(text)) else b""


def offered(offer: bytes) -> list[str]:
    """The tokens of an offer, in upper case."""
    return offer.decode("latin-1").upper().split(" ")[1:]


def refuses(reply: Reply) -> bool:
    """Whether the client's command or continuation is refused, by the code alone [BP-4.4-10]; 421 is no refusal [BP-4.4-12]."""
    return reply[0][:1] in (b"4", b"5") and reply[0][:3] != b"421"


class MalformedReply(Exception):
    """A reply that [BP-4.3-11] calls malformed."""


def next_reply(octets: bytearray) -> Reply | None:
    """Takes the next reply out of what a server sent; None if it is not whole; MalformedReply by [BP-4.3-11]."""
    *lines, rest = bytes(octets).split(b"\r\n")
    for count, line in enumerate(lines, 1):
        good = re.fullmatch(rb"[2-5][0-9][0-9]([ -][^\n]*)?", line) and line[:3] == lines[0][:3]
        if not good or len(line) + 2 > MAX_EHLO_LINE or count > MAX_EHLO_LINES:
            raise MalformedReply(f"no reply: {line[:80]!r}")
        if line[3:4] != b"-":
            del octets[: sum(map(len, lines[:count])) + 2 * count]
            return tuple(lines[:count])
    if b"\n" in rest or len(rest) > MAX_EHLO_LINE:
        raise MalformedReply("a bare LF, or a line that is too long")
    return None


class LineReader:
    """Cuts command lines at CRLF, and finds the faults of Section 4.4 while a line comes in [BP-4.4-14]."""

    _discarding = False

    def next(self, octets: bytearray, limit: int) -> bytes | None:
        """Takes the next line out of octets, without CRLF; None if it is not whole; Refusal by rows 2 and 3."""
        if not self._discarding:
            found = LINE_END.search(octets, 0, limit)
            if found and found[0] == b"\r\n":
                line = bytes(octets[: found.start()])
                del octets[: found.end()]
                return line
            if found and found.start() < limit - 1:
                raise Refusal(b"501 5.5.2 Bare LF, bare CR or NUL in a command", True)
            if len(octets) < limit:
                return None
        end = octets.find(b"\r\n")  # what comes before it is thrown away unexamined [BP-4.4-3]
        del octets[: end + 2 if end >= 0 else -1]
        self._discarding = end < 0
        if self._discarding:
            return None
        raise Refusal(b"500 5.5.2 Line too long")


def parse_command(line: bytes, accepted: Sequence[str]) -> tuple[Suite, bytes]:
    """Suite and share of a command line without CRLF; Refusal by rows 8 to 10 of Section 4.4."""
    if not re.fullmatch(rb"[!-~]+(?: [!-~]+){3,}", line):  # [BP-4.2-8]
        raise Refusal(b"501 5.5.4 Syntax: XBLACKPONY V1 suite share")
    _, version, suite, share = line.decode().split(" ")[:4]
    unknown = b"version" if version.upper() != "V1" else b"suite" if suite.upper() not in accepted else b""
    if unknown:
        raise Refusal(b"504 5.5.4 Unknown " + unknown)
    return SUITES[suite.upper()], share.encode()


def share_reply(code: bytes, share: bytes) -> list[bytes]:
    """The lines of a 220 or 334 reply, without CRLF [BP-4.3-2 to 4]."""
    text = b64encode(share)
    parts = [text[i : i + SHARE_FRAGMENT] for i in range(0, len(text), SHARE_FRAGMENT)]
    return [code + b"-K=" + part for part in parts[:-1]] + [code + b" K=" + parts[-1]]


def server_upgrade(settings: ServerSettings, before: Hash, command: bytes, suite: Suite, share: bytes) -> ServerUpgrade:
    """The server's side of a command that came to row 12: yields a reply, and with the 220 what carries the session then.

    before is the transcript of offer and refused commands. It is sent the continuation after a 334. Refusal by the rest of Section 4.4, before anything is drawn where that can be
    seen before (Appendix B).
    """
    lines = [command]
    if suite is ROT:
        if not re.fullmatch(rb"[1-9]|1[0-9]|2[0-5]", share):  # [BP-5.5-1]
            raise InvalidShare
        yield [b"220 ROT%s from here on, and it protects nothing" % share], RotChannel(int(share))
        return
    peer = decode(share, suite.share_length)
    if suite is RSA_BLOWFISH:
        private, draw = settings.rsa.current(), settings.draw
        key = rsa_key(peer, private)
        reply = share_reply(b"334", rsa_share(private, draw))
        line = yield reply, None
        if line == b"*":  # [BP-4.4-8]
            raise Refusal(b"501 5.7.0 Cancelled")
        theirs = oaep_decrypt(private, decode(line, MODULUS), b"C", draw(HALF))
        half = draw(HALF)
        own, secret = oaep_encrypt(key, b"S" + half, draw), theirs + half
        lines += [*reply, line]
    else:
        exchange = X25519Exchange(settings.draw)
        secret, own = exchange.shared(peer), exchange.share
    reply = share_reply(b"220", own)
    keys = KeySchedule(suite.name, secret, transcript(lines + reply, before).finalize())
    yield reply, SecureChannel("server", suite.records, keys, ident_data(keys.th, settings.idents, settings.withdrawn))


def client_upgrade(before: Hash, suite: Suite, draw: Draw, rsa: RsaKeys, shift: int = 13) -> Generator[bytes | Channel, Reply, None]:
    """The client's side: yields lines, is sent the replies that do not refuse, and yields what carries the session then.

    MalformedReply or InvalidShare if the upgrade broke [BP-4.3-7, BP-4.3-8, BP-5.1-10, BP-5.2-3].
    """
    lines, command = list[bytes](), b"XBLACKPONY V1 %s " % suite.name.encode()
    if suite is ROT:
        reply = yield command + b"%d" % shift
        if reply[0][:3] != b"220" or len(reply) > 1 or reply[0][4:6] == b"K=" or len(reply[0]) + 2 > MAX_REPLY_LINE:
            raise MalformedReply("no 220 to ROT")  # [BP-5.5-11]
        yield RotChannel(shift)
        return
    if suite is RSA_BLOWFISH:
        private = rsa.current()
        text = yield from _ask(lines, command + b64encode(rsa_share(private, draw)), b"334")
        try:
            key = rsa_key(decode(text, suite.share_length), private)
        except InvalidShare:  # [BP-5.4-6, BP-5.4-12]
            yield b"*"
            raise
        half = draw(HALF)
        text = yield from _ask(lines, b64encode(oaep_encrypt(key, b"C" + half, draw)), b"220")
        secret = half + oaep_decrypt(private, decode(text, MODULUS), b"S", draw(HALF))
    else:
        exchange = X25519Exchange(draw)
        text = yield from _ask(lines, command + b64encode(exchange.share), b"220")
        secret = exchange.shared(decode(text, suite.share_length))
    yield SecureChannel("client", suite.records, KeySchedule(suite.name, secret, transcript(lines, before).finalize()))


def _ask(lines: list[bytes], line: bytes, code: bytes) -> Generator[bytes, Reply, bytes]:
    """Says a line, and returns the share in the reply, which has this code [BP-4.3-2, BP-4.3-5]."""
    reply = yield line
    if len(reply) > MAX_SHARE_LINES or not all(x[:3] == code and x[4:6] == b"K=" and 6 < len(x) <= MAX_REPLY_LINE - 2 for x in reply):
        raise MalformedReply("no share in the reply")
    lines += [line, *reply]
    return b"".join(x[6:] for x in reply)

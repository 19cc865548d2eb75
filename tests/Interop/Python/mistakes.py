"""The Python implementation with mistakes that half-done implementations make, each in a process of its own.

    python3 mistakes.py server PORT...    serves each mistake on a port of its own: prints "NAME PORT" for each, then "ready"
    python3 mistakes.py client NAME HOST PORT SUITES     delivers the message on standard input with that mistake
"""

import hashlib
import hmac
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from blackpony import aiosmtpd, channel, client, keys, negotiation, records, session, suites

KEY = generate_private_key(65537, 3072)
Info = Callable[[bytes, bytes, int], bytes]
RIGHT_LINES = keys.transcript


def right_info(label: bytes, context: bytes, length: int) -> bytes:
    """*info* of Expand-Label as Section 6.2 has it."""
    text = b"bp1 " + label
    return struct.pack(">HB", length, len(text)) + text + bytes([len(context)]) + context


def info(make: Info) -> Callable[[], None]:
    """Another *info* in Expand-Label: of label, context and length."""

    def expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        return HKDFExpand(SHA256(), length, make(label, context, length)).derive(secret)

    def patch() -> None:
        keys.expand_label = records.expand_label = expand

    return patch


def prefix(text: bytes) -> Callable[[], None]:
    """Another prefix than "bp1 "."""
    return info(lambda label, context, n: struct.pack(">HB", n, len(text + label)) + text + label + bytes([len(context)]) + context)


def salt(make: Callable[[str, bytes, bytes], tuple[bytes, bytes]]) -> Callable[[], None]:
    """Another salt and secret in HKDF-Extract: of suite, shared secret and th."""

    def start(self: Any, suite: str, shared_secret: bytes, th: bytes) -> None:
        key, text = make(suite, shared_secret, th)
        self.th, self._prk = th, hmac.digest(key, text, "sha256")

    def patch() -> None:
        keys.KeySchedule.__init__ = start

    return patch


def secret(change: Callable[[bytes], bytes]) -> Callable[[], None]:
    """Another shared secret."""
    return salt(lambda suite, shared, _: (hashlib.sha256(suite.upper().encode()).digest(), change(shared)))


def th(make: Callable[[list[bytes], Hash | None], Hash]) -> Callable[[], None]:
    """Another transcript hash: of the lines, after what was hashed before."""

    def patch() -> None:
        keys.transcript = negotiation.transcript = session.transcript = lambda lines, before=None: make(list(lines), before)
        sys.modules["blackpony.smtplib"].transcript = negotiation.transcript

    return patch


def lines(label: bytes, form: Callable[[bytes], bytes]) -> Callable[[], None]:
    """Another label, and another form of each line."""

    def make(text: list[bytes], before: Hash | None) -> Hash:
        hashed = before.copy() if before else Hash(SHA256())
        hashed.update((b"" if before else label) + b"".join(map(form, text)))
        return hashed

    return th(make)


def without_offer(text: list[bytes], before: Hash | None) -> Hash:
    """The offer is what is hashed alone, and first."""
    return RIGHT_LINES([] if before is None else text, before)


def attribute(owner: Any, name: str, value: Any) -> Callable[[], None]:
    """Something else in the place of a function."""
    return lambda: setattr(owner, name, value)


def swapped() -> None:
    """Each side has the other's keys."""
    right = keys.KeySchedule.secret
    keys.KeySchedule.secret = lambda self, label: right(self, label.replace("c t", "x t").replace("s t", "c t").replace("x t", "s t"))


def label(old: str, new: str) -> Callable[[], None]:
    """Another label of a secret."""
    right = keys.KeySchedule.secret
    return attribute(keys.KeySchedule, "secret", lambda self, text: right(self, text.replace(old, new)))


def nonce(make: Callable[[Any], bytes], aad: Callable[[bytes, Any], bytes] = lambda header, _: header) -> Callable[[], None]:
    """Another nonce, and other additional data."""

    def protect(self: Any, header: bytes, inner: bytes) -> bytes:
        return self._aead.encrypt(make(self), inner, aad(header, self))

    def unprotect(self: Any, header: bytes, protected: bytes) -> bytes:
        try:
            return self._aead.decrypt(make(self), protected, aad(header, self))
        except Exception:
            return b""

    def patch() -> None:
        records.Records._protect, records.Records._unprotect = protect, unprotect

    return patch


def right_nonce(self: Any) -> bytes:
    return (self._iv ^ self._seq).to_bytes(12, "big")


def mac(make: Callable[[Any, bytes, bytes], bytes]) -> Callable[[], None]:
    """Other octets under the HMAC of RSA-BLOWFISH."""
    return attribute(records.BlowfishRecords, "_mac", lambda self, header, text: hmac.digest(self._mac_key, make(self, header, text), "sha256"))


def inner(make: Callable[[int, bytes, int], bytes]) -> Callable[[], None]:
    """Another *inner*: of type, data and padding."""

    def seal(self: Any, kind: int, data: bytes, padding: int) -> bytes:
        text = make(kind, data, padding)
        header = struct.pack(">H", len(text) + self.tag)
        record = header + self._protect(header, text)
        self._used, self._seq = self._used + self.cost(len(text)), self._seq + 1
        return record

    return attribute(records.Records, "seal", seal)


def blowfish_key(label: bytes) -> Callable[[], None]:
    """Another label of Blowfish's key alone."""
    right = records.BlowfishRecords._set_keys

    def set_keys(self: Any, traffic: bytes) -> None:
        right(self, traffic)
        self._blocks = Cipher(records.Blowfish(keys.expand_label(traffic, label, b"", 32)), modes.ECB()).encryptor()

    return attribute(records.BlowfishRecords, "_set_keys", set_keys)


def expand_sha512(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """HKDF-Expand with SHA-512."""
    return HKDFExpand(SHA512(), length, right_info(label, context, length)).derive(secret)


def oaep(scheme: Any) -> Callable[[], None]:
    """Another padding, of what is sent alone: what comes would not decrypt either."""
    return attribute(negotiation, "oaep_encrypt", lambda key, text, draw: key.encrypt(text, scheme))


def oaep_both_ways(scheme: Any) -> Callable[[], None]:
    """Another padding, of what comes too: the other side's half does not decrypt."""

    def decrypt(key: Any, ciphertext: bytes, letter: bytes, substitute: bytes) -> bytes:
        try:
            return bytes(key.decrypt(ciphertext, scheme)[1:])
        except ValueError:
            return substitute

    sends = oaep(scheme)
    takes = attribute(negotiation, "oaep_decrypt", decrypt)

    def patch() -> None:
        sends()
        takes()

    return patch


def verify_data(make: Callable[[Any, str], bytes]) -> Callable[[], None]:
    """Another verify_data."""
    return attribute(keys.KeySchedule, "verify_data", make)


def reply(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[], None]:
    """Another 220 reply."""
    right = negotiation.share_reply
    return attribute(negotiation, "share_reply", lambda code, share: change(right(code, share)) if code == b"220" else right(code, share))


def said(change: Callable[[Any, list[bytes]], list[bytes]]) -> Callable[[], None]:
    """Another EHLO reply."""
    right = session.ServerSession._ehlo
    return attribute(session.ServerSession, "_ehlo", lambda self, text: change(self, right(self, text)))


def ignores_finished() -> None:
    """A receiver that uses the keys of its own direction: it sends as it should."""
    right = channel.SecureChannel.__init__

    def start(self: Any, side: str, kind: Any, schedule: Any, ident: bytes = b"") -> None:
        right(self, side, kind, schedule, ident)
        self._receiver = kind(schedule.secret(f"{side[0]} traffic"))

    channel.SecureChannel.__init__ = start


def hangs() -> None:
    """Never answers XBLACKPONY."""
    session.ServerSession._negotiate = lambda self, line: setattr(self, "awaits", session.Await.REPLY)


def counter(order: str) -> Callable[[], None]:
    """Another counter block of Blowfish-CTR."""

    def crypt(self: Any, text: bytes) -> bytes:
        blocks = b"".join(struct.pack(order, self._seq, i) for i in range(self.cost(len(text))))
        stream = self._blocks.update(blocks)[: len(text)]
        return bytes(a ^ b for a, b in zip(text, stream))

    return attribute(records.BlowfishRecords, "_crypt", crypt)


CORE, CLASSIC = "X25519-CHACHA20POLY1305", "RSA-BLOWFISH"
MISTAKES: dict[str, Callable[[], None]] = {
    "none": lambda: None,
    "no-prefix": prefix(b""),
    "tls-prefix": prefix(b"tls13 "),
    "prefix-without-space": prefix(b"bp1"),
    "label-length": info(lambda label, context, n: struct.pack(">HB", n, len(label)) + b"bp1 " + label + bytes([len(context)]) + context),
    "little-endian-length": info(lambda label, c, n: struct.pack("<HB", n, 4 + len(label)) + b"bp1 " + label + bytes([len(c)]) + c),
    "no-length": info(lambda label, context, n: bytes([4 + len(label)]) + b"bp1 " + label + bytes([len(context)]) + context),
    "no-length-octets": info(lambda label, context, n: b"bp1 " + label + context),
    "no-context-length": info(lambda label, context, n: struct.pack(">HB", n, 4 + len(label)) + b"bp1 " + label + context),
    "nul-after-label": info(
        lambda label, c, n: struct.pack(">HB", n, 5 + len(label)) + b"bp1 " + label + b"\0" + bytes([len(c)]) + c
    ),
    "iv-cut-from-32": info(
        lambda label, c, n: struct.pack(">HB", 32 if n == 12 else n, 4 + len(label)) + b"bp1 " + label + bytes([len(c)]) + c
    ),
    "no-salt": salt(lambda suite, shared, _: (bytes(32), shared)),
    "name-as-salt": salt(lambda suite, shared, _: (suite.encode(), shared)),
    "lower-case-salt": salt(lambda suite, shared, _: (hashlib.sha256(suite.lower().encode()).digest(), shared)),
    "th-as-salt": salt(lambda suite, shared, hashed: (hashed, shared)),
    "extract-arguments": salt(lambda suite, shared, _: (shared, hashlib.sha256(suite.upper().encode()).digest())),
    "reversed-secret": secret(lambda shared: shared[::-1]),
    "hashed-secret": secret(lambda shared: hashlib.sha256(shared).digest()),
    "th-without-offer": th(without_offer),
    "th-with-crlf": lines(b"BLACKPONY V1", lambda x: struct.pack(">H", len(x) + 2) + x + b"\r\n"),
    "th-without-lengths": lines(b"BLACKPONY V1", lambda x: x),
    "th-without-label": lines(b"", lambda x: struct.pack(">H", len(x)) + x),
    "th-little-endian": lines(b"BLACKPONY V1", lambda x: struct.pack("<H", len(x)) + x),
    "th-upper-case": lines(b"BLACKPONY V1", lambda x: struct.pack(">H", len(x)) + (x.upper() if x[:10] == b"XBLACKPONY" and b"K" in x else x)),
    "keys-swapped": swapped,
    "other-label": label("traffic", "ap traffic"),
    "from-1": nonce(lambda r: (r._iv ^ (r._seq + 1)).to_bytes(12, "big")),
    "no-iv": nonce(lambda r: r._seq.to_bytes(12, "big")),
    "little-endian-seq": nonce(lambda r: (r._iv ^ int.from_bytes(r._seq.to_bytes(8, "little"), "big")).to_bytes(12, "big")),
    "seq-at-the-beginning": nonce(lambda r: (r._iv ^ (r._seq << 32)).to_bytes(12, "big")),
    "seq-after-iv": nonce(lambda r: r._iv.to_bytes(12, "big")[:4] + r._seq.to_bytes(8, "big")),
    "no-aad": nonce(right_nonce, lambda header, _: b""),
    "little-endian-aad": nonce(right_nonce, lambda header, _: header[::-1]),
    "aad-without-tag": nonce(right_nonce, lambda header, _: struct.pack(">H", int.from_bytes(header, "big") - 16)),
    "tls-aad": nonce(right_nonce, lambda header, _: b"\x17\x03\x03" + header),
    "two-at-once": lambda: (prefix(b"tls13 ")(), nonce(right_nonce, lambda header, _: b"")())[0],
    "finished-swapped": verify_data(lambda k, side: hmac.digest(k.secret(f"{'s' if side == 'client' else 'c'} finished"), k.th, "sha256")),
    "finished-as-tls": verify_data(
        lambda k, side: hmac.digest(keys.expand_label(k.secret(f"{side[0]} traffic"), b"finished", b"", 32), k.th, "sha256")
    ),
    "finished-cut": verify_data(lambda k, side: hmac.digest(k.secret(f"{side[0]} finished"), k.th, "sha256")[:12]),
    "finished-label": verify_data(lambda k, side: hmac.digest(k.secret(f"{side} finished"), k.th, "sha256")),
    "finished-sha512": verify_data(lambda k, side: hmac.digest(k.secret(f"{side[0]} finished"), k.th, "sha512")),
    "finished-hex": verify_data(lambda k, side: hmac.digest(k.secret(f"{side[0]} finished"), k.th, "sha256").hex().encode()),
    "expand-sha512": lambda: (setattr(keys, "expand_label", expand_sha512), setattr(records, "expand_label", expand_sha512))[0],
    "key-label": info(lambda label, c, n: right_info(b"k" if label == b"key" else label, c, n)),
    "iv-label": info(lambda label, c, n: right_info(b"IV" if label == b"iv" else label, c, n)),
    "type-in-front": inner(lambda kind, data, padding: bytes([kind]) + data + bytes(padding)),
    "no-type": inner(lambda kind, data, padding: data + bytes(padding + 1)),
    "padding-before-type": inner(lambda kind, data, padding: data + bytes(padding) + bytes([kind])),
    "receives-with-own-keys": ignores_finished,
    "wrong-220": reply(lambda text: [b"220 Go ahead"]),
    "220-without-k": reply(lambda text: [x.replace(b"K=", b"") for x in text]),
    "answers-250": reply(lambda text: [x.replace(b"220", b"250") for x in text]),
    "no-offer": said(lambda self, text: [x for x in text[:-1] if b"XBLACKPONY" not in x] + [b"250 OK\r\n"] if not self.channel.switched else text),
    "hangs-in-upgrade": hangs,
    "oaep-sha1": oaep(padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)),
    "oaep-mgf1-sha1": oaep(padding.OAEP(padding.MGF1(SHA1()), SHA256(), None)),
    "oaep-pkcs1": oaep(padding.PKCS1v15()),
    "oaep-sha1-both-ways": oaep_both_ways(padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)),
    "oaep-pkcs1-both-ways": oaep_both_ways(padding.PKCS1v15()),
    "oaep-no-letter": attribute(
        negotiation, "oaep_encrypt", lambda key, text, draw: key.encrypt(text[1:], padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))
    ),
    "oaep-label": oaep(padding.OAEP(padding.MGF1(SHA256()), SHA256(), b"BLACKPONY V1")),
    "mac-label": info(lambda label, c, n: right_info(b"hmac" if label == b"mac" else label, c, n)),
    "blowfish-key-label": blowfish_key(b"enc"),
    "mac-without-seq": mac(lambda r, header, text: header + text),
    "mac-over-ciphertext": mac(lambda r, header, text: text),
    "mac-seq-32": mac(lambda r, header, text: struct.pack(">I", r._seq) + header + text),
    "little-endian-counter": counter("<II"),
}
OF_CLASSIC = ("oaep-", "mac-", "little-endian-counter", "blowfish-")


class Sink:
    """Takes every message."""

    async def handle_DATA(self, server: Any, smtp_session: Any, envelope: Any) -> str:
        return "250 Ok"


def serve(name: str, port: int, pipe: int) -> None:
    """Serves a mistake, and writes its name and port on the pipe."""
    MISTAKES[name]()
    settings = session.ServerSettings([CORE, CLASSIC] if name.startswith(OF_CLASSIC) else [CORE], rsa=suites.RsaKeys(KEY))
    controller: Any = aiosmtpd.BlackPonyController(Sink(), blackpony=settings, hostname="127.0.0.1", port=port, server_hostname="port.test")
    controller.start()
    os.write(pipe, f"{name} {port}\n".encode())
    while True:
        time.sleep(60)


def main() -> int:
    if sys.argv[1] == "client":
        MISTAKES[sys.argv[2]]()
        suites.RsaKeys.current = lambda self: KEY
        sys.argv = ["client", *sys.argv[3:5], "--suites", sys.argv[5]]
        return client.main()
    children = []
    reader, writer = os.pipe()
    for name, port in zip(MISTAKES, sys.argv[2:], strict=False):
        if not (child := os.fork()):
            serve(name, int(port), writer)
        children.append(child)
    os.close(writer)
    try:
        with open(reader) as lines:
            for _ in children:
                if not (line := lines.readline()):
                    return 1  # the children have written why
                print(line, end="", flush=True)
        print("ready", flush=True)
        sys.stdin.read()  # its end is the end
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
    return 0


if __name__ == "__main__":
    sys.exit(main())

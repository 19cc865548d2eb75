"""Section 6: transcript hash, key schedule, Finished, exporter and IDENT."""

import contextlib
import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .limits import MAX_EXPORTER_LABEL, MAX_IDENTS

Idents = tuple[Sequence[str], Sequence[str]]  # the IDENT keys that a server shows, and those that it withdraws, in hexadecimal
SHOWN, WITHDRAWN = b"BLACKPONY V1 IDENT", b"BLACKPONY V1 WITHDRAWN"


class Failure(Exception):
    """A failure in the sense of Section 8.3."""


def transcript(lines: Iterable[bytes], before: Hash | None = None) -> Hash:
    """What *th* is the hash of: the offer, the command and the other lines, as they were on the wire [BP-6.1-1 to 6].

    before is what came before these lines: a hash, so that nobody has to keep what a server refused.
    """
    hashed = before.copy() if before else Hash(SHA256())
    hashed.update((b"" if before else b"BLACKPONY V1") + b"".join(struct.pack(">H", len(line)) + line for line in lines))
    return hashed


def expand_label(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """Expand-Label of Section 6.2."""
    info = struct.pack(">HB", length, 4 + len(label)) + b"bp1 " + label + bytes([len(context)]) + context
    return HKDFExpand(SHA256(), length, info).derive(secret)


class KeySchedule:
    """The secrets of Section 6.2 by their labels; a side is "client" or "server"."""

    def __init__(self, suite: str, shared_secret: bytes, th: bytes) -> None:
        """The suite's name in upper case is the salt [BP-6.2-1]."""
        salt = hashlib.sha256(suite.upper().encode()).digest()
        self.th, self._prk = th, hmac.digest(salt, shared_secret, "sha256")

    def secret(self, label: str) -> bytes:
        """One secret, as of the label "c traffic" or "exporter"."""
        return expand_label(self._prk, label.encode(), self.th, 32)

    def verify_data(self, side: str) -> bytes:
        """What that side's Finished carries (Section 6.3)."""
        return hmac.digest(self.secret(f"{side[0]} finished"), self.th, "sha256")

    def export(self, label: bytes, context: bytes, length: int) -> bytes:
        """Keying material for applications [BP-6.4-1]; ValueError for a label that is none [BP-6.4-2]."""
        if not 1 <= len(label) <= MAX_EXPORTER_LABEL or any(not 32 <= octet <= 126 for octet in label):
            raise ValueError("an exporter label is 1 to 200 octets of printable ASCII")
        secret = expand_label(self.secret("exporter"), label, b"", 32)
        return expand_label(secret, b"exporter", hashlib.sha256(context).digest(), length)


def ident_data(th: bytes, keys: Iterable[Ed25519PrivateKey], withdrawn: Iterable[Ed25519PrivateKey] = ()) -> bytes:
    """The data of an ident record that shows keys, and withdraws others [BP-6.5-1, BP-6.5-8]."""
    signed = [(key, SHOWN + th) for key in keys] + [(key, WITHDRAWN + th) for key in withdrawn]
    return b"".join(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) + key.sign(text) for key, text in signed)


def ident_keys(th: bytes, data: bytes) -> Idents:
    """The keys that an ident record shows, and those that it withdraws [BP-6.5-9]; Failure for a bad one [BP-6.5-5, BP-6.5-6]."""
    pairs = list(struct.iter_unpack("32s64s", data)) if len(data) in range(96, 96 * MAX_IDENTS + 1, 96) else []
    bad, found = set(pairs), {SHOWN: dict[str, None](), WITHDRAWN: dict[str, None]()}
    for text, key, signature in [(text, *pair) for pair in pairs for text in found]:
        with contextlib.suppress(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(key).verify(signature, text + th)
            found[text][key.hex()] = None
            bad.discard((key, signature))
    if bad or not pairs:
        raise Failure("an ident record of a wrong length, or a signature that does not verify")
    return [key for key in found[SHOWN] if key not in found[WITHDRAWN]], list(found[WITHDRAWN])

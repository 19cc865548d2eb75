"""Section 6: transcript hash, key schedule, Finished, exporter and IDENT."""

import contextlib
import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .limits import MAX_EXPORTER_LABEL, MAX_IDENTS


class Failure(Exception):
    """A failure in the sense of Section 8.3."""


def transcript_hash(lines: Iterable[bytes]) -> bytes:
    """*th* over the offer, the command and the other lines, as they were on the wire [BP-6.1-1 to 5]."""
    return hashlib.sha256(b"BLACKPONY V1" + b"".join(struct.pack(">H", len(line)) + line for line in lines)).digest()


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


def ident_data(th: bytes, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """The data of an ident record [BP-6.5-1]."""
    signed = b"BLACKPONY V1 IDENT" + th
    return b"".join(k.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) + k.sign(signed) for k in keys)


def ident_keys(th: bytes, data: bytes) -> list[bytes]:
    """The public keys that an ident record proves; Failure for a bad record [BP-6.5-5, BP-6.5-6]."""
    if len(data) % 96 == 0 and 96 <= len(data) <= 96 * MAX_IDENTS:
        with contextlib.suppress(InvalidSignature):
            for key, signature in struct.iter_unpack("32s64s", data):
                Ed25519PublicKey.from_public_bytes(key).verify(signature, b"BLACKPONY V1 IDENT" + th)
            return [key for key, _ in struct.iter_unpack("32s64s", data)]
    raise Failure("an ident record of a wrong length, or a signature that does not verify")

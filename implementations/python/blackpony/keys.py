"""Section 6: transcript hash, key schedule, Finished, exporter and IDENT."""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .limits import MAX_EXPORTER_LABEL, MAX_IDENTS


def transcript_hash(lines: Iterable[bytes]) -> bytes:
    """*th* over the offer, the command and the other lines, as they were on the wire [BP-6.1-1 to 5]."""
    return hashlib.sha256(b"BLACKPONY V1" + b"".join(struct.pack(">H", len(x)) + x for x in lines)).digest()


def expand_label(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """Expand-Label of Section 6.2."""
    info = struct.pack(">HB", length, 4 + len(label)) + b"bp1 " + label + bytes([len(context)]) + context
    return HKDFExpand(SHA256(), length, info).derive(secret)


def next_traffic(traffic: bytes) -> bytes:
    """traffic[i+1] from traffic[i]."""
    return expand_label(traffic, b"upd", b"", 32)


@dataclass(frozen=True)
class KeySchedule:
    """Every secret that Section 6.2 derives from the shared secret and *th*."""

    th: bytes
    prk: bytes

    @classmethod
    def derive(cls, suite: str, shared_secret: bytes, th: bytes) -> "KeySchedule":
        """The suite's name in upper case is the salt [BP-6.2-1]."""
        salt = hashlib.sha256(suite.upper().encode()).digest()
        return cls(th, hmac.digest(salt, shared_secret, "sha256"))

    def traffic(self, side: str) -> bytes:
        """client_traffic[0] or server_traffic[0], for the side that sends with it [BP-6.2-2]."""
        return expand_label(self.prk, side[:1].encode() + b" traffic", self.th, 32)

    def finished_key(self, side: str) -> bytes:
        """client_finished or server_finished."""
        return expand_label(self.prk, side[:1].encode() + b" finished", self.th, 32)

    def verify_data(self, side: str) -> bytes:
        """What that side's Finished carries (Section 6.3)."""
        return hmac.digest(self.finished_key(side), self.th, "sha256")

    def exporter_secret(self) -> bytes:
        """The secret of Section 6.4."""
        return expand_label(self.prk, b"exporter", self.th, 32)


def export(exporter_secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """Keying material for applications [BP-6.4-1]; ValueError for a label that is none [BP-6.4-2]."""
    if not 1 <= len(label) <= MAX_EXPORTER_LABEL or any(not 32 <= octet <= 126 for octet in label):
        raise ValueError("an exporter label is 1 to 200 octets of printable ASCII")
    secret = expand_label(exporter_secret, label, b"", 32)
    return expand_label(secret, b"exporter", hashlib.sha256(context).digest(), length)


def ident_data(th: bytes, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """The data of an ident record [BP-6.5-1]."""
    signed = b"BLACKPONY V1 IDENT" + th
    return b"".join(k.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) + k.sign(signed) for k in keys)


def ident_keys(th: bytes, data: bytes) -> list[bytes]:
    """The public keys that an ident record proves; ValueError for a bad record [BP-6.5-5, BP-6.5-6]."""
    if len(data) % 96 or not 96 <= len(data) <= 96 * MAX_IDENTS:
        raise ValueError("an ident record of a wrong length")
    keys: list[bytes] = []
    for key, signature in ((data[i : i + 32], data[i + 32 : i + 96]) for i in range(0, len(data), 96)):
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, b"BLACKPONY V1 IDENT" + th)
        except InvalidSignature:
            raise ValueError("a signature that does not verify") from None
        keys.append(key)
    return keys

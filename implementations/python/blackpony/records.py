"""Section 7: records, their protection, padding and rekey, one direction at a time."""

import contextlib
import hmac
import struct
import warnings

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from .keys import Failure, expand_label
from .limits import AEAD_REKEY_RECORDS, BLOWFISH_REKEY_BLOCKS, MAX_INNER, PAD_TO

try:  # cryptography 43 moved Blowfish
    from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
except ImportError:
    warnings.filterwarnings("ignore", "Blowfish has been deprecated")
    from cryptography.hazmat.primitives.ciphers.algorithms import Blowfish

DATA, FINISHED, IDENT, REKEY, CLOSE, ALERT = range(1, 7)


class Records:
    """The records of one direction, at either end: Section 7.2 with ChaCha20-Poly1305, and the base of other protections."""

    tag, limit, block = 16, AEAD_REKEY_RECORDS, MAX_INNER  # block: the octets of *inner* that cost one of the limit

    def __init__(self, traffic: bytes) -> None:
        self._next = traffic
        self.rekey()

    def rekey(self) -> None:
        """Goes on to the next traffic secret, with *seq* from 0 (Section 7.6, [BP-6.2-3])."""
        traffic, self._seq, self._used = self._next, 0, 0
        self._next = expand_label(traffic, b"upd", b"", 32)
        self._set_keys(traffic)

    def _set_keys(self, traffic: bytes) -> None:
        self._aead = ChaCha20Poly1305(expand_label(traffic, b"key", b"", 32))
        self._iv = int.from_bytes(expand_label(traffic, b"iv", b"", 12), "big")

    def cost(self, inner: int) -> int:
        """What a record with an *inner* of this length uses up of the limit [BP-7.6-1, BP-7.6-2]."""
        return -(-inner // self.block)

    def _protect(self, header: bytes, inner: bytes) -> bytes:
        """*protected*, by *seq* in the nonce [BP-7.2-1] and the two length octets as additional data [BP-7.2-2]."""
        return self._aead.encrypt((self._iv ^ self._seq).to_bytes(12, "big"), inner, header)

    def _unprotect(self, header: bytes, protected: bytes) -> bytes:
        """*inner*; nothing if the tag does not verify [BP-7.2-3]."""
        with contextlib.suppress(InvalidTag):
            return self._aead.decrypt((self._iv ^ self._seq).to_bytes(12, "big"), protected, header)
        return b""

    def seal(self, kind: int, data: bytes, padding: int) -> bytes:
        """One record as on the wire, with exactly this padding and no rekey before it."""
        inner = data + bytes([kind]) + bytes(padding)
        assert len(inner) <= MAX_INNER  # [BP-7.1-1]
        header = struct.pack(">H", len(inner) + self.tag)
        record = header + self._protect(header, inner)
        self._used, self._seq = self._used + self.cost(len(inner)), self._seq + 1
        return record

    def record(self, kind: int, data: bytes = b"") -> bytes:
        """A padded record [BP-7.5-1], with a rekey record before it where it is due [BP-7.6-1, BP-7.6-2]."""
        size, first = min(-(-(len(data) + 1) // PAD_TO) * PAD_TO, MAX_INNER), b""
        if self._used + self.cost(size) + (0 if kind == REKEY else self.cost(PAD_TO)) > self.limit:
            first = self.record(REKEY)
        sealed = first + self.seal(kind, data, size - len(data) - 1)
        if kind == REKEY:
            self.rekey()
        return sealed

    def next(self, wire: bytearray) -> tuple[int, bytes] | None:
        """Takes the next record out of what came: its type and data; None if it has not come whole.

        Failure for a length out of bounds [BP-7.1-2, BP-7.1-3], or a record that is bad [BP-7.1-4, BP-7.1-5, BP-7.6-3].
        """
        header, length = bytes(wire[:2]), int.from_bytes(wire[:2], "big")
        if len(header) == 2 and not 1 + self.tag <= length <= MAX_INNER + self.tag:
            raise Failure("a length out of bounds")
        if len(wire) < 2 + length:
            return None
        protected = bytes(wire[2 : 2 + length])
        del wire[: 2 + length]
        self._used += self.cost(length - self.tag)
        if self._used > self.limit:
            raise Failure("more under one traffic secret than is allowed")
        inner = self._unprotect(header, protected).rstrip(b"\0")
        self._seq += 1
        if not inner:
            raise Failure("a record that does not verify, or has no type")
        return inner[-1], inner[:-1]


class BlowfishRecords(Records):
    """Section 7.3: Blowfish-CTR and HMAC-SHA256."""

    tag, limit, block = 32, BLOWFISH_REKEY_BLOCKS, 8

    def _set_keys(self, traffic: bytes) -> None:
        self._blocks = Cipher(Blowfish(expand_label(traffic, b"key", b"", 32)), modes.ECB()).encryptor()
        self._mac_key = expand_label(traffic, b"mac", b"", 32)

    def _crypt(self, text: bytes) -> bytes:
        counters = b"".join(struct.pack(">II", self._seq, i) for i in range(self.cost(len(text))))  # [BP-7.3-1]
        stream = self._blocks.update(counters)[: len(text)]
        return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(text), "big")

    def _mac(self, header: bytes, text: bytes) -> bytes:
        return hmac.digest(self._mac_key, struct.pack(">Q", self._seq) + header + text, "sha256")

    def _protect(self, header: bytes, inner: bytes) -> bytes:
        """Ciphertext, then the whole HMAC [BP-7.3-2]."""
        text = self._crypt(inner)
        return text + self._mac(header, text)

    def _unprotect(self, header: bytes, protected: bytes) -> bytes:
        """*inner*; the tag is verified first and in constant time [BP-7.3-3]."""
        text, tag = protected[: -self.tag], protected[-self.tag :]
        return self._crypt(text) if hmac.compare_digest(self._mac(header, text), tag) else b""

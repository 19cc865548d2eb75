"""Section 7: records, their protection, padding and rekey, one direction at a time."""

import hmac
import itertools
import struct
import warnings

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .keys import expand_label, next_traffic
from .limits import AEAD_REKEY_RECORDS, BLOWFISH_REKEY_BLOCKS, MAX_DATA, MAX_INNER, PAD_TO

try:  # cryptography 43 moved Blowfish
    from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
except ImportError:
    warnings.filterwarnings("ignore", "Blowfish has been deprecated")
    from cryptography.hazmat.primitives.ciphers.algorithms import Blowfish

DATA, FINISHED, IDENT, REKEY, CLOSE, ALERT = range(1, 7)


class Failure(Exception):
    """A failure in the sense of Section 8.3."""


class Protection:
    """A record protection under one traffic secret: Section 7.2 with ChaCha20-Poly1305, and the base of the others."""

    cipher: type[ChaCha20Poly1305] | type[AESGCM] = ChaCha20Poly1305
    tag, limit = 16, AEAD_REKEY_RECORDS

    def __init__(self, traffic: bytes) -> None:
        self._aead = self.cipher(expand_label(traffic, b"key", b"", 32))
        self._iv = int.from_bytes(expand_label(traffic, b"iv", b"", 12), "big")

    def cost(self, inner: int) -> int:
        """What a record with an *inner* of this length uses up of the limit: one record [BP-7.6-1]."""
        return 1

    def protect(self, seq: int, inner: bytes) -> bytes:
        """*protected*, by *seq* in the nonce [BP-7.2-1] and the two length octets as additional data [BP-7.2-2]."""
        return self._aead.encrypt((self._iv ^ seq).to_bytes(12, "big"), inner, struct.pack(">H", len(inner) + self.tag))

    def unprotect(self, seq: int, protected: bytes) -> bytes:
        """*inner*; Failure if the tag does not verify [BP-7.2-3]."""
        try:
            return self._aead.decrypt((self._iv ^ seq).to_bytes(12, "big"), protected, struct.pack(">H", len(protected)))
        except InvalidTag:
            raise Failure("a record that does not verify") from None


class Aes256GcmProtection(Protection):
    """Section 7.2 with AES-256-GCM."""

    cipher = AESGCM


class BlowfishProtection(Protection):
    """Section 7.3: Blowfish-CTR and HMAC-SHA256."""

    tag, limit = 32, BLOWFISH_REKEY_BLOCKS

    def __init__(self, traffic: bytes) -> None:
        self._blocks = Cipher(Blowfish(expand_label(traffic, b"key", b"", 32)), modes.ECB()).encryptor()
        self._mac_key = expand_label(traffic, b"mac", b"", 32)

    def cost(self, inner: int) -> int:
        """The blocks of *inner* [BP-7.6-2]."""
        return -(-inner // 8)

    def _crypt(self, seq: int, text: bytes) -> bytes:
        count = self.cost(len(text))
        counters = struct.pack(f">{2 * count}I", *itertools.chain.from_iterable((seq, i) for i in range(count)))
        stream = self._blocks.update(counters)[: len(text)]  # [BP-7.3-1]
        return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(text), "big")

    def _mac(self, seq: int, text: bytes) -> bytes:
        return hmac.digest(self._mac_key, struct.pack(">QH", seq, len(text) + self.tag) + text, "sha256")

    def protect(self, seq: int, inner: bytes) -> bytes:
        """Ciphertext, then the whole HMAC [BP-7.3-2]."""
        text = self._crypt(seq, inner)
        return text + self._mac(seq, text)

    def unprotect(self, seq: int, protected: bytes) -> bytes:
        """*inner*; the tag is verified first and in constant time [BP-7.3-3]."""
        text = protected[: -self.tag]
        if not hmac.compare_digest(self._mac(seq, text), protected[-self.tag :]):
            raise Failure("a record that does not verify")
        return self._crypt(seq, text)


class _Direction:
    def __init__(self, protection: type[Protection], traffic: bytes) -> None:
        self._make, self._traffic = protection, traffic
        self._protection, self._seq, self._used = protection(traffic), 0, 0

    def rekey(self) -> None:
        """Goes on to the next traffic secret, with *seq* from 0 (Section 7.6)."""
        _Direction.__init__(self, self._make, next_traffic(self._traffic))


class Sender(_Direction):
    """Makes records."""

    def seal(self, kind: int, data: bytes, padding: int) -> bytes:
        """One record as on the wire, with exactly this padding and no rekey before it."""
        inner = data + bytes([kind]) + bytes(padding)
        assert len(inner) <= MAX_INNER  # [BP-7.1-1]
        protected = self._protection.protect(self._seq, inner)
        self._used += self._protection.cost(len(inner))
        self._seq += 1
        return struct.pack(">H", len(protected)) + protected

    def record(self, kind: int, data: bytes = b"") -> bytes:
        """A padded record [BP-7.5-1], with a rekey record before it where it is due [BP-7.6-1, BP-7.6-2]."""
        size = min(-(-(len(data) + 1) // PAD_TO) * PAD_TO, MAX_INNER)
        cost, first = self._protection.cost, b""
        if self._used + cost(size) + (0 if kind == REKEY else cost(PAD_TO)) > self._protection.limit:
            first = self.record(REKEY)
        sealed = first + self.seal(kind, data, size - len(data) - 1)
        if kind == REKEY:
            self.rekey()
        return sealed

    def stream(self, data: bytes) -> bytes:
        """The data records of an octet stream."""
        return b"".join(self.record(DATA, data[i : i + MAX_DATA]) for i in range(0, len(data), MAX_DATA))


class Receiver(_Direction):
    """Takes records apart."""

    def length(self, header: bytes) -> int:
        """The length after the two octets; Failure if it is out of bounds [BP-7.1-2, BP-7.1-3]."""
        length: int = struct.unpack(">H", header)[0]
        if not 1 + self._protection.tag <= length <= MAX_INNER + self._protection.tag:
            raise Failure("a length out of bounds")
        return length

    def open(self, protected: bytes) -> tuple[int, bytes]:
        """Type and data of a record that came whole; Failure if it is bad [BP-7.1-4, BP-7.1-5, BP-7.6-3]."""
        self._used += self._protection.cost(len(protected) - self._protection.tag)
        if self._used > self._protection.limit:
            raise Failure("more under one traffic secret than is allowed")
        inner = self._protection.unprotect(self._seq, protected).rstrip(b"\0")
        self._seq += 1
        if not inner:
            raise Failure("a record without a type")
        return inner[-1], inner[:-1]

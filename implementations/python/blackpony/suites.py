"""Section 5: canonical base64, the suites and their key exchanges. Random octets come from a function (Appendix B)."""

import base64
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers, generate_private_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .limits import RSA_BITS, RSA_KEY_LIFETIME
from .records import BlowfishProtection, Protection

Draw = Callable[[int], bytes]
HALF, MODULUS = 32, RSA_BITS // 8


class InvalidShare(Exception):
    """A share that Section 5 calls invalid."""


class NoRandomness(Exception):
    """The source of randomness failed [BP-5.1-14, BP-5.1-15]."""


def system_random(size: int) -> bytes:
    """The operating system's random octets."""
    try:
        return os.urandom(size)
    except (OSError, NotImplementedError) as error:
        raise NoRandomness from error


def encode(share: bytes) -> bytes:
    """Canonical base64 [BP-5.1-6]."""
    return base64.b64encode(share)


def decode(text: bytes, length: int | None = None) -> bytes:
    """The octets of a share; InvalidShare for other base64 or another length [BP-5.1-7, BP-5.1-8]."""
    try:
        share = base64.b64decode(text, validate=True)
    except ValueError:
        raise InvalidShare("no base64") from None
    if base64.b64encode(share) != text or not text or (length is not None and len(share) != length):
        raise InvalidShare("no canonical base64 of the suite's length")
    return share


class RsaKeys:
    """The RSA key pair of a process, made when it is first needed and never stored [BP-5.4-1 to 3]."""

    def __init__(self, private: RSAPrivateKey | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._private, self._clock, self._made = private, clock, clock()

    def current(self) -> RSAPrivateKey:
        """The key pair, a new one if the last is RsaKeyLifetime old."""
        self.expire()
        if self._private is None:
            self._private, self._made = generate_private_key(65537, RSA_BITS), self._clock()
            timer = threading.Timer(RSA_KEY_LIFETIME, self.expire)
            timer.daemon = True
            timer.start()
        return self._private

    def expire(self) -> None:
        """Forgets a key pair that is too old."""
        if self._clock() - self._made >= RSA_KEY_LIFETIME:
            self._private = None


class X25519Exchange:
    """Section 5.2, at either side."""

    share_length = 32

    def __init__(self, draw: Draw) -> None:
        self._private = X25519PrivateKey.from_private_bytes(draw(32))  # [BP-5.2-1]
        self.share = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def shared(self, peer: bytes) -> bytes:
        """The shared secret; InvalidShare if it is all zero [BP-5.2-2, BP-5.2-3]."""
        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer))
        except ValueError:
            raise InvalidShare("an X25519 result of zero octets only") from None


def oaep_encrypt(key: RSAPublicKey, half: bytes, draw: Draw) -> bytes:
    """RSAES-OAEP with the library's own seed; a test replaces it where the seed is given."""
    return key.encrypt(half, OAEP(MGF1(SHA256()), SHA256(), None))


def oaep_decrypt(key: RSAPrivateKey, ciphertext: bytes, substitute: bytes) -> bytes:
    """The peer's half, or the octets drawn before, whatever went wrong [BP-5.4-8, BP-5.4-9, BP-5.4-11]."""
    try:
        half = key.decrypt(ciphertext, OAEP(MGF1(SHA256()), SHA256(), None))
    except ValueError:
        return substitute
    return half if len(half) == HALF else substitute


def rsa_modulus(octets: bytes) -> RSAPublicKey:
    """The peer's public key; InvalidShare for a modulus that is none [BP-5.4-5, BP-5.4-6]."""
    if not octets[0] & 0x80 or not octets[-1] & 1:
        raise InvalidShare("a modulus that is even or too short")
    try:
        return RSAPublicNumbers(65537, int.from_bytes(octets, "big")).public_key()
    except ValueError:
        raise InvalidShare("a modulus that the library refuses") from None


class RsaExchange:
    """Section 5.4, at either side: shares of modulus and nonce, then halves encrypted to the peer."""

    share_length, cipher_length = MODULUS + 32, MODULUS

    def __init__(self, draw: Draw, private: RSAPrivateKey) -> None:
        self._draw, self._private = draw, private
        self._modulus = self._private.public_key().public_numbers().n.to_bytes(MODULUS, "big")
        self.share = self._modulus + draw(32)  # [BP-5.4-4]
        self.half: bytes | None = None

    def encrypt(self, peer: bytes) -> bytes:
        """The client's message: its half, encrypted to the server [BP-5.4-6]."""
        key = rsa_modulus(peer[:MODULUS])
        if peer[:MODULUS] == self._modulus:
            raise InvalidShare("the own modulus")
        self.half = self._draw(HALF)
        return oaep_encrypt(key, self.half, self._draw)

    def client_secret(self, ciphertext: bytes) -> bytes:
        """Client's half ‖ server's half, at the client."""
        return (self.half or b"") + oaep_decrypt(self._private, ciphertext, self._draw(HALF))

    def server_answer(self, peer: bytes, ciphertext: bytes) -> tuple[bytes, bytes]:
        """The server's ciphertext and the shared secret."""
        theirs = oaep_decrypt(self._private, ciphertext, self._draw(HALF))
        half = self._draw(HALF)
        return oaep_encrypt(rsa_modulus(peer[:MODULUS]), half, self._draw), theirs + half


@dataclass(frozen=True)
class Suite:
    """A suite's name, the messages that each side sends (none in ROT), and its record protection."""

    name: str
    messages: int
    share_length: int = 0
    protection: type[Protection] = field(default=Protection, repr=False)


X25519 = Suite("X25519-CHACHA20POLY1305", 1, X25519Exchange.share_length)
RSA_BLOWFISH = Suite("RSA-BLOWFISH", 2, RsaExchange.share_length, BlowfishProtection)
ROT = Suite("ROT", 0)
SUITES = {suite.name: suite for suite in (X25519, RSA_BLOWFISH, ROT)}
DEFAULT_SUITES = (X25519.name, RSA_BLOWFISH.name)  # [BP-4.8-3]
KNOWN = frozenset((*SUITES, "X25519MLKEM768-CHACHA20POLY1305", "X25519MLKEM768-AES256GCM"))

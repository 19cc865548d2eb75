"""Section 5: canonical base64, the suites and their key exchanges. Random octets come from a function (Appendix B)."""

import base64
import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers, generate_private_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .limits import RSA_BITS, RSA_KEY_LIFETIME
from .records import BlowfishRecords, Records

Draw = Callable[[int], bytes]
HALF, MODULUS = 32, RSA_BITS // 8


class Refusal(Exception):
    """What a server does not accept (Section 4.4): the reply without CRLF, and whether the connection is closed."""

    reply = b""

    def __init__(self, reply: bytes = b"", close: bool = False) -> None:
        self.reply, self.close = reply or self.reply, close


class InvalidShare(Refusal):
    """A share that Section 5 calls invalid [BP-5.1-9]."""

    reply = b"501 5.5.4 Invalid share"


class NoRandomness(Refusal):
    """The source of randomness failed [BP-5.1-14, BP-5.1-15]."""

    reply = b"454 4.7.0 No randomness"


def system_random(size: int) -> bytes:
    """The operating system's random octets."""
    try:
        return os.urandom(size)
    except (OSError, NotImplementedError) as error:
        raise NoRandomness from error


def decode(text: bytes, length: int | None = None) -> bytes:
    """The octets of a share; InvalidShare for other base64 or another length [BP-5.1-6 to 8]."""
    with contextlib.suppress(ValueError):
        share = base64.b64decode(text, validate=True)
        if share and base64.b64encode(share) == text and len(share) == (length or len(share)):
            return share
    raise InvalidShare


class RsaKeys:
    """An RSA key pair for many sessions, made when it is first needed and never stored [BP-5.4-1 to 3]."""

    def __init__(self, private: RSAPrivateKey | None = None) -> None:
        self._private, self._until = private, time.monotonic() + RSA_KEY_LIFETIME

    def current(self) -> RSAPrivateKey:
        """The key pair, a new one if the last is RsaKeyLifetime old."""
        private = self._private
        if private is None or time.monotonic() >= self._until:
            private = self._private = generate_private_key(65537, RSA_BITS)
            self._until = time.monotonic() + RSA_KEY_LIFETIME
            timer = threading.Timer(RSA_KEY_LIFETIME, self.forget)
            timer.daemon = True
            timer.start()
        return private

    def forget(self) -> None:
        """Drops the key pair, also where nobody asks for it; a key exchange under way keeps it to its end [BP-5.4-15]."""
        self._private = None


class X25519Exchange:
    """Section 5.2, at either side."""

    def __init__(self, draw: Draw) -> None:
        self._private = X25519PrivateKey.from_private_bytes(draw(32))  # [BP-5.2-1]
        self.share = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def shared(self, peer: bytes) -> bytes:
        """The shared secret; InvalidShare if it is all zero [BP-5.2-2, BP-5.2-3]."""
        with contextlib.suppress(ValueError):
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer))
        raise InvalidShare


def oaep_encrypt(key: RSAPublicKey, text: bytes, draw: Draw) -> bytes:
    """RSAES-OAEP with the library's own seed; a test replaces it where the seed is given."""
    return key.encrypt(text, OAEP(MGF1(SHA256()), SHA256(), None))


def oaep_decrypt(key: RSAPrivateKey, ciphertext: bytes, letter: bytes, substitute: bytes) -> bytes:
    """The peer's half, which its letter precedes, or the octets drawn before, whatever went wrong [BP-5.4-8, 9, 11, 14]."""
    with contextlib.suppress(ValueError):
        text = key.decrypt(ciphertext, OAEP(MGF1(SHA256()), SHA256(), None))
        return text[1:] if len(text) == 1 + HALF and text[:1] == letter else substitute
    return substitute


def rsa_share(private: RSAPrivateKey, draw: Draw) -> bytes:
    """Modulus and nonce [BP-5.4-4]."""
    return private.public_key().public_numbers().n.to_bytes(MODULUS, "big") + draw(HALF)


def rsa_key(share: bytes, own: RSAPrivateKey) -> RSAPublicKey:
    """The peer's public key; InvalidShare for a modulus that is none, or the own one [BP-5.4-5, BP-5.4-6]."""
    modulus = int.from_bytes(share[:MODULUS], "big")
    if modulus.bit_length() == RSA_BITS and modulus % 2 and modulus != own.public_key().public_numbers().n:
        with contextlib.suppress(ValueError):
            return RSAPublicNumbers(65537, modulus).public_key()
    raise InvalidShare


class Suite(NamedTuple):
    """A suite's name, the octets of its shares, and its record protection."""

    name: str
    share_length: int
    records: type[Records] = Records


X25519 = Suite("X25519-CHACHA20POLY1305", 32)
RSA_BLOWFISH = Suite("RSA-BLOWFISH", MODULUS + 32, BlowfishRecords)
ROT = Suite("ROT", 0)
SUITES = {suite.name: suite for suite in (X25519, RSA_BLOWFISH, ROT)}
DEFAULT_SUITES = (X25519.name, RSA_BLOWFISH.name)  # [BP-4.8-3]
KNOWN = frozenset((*SUITES, "X25519MLKEM768-CHACHA20POLY1305", "X25519MLKEM768-AES256GCM"))

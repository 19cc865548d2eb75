"""X25519MLKEM768 (Section 5.3) for the vectors and transcripts alone. The package does not have it: python3-cryptography has no ML-KEM.

ML-KEM-768 is written as FIPS 203 is, for its results: it takes milliseconds, and as long as its secrets make it take.
"""

import contextlib
from collections.abc import Iterator
from hashlib import sha3_256, sha3_512, shake_128, shake_256
from unittest import mock

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blackpony import negotiation, suites
from blackpony.keys import expand_label
from blackpony.records import Records
from blackpony.suites import Draw, InvalidShare, X25519Exchange

Q, N, K, DU, DV = 3329, 256, 3, 10, 4
EK_LENGTH, CT_LENGTH = 384 * K + 32, 32 * (DU * K + DV)
ZETAS = [pow(17, int(f"{i:07b}"[::-1], 2), Q) for i in range(128)]
Poly = list[int]
Vector = list[Poly]


def encode(poly: Poly, bits: int) -> bytes:
    """ByteEncode (FIPS 203, Algorithm 5)."""
    return sum(c << (bits * i) for i, c in enumerate(poly)).to_bytes(32 * bits, "little")


def decode(octets: bytes, bits: int) -> Poly:
    """ByteDecode (Algorithm 6), without a reduction."""
    number = int.from_bytes(octets, "little")
    return [number >> (bits * i) & ((1 << bits) - 1) for i in range(N)]


def compress(poly: Poly, bits: int) -> Poly:
    """Compress (4.7)."""
    return [((c << bits) + Q // 2) // Q % (1 << bits) for c in poly]


def decompress(poly: Poly, bits: int) -> Poly:
    """Decompress (4.8)."""
    return [(c * Q + (1 << (bits - 1))) >> bits for c in poly]


def split(octets: bytes, bits: int) -> Vector:
    """The polynomials of a vector."""
    return [decode(octets[i : i + 32 * bits], bits) for i in range(0, 32 * bits * K, 32 * bits)]


def sample_ntt(seed: bytes) -> Poly:
    """SampleNTT (Algorithm 7)."""
    stream, found = shake_128(seed).digest(3 * N * 2), Poly()
    for i in range(0, len(stream), 3):
        a, b, c = stream[i : i + 3]
        found += [d for d in (a + 256 * (b % 16), b // 16 + 16 * c) if d < Q]
    return found[:N]


def sample_cbd(seed: bytes, nonce: int) -> Poly:
    """PRF and SamplePolyCBD with eta 2 (Algorithm 8)."""
    bits = decode(shake_256(seed + bytes([nonce])).digest(128), 4)
    return [((b & 1) + (b >> 1 & 1) - (b >> 2 & 1) - (b >> 3)) % Q for b in bits]


def ntt(poly: Poly) -> Poly:
    """NTT (Algorithm 9)."""
    f, i, length = list(poly), 1, 128
    while length >= 2:
        for start in range(0, N, 2 * length):
            zeta, i = ZETAS[i], i + 1
            for j in range(start, start + length):
                t = zeta * f[j + length]
                f[j], f[j + length] = (f[j] + t) % Q, (f[j] - t) % Q
        length //= 2
    return f


def inverse_ntt(poly: Poly) -> Poly:
    """NTT's inverse (Algorithm 10)."""
    f, i, length = list(poly), 127, 2
    while length <= 128:
        for start in range(0, N, 2 * length):
            zeta, i = ZETAS[i], i - 1
            for j in range(start, start + length):
                f[j], f[j + length] = (f[j] + f[j + length]) % Q, zeta * (f[j + length] - f[j]) % Q
        length *= 2
    return [c * 3303 % Q for c in f]


def dot(a: Vector, b: Vector) -> Poly:
    """The sum of the products in the NTT domain (Algorithms 11 and 12)."""
    found = [0] * N
    for f, g in zip(a, b):
        for i in range(0, N, 2):
            gamma = pow(17, 2 * int(f"{i // 2:07b}"[::-1], 2) + 1, Q)
            found[i] += f[i] * g[i] + f[i + 1] * g[i + 1] * gamma
            found[i + 1] += f[i] * g[i + 1] + f[i + 1] * g[i]
    return [c % Q for c in found]


def add(*polys: Poly) -> Poly:
    """The sum."""
    return [sum(c) % Q for c in zip(*polys)]


def matrix(rho: bytes, transposed: bool) -> list[Vector]:
    """The matrix A, or its transposed, in the NTT domain."""
    return [[sample_ntt(rho + bytes((i, j) if transposed else (j, i))) for j in range(K)] for i in range(K)]


def key_pair(d: bytes, z: bytes) -> tuple[bytes, bytes]:
    """ML-KEM.KeyGen_internal (Algorithm 16): encapsulation and decapsulation key."""
    seeds = sha3_512(d + bytes([K])).digest()
    rho, sigma = seeds[:32], seeds[32:]
    s = [ntt(sample_cbd(sigma, i)) for i in range(K)]
    t = [add(dot(row, s), ntt(sample_cbd(sigma, K + i))) for i, row in enumerate(matrix(rho, False))]
    ek = b"".join(encode(poly, 12) for poly in t) + rho
    return ek, b"".join(encode(poly, 12) for poly in s) + ek + sha3_256(ek).digest() + z


def encrypt(ek: bytes, message: bytes, seed: bytes) -> bytes:
    """K-PKE.Encrypt (Algorithm 14)."""
    t, y = split(ek, 12), [ntt(sample_cbd(seed, i)) for i in range(K)]
    u = [add(inverse_ntt(dot(row, y)), sample_cbd(seed, K + i)) for i, row in enumerate(matrix(ek[-32:], True))]
    v = add(inverse_ntt(dot(t, y)), sample_cbd(seed, 2 * K), decompress(decode(message, 1), 1))
    return b"".join(encode(compress(poly, DU), DU) for poly in u) + encode(compress(v, DV), DV)


def encapsulate(ek: bytes, draw: Draw) -> tuple[bytes, bytes]:
    """ML-KEM.Encaps (Algorithms 17 and 20), after the check of 7.2 [BP-5.3-2, BP-5.3-3]: shared secret and ciphertext."""
    if any(c >= Q for poly in split(ek, 12) for c in poly):
        raise InvalidShare
    message = draw(32)
    both = sha3_512(message + sha3_256(ek).digest()).digest()
    return both[:32], encrypt(ek, message, both[32:])


def decapsulate(dk: bytes, ciphertext: bytes) -> bytes:
    """ML-KEM.Decaps_internal (Algorithm 18): the shared secret, whatever it is [BP-5.3-5]."""
    s, ek, h, z = split(dk, 12), dk[384 * K : 384 * K + EK_LENGTH], dk[-64:-32], dk[-32:]
    u = [ntt(decompress(poly, DU)) for poly in split(ciphertext, DU)]
    v = decompress(decode(ciphertext[32 * DU * K :], DV), DV)
    message = encode(compress([(a - b) % Q for a, b in zip(v, inverse_ntt(dot(s, u)))], 1), 1)
    both = sha3_512(message + h).digest()
    same = encrypt(ek, message, both[32:]) == ciphertext
    return both[:32] if same else shake_256(z + ciphertext).digest(32)


class HybridExchange:
    """Both sides: the peer's share says which. Takes the place of X25519Exchange."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._own: tuple[bytes, X25519Exchange] | None = None
        self._share = b""

    @property
    def share(self) -> bytes:
        """The client's share, unless a client's share came before."""
        if not self._share:
            ek, dk = key_pair(self._draw(32), self._draw(32))
            self._own = dk, X25519Exchange(self._draw)
            self._share = ek + self._own[1].share
        return self._share

    def shared(self, peer: bytes) -> bytes:
        """The shared secret; InvalidShare by [BP-5.3-3] and [BP-5.3-4]."""
        if self._own:
            dk, x25519 = self._own
            return decapsulate(dk, peer[:CT_LENGTH]) + x25519.shared(peer[CT_LENGTH:])
        secret, ciphertext = encapsulate(peer[:EK_LENGTH], self._draw)
        x25519 = X25519Exchange(self._draw)
        self._share = ciphertext + x25519.share
        return secret + x25519.shared(peer[EK_LENGTH:])


class Aes256GcmRecords(Records):
    """Section 7.2 with AES-256-GCM."""

    def _set_keys(self, traffic: bytes) -> None:
        super()._set_keys(traffic)
        self._aead = AESGCM(expand_label(traffic, b"key", b"", 32))  # type: ignore[assignment]


PROTECTIONS = {"X25519MLKEM768-CHACHA20POLY1305": Records, "X25519MLKEM768-AES256GCM": Aes256GcmRecords}
SHARE_FOR = {"client": CT_LENGTH + 32, "server": EK_LENGTH + 32}  # what a side is sent


@contextlib.contextmanager
def enabled(side: str, suite: str) -> Iterator[None]:
    """Gives a side of the package the hybrid suites, if the session's suite is one."""
    if suite not in PROTECTIONS:
        yield
        return
    known = {name: suites.Suite(name, SHARE_FOR[side], records) for name, records in PROTECTIONS.items()}
    with mock.patch.dict(suites.SUITES, known), mock.patch.object(negotiation, "X25519Exchange", HybridExchange):
        yield

"""The limits and time-outs of Section 13, under the specification's names; lengths in octets, times in seconds."""

from typing import NamedTuple

MAX_REPLY_LINE, MAX_COMMAND_LINE, MAX_OTHER_COMMAND_LINE, MAX_EHLO_LINE, MAX_EHLO_LINES = 512, 4096, 12288, 2048, 128
MAX_SHARE_LINES, SHARE_FRAGMENT, MAX_UPGRADE_ATTEMPTS, MAX_HELD = 16, 400, 8, 32768
MAX_DATA, MAX_INNER, PAD_TO, MAX_IDLE_RECORDS, AEAD_REKEY_RECORDS, BLOWFISH_REKEY_BLOCKS = 16384, 16385, 256, 64, 2**24, 2**20
MAX_EXPORTER_LABEL, MAX_IDENTS, RSA_BITS, RSA_KEY_LIFETIME = 200, 4, 3072, 24 * 3600
MEMORY_LIFETIME, MEMORY_PATIENCE, MIN_KEY_TIME = 30 * 86400, 72 * 3600, 3600
MAX_MEMORY_KEYS, MAX_MEMORY_ENTRIES, MAX_MEMORY_PER_OWNER = 8, 10000, 500


class Timeouts(NamedTuple):
    """The time-outs of Section 13 that a client or a server waits for itself."""

    connect: float = 30
    greeting: float = 300
    reply: float = 300
    upgrade: float = 60
    continuation: float = 60
    finished: float = 60
    idle: float = 300
    close: float = 10
    linger: float = 2

    @classmethod
    def parse(cls, text: str) -> "Timeouts":
        """Others than the defaults, by the specification's names: FinishedTimeout=2,IdleTimeout=2."""
        pairs = (pair.split("=") for pair in text.split(",") if pair)
        return cls()._replace(**{name.removesuffix("Timeout").lower(): float(seconds) for name, seconds in pairs})

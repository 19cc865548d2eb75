"""The limits and time-outs of Section 13, under the specification's names; lengths in octets, times in seconds."""

from dataclasses import dataclass, replace

MAX_REPLY_LINE = 512
MAX_COMMAND_LINE = 4096
MAX_OTHER_COMMAND_LINE = 12288
MAX_EHLO_LINE = 2048
MAX_EHLO_LINES = 128
MAX_SHARE_LINES = 16
SHARE_FRAGMENT = 400
MAX_UPGRADE_ATTEMPTS = 8
MAX_DATA = 16384
MAX_INNER = 16385
PAD_TO = 256
MAX_IDLE_RECORDS = 64
AEAD_REKEY_RECORDS = 2**24
BLOWFISH_REKEY_BLOCKS = 2**20
MAX_EXPORTER_LABEL = 200
MAX_IDENTS = 4
RSA_BITS = 3072
RSA_KEY_LIFETIME = 24 * 3600
MAX_HELD = 32768
MEMORY_LIFETIME = 30 * 86400
MEMORY_PATIENCE = 72 * 3600
MAX_MEMORY_ENTRIES = 10000
MAX_MEMORY_PER_OWNER = 500


@dataclass(frozen=True)
class Timeouts:
    """The time-outs of Section 13 that a client or a server waits for itself."""

    connect: float = 30
    greeting: float = 300
    reply: float = 300
    continuation: float = 60
    finished: float = 60
    idle: float = 300
    close: float = 10
    linger: float = 2

    @classmethod
    def parse(cls, text: str) -> "Timeouts":
        """Others than the defaults, by the specification's names: FinishedTimeout=2,IdleTimeout=2."""
        pairs = (pair.split("=") for pair in text.split(",") if pair)
        return replace(cls(), **{name.removesuffix("Timeout").lower(): float(seconds) for name, seconds in pairs})

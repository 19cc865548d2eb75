"""Sections 6.3, 6.5, 7.4 and 8: what carries the SMTP session after the switch. Octets in, octets out, no sockets."""

import hmac
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .keys import KeySchedule, export, ident_data, ident_keys
from .limits import MAX_IDLE_RECORDS
from .records import ALERT, CLOSE, DATA, FINISHED, IDENT, REKEY, Failure, Protection, Receiver, Sender


class RotChannel:
    """Section 5.5: every letter is n places further on the wire, and nothing is protected."""

    def __init__(self, shift: int) -> None:
        upper, lower = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz"
        turned = b"".join(x[shift:] + x[:shift] for x in (upper, lower))
        self._out, self._in = bytes.maketrans(upper + lower, turned), bytes.maketrans(turned, upper + lower)
        self._outgoing = b""
        self.state = "open"
        self.verified = True

    def send(self, data: bytes) -> None:
        """The last step before sending [BP-5.5-2, BP-5.5-5]."""
        self._outgoing += data.translate(self._out)

    def receive(self, octets: bytes) -> bytes:
        """The first step after receiving [BP-5.5-3, BP-5.5-4]."""
        return octets.translate(self._in)

    def take(self) -> bytes:
        """What goes on the wire now."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    def close(self) -> None:
        """ROT has no close: the connection ends [BP-5.5-6]."""
        self.state = "closed"

    def end(self) -> None:
        """The peer's direction ended."""
        self.state = "closed"


class SecureChannel:
    """Both directions of records at one side.

    state: "open", "closing" (own close sent), "closed" (both), "failed" (here), "alerted" (by the peer), "truncated".
    """

    def __init__(
        self, side: str, protection: type[Protection], keys: KeySchedule, idents: Sequence[Ed25519PrivateKey] = ()
    ) -> None:
        peer = "client" if side == "server" else "server"
        self.state = "open"
        self.verified = False  # the peer's Finished
        self.alert_sent = False
        self.public_keys: list[bytes] = []
        self._side, self._keys, self._peer_data = side, keys, keys.verify_data(peer)
        self._sender = Sender(protection, keys.traffic(side))
        self._receiver = Receiver(protection, keys.traffic(peer))
        self._incoming, self._outgoing = bytearray(), bytearray()
        self.records = self._idle = 0
        if side == "server":  # [BP-6.3-2, BP-6.5-2]
            self._emit(FINISHED, keys.verify_data(side))
            if idents:
                self._emit(IDENT, ident_data(keys.th, idents))

    def _emit(self, kind: int, data: bytes = b"") -> None:
        self._outgoing += self._sender.record(kind, data)

    def take(self) -> bytes:
        """What goes on the wire now."""
        outgoing, self._outgoing = bytes(self._outgoing), bytearray()
        return outgoing

    def send(self, data: bytes) -> None:
        """Data of the SMTP session, not before the peer's Finished [BP-6.3-3, BP-6.3-5] nor after the close [BP-8.1-2]."""
        if self.state == "open" and self.verified:
            self._outgoing += self._sender.stream(data)

    def rekey(self) -> None:
        """Goes on with new keys in the own direction [BP-7.6-4]."""
        self._emit(REKEY)

    def close(self) -> None:
        """Sends the close; a client that has not verified the server's Finished sends nothing [BP-8.1-1]."""
        if self.state == "open" and (self.verified or self._side == "server"):
            self._emit(CLOSE)
            self.state = "closing"
        elif self.state == "open":
            self.state = "closed"

    def fail(self) -> None:
        """A failure here: the one alert, unless the own close was sent [BP-8.3-1, BP-8.3-2]."""
        if self.state == "open":
            self._emit(ALERT, b"\x01")
            self.alert_sent = True
        self.state = "failed"

    def end(self) -> None:
        """The peer's direction of the connection ended [BP-8.2-1]."""
        if self.state in ("open", "closing"):
            self.state = "truncated"

    def export(self, label: bytes, context: bytes, length: int) -> bytes:
        """Keying material for applications (Section 6.4)."""
        return export(self._keys.exporter_secret(), label, context, length)

    def receive(self, octets: bytes) -> bytes:
        """Takes octets from the wire, split in any way [BP-7.1-6], and returns what they bring for SMTP."""
        self._incoming += octets
        delivered = bytearray()
        try:
            while self.state in ("open", "closing") and len(self._incoming) >= 2:
                end = 2 + self._receiver.length(bytes(self._incoming[:2]))
                if len(self._incoming) < end:
                    break
                kind, data = self._receiver.open(bytes(self._incoming[2:end]))
                del self._incoming[:end]
                self.records += 1
                delivered += self._record(kind, data)
        except Failure:
            self.fail()
        if self.state not in ("open", "closing"):  # [BP-8.1-4, BP-8.3-3]
            self._incoming.clear()
        return bytes(delivered)

    def _record(self, kind: int, data: bytes) -> bytes:
        if kind == ALERT:  # [BP-8.3-4]
            self.state = "alerted"
            return b""
        if not self.verified:
            self._finished(kind, data)
            return b""
        idle = kind >= 128 or kind == REKEY or (kind == DATA and not data)
        self._idle = self._idle + 1 if idle else 0 if kind == DATA else self._idle
        if self._idle > MAX_IDLE_RECORDS or (kind in (REKEY, CLOSE) and data):  # [BP-7.4-3, BP-7.4-5, BP-7.4-6]
            raise Failure("too many records without data, or data where there is none")
        if kind == DATA:
            return data if self.state == "open" else b""
        if kind == IDENT and self._side == "client" and self.records == 2:  # [BP-6.5-4 to 6]
            try:
                self.public_keys = ident_keys(self._keys.th, data)
            except ValueError:
                raise Failure("a bad ident record") from None
        elif kind == REKEY:
            self._receiver.rekey()
        elif kind == CLOSE:
            self.close()
            self.state = "closed"  # [BP-8.1-3]
        elif kind < 128:  # [BP-6.3-8, BP-7.4-1, BP-7.4-2]
            raise Failure("a type out of place")
        return b""

    def _finished(self, kind: int, data: bytes) -> None:
        """The first record [BP-6.3-6, BP-6.3-7]."""
        if kind != FINISHED or not hmac.compare_digest(data, self._peer_data):
            raise Failure("a first record that is not the peer's Finished")
        self.verified = True
        if self._side == "client":
            self._emit(FINISHED, self._keys.verify_data("client"))  # [BP-6.3-4]


Channel = RotChannel | SecureChannel


def closing_word(channel: Channel | None) -> str:
    """How a session closed, in the words of Section 11.1."""
    if not isinstance(channel, SecureChannel):
        return "plain"
    words = {"closed": "close", "failed": "failure", "alerted": "alert", "truncated": "truncated"}
    return words.get(channel.state, "lost")

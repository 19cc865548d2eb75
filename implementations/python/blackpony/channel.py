"""Sections 6.3, 6.5, 7.4 and 8: what carries the SMTP session after the switch. Octets in, octets out, no sockets."""

import hmac
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .keys import KeySchedule, ident_data, ident_keys
from .limits import MAX_IDLE_RECORDS
from .records import ALERT, CLOSE, DATA, FINISHED, IDENT, REKEY, Failure, Protection, Receiver, Sender


class Channel:
    """What carries an SMTP session: here plaintext. state is "open" or "closed", or what SecureChannel says."""

    switched = False

    def __init__(self, before: bytes = b"") -> None:
        """before goes on the wire first, as it is: the 220 reply."""
        self.state, self.verified, self._outgoing = "open", True, bytearray(before)

    def send(self, data: bytes) -> None:
        """Data of the SMTP session."""
        self._outgoing += data

    def receive(self, octets: bytes) -> bytes:
        """Takes octets from the wire, and returns what they bring for SMTP."""
        return octets

    def take(self) -> bytes:
        """What goes on the wire now."""
        outgoing, self._outgoing = bytes(self._outgoing), bytearray()
        return outgoing

    def close(self) -> None:
        """The own wish to end; plaintext and ROT have no close: the connection ends [BP-5.5-6]."""
        self.state = "closed"

    def fail(self) -> None:
        """A failure here."""
        self.state = "closed"

    def end(self) -> None:
        """The peer's direction of the connection ended."""
        self.state = "closed"

    def closed(self) -> str:
        """How the session closed, in the words of Section 11.1."""
        words = {"closed": "close", "failed": "failure", "alerted": "alert", "truncated": "truncated"}
        return words.get(self.state, "lost") if isinstance(self, SecureChannel) else "plain"


class RotChannel(Channel):
    """Section 5.5: every letter is n places further on the wire, and nothing is protected."""

    switched = True

    def __init__(self, shift: int, before: bytes = b"") -> None:
        super().__init__(before)
        upper, lower = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz"
        turned = b"".join(x[shift:] + x[:shift] for x in (upper, lower))
        self._out, self._in = bytes.maketrans(upper + lower, turned), bytes.maketrans(turned, upper + lower)

    def send(self, data: bytes) -> None:
        """The last step before sending [BP-5.5-2, BP-5.5-5]."""
        super().send(data.translate(self._out))

    def receive(self, octets: bytes) -> bytes:
        """The first step after receiving [BP-5.5-3, BP-5.5-4]."""
        return octets.translate(self._in)


class SecureChannel(Channel):
    """Both directions of records at one side.

    state: "open", "closing" (own close sent), "closed" (both), "failed" (here), "alerted" (by the peer), "truncated".
    """

    switched = True

    def __init__(
        self, side: str, protection: type[Protection], keys: KeySchedule, idents: Sequence[Ed25519PrivateKey] = (), before: bytes = b""
    ) -> None:
        super().__init__(before)
        peer = "client" if side == "server" else "server"
        self.verified = self.alert_sent = False  # verified: the peer's Finished
        self.public_keys: list[bytes] = []
        self._side, self._keys, self._peer_data = side, keys, keys.verify_data(peer)
        self._sender, self._receiver = Sender(protection, keys.traffic(side)), Receiver(protection, keys.traffic(peer))
        self._incoming, self.records, self._idle = bytearray(), 0, 0
        if side == "server":  # [BP-6.3-2, BP-6.5-2]
            self._emit(FINISHED, keys.verify_data(side))
            if idents:
                self._emit(IDENT, ident_data(keys.th, idents))

    def _emit(self, kind: int, data: bytes = b"") -> None:
        self._outgoing += self._sender.record(kind, data)

    def send(self, data: bytes) -> None:
        """Data of the SMTP session, not before the peer's Finished [BP-6.3-3, BP-6.3-5] nor after the close [BP-8.1-2]."""
        if self.state == "open" and self.verified:
            self._outgoing += self._sender.stream(data)

    def close(self) -> None:
        """Sends the close; a client that has not verified the server's Finished sends nothing [BP-8.1-1]."""
        if self.state == "open":
            silent = self._side == "client" and not self.verified
            self.state = "closed" if silent else "closing"
            if not silent:
                self._emit(CLOSE)

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

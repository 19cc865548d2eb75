"""Sections 6.3, 6.5, 7.4 and 8: what carries the SMTP session after the switch. Octets in, octets out, no sockets."""

import hmac

from .keys import Failure, Idents, KeySchedule, ident_keys
from .limits import MAX_DATA, MAX_IDLE_RECORDS
from .records import ALERT, CLOSE, DATA, FINISHED, IDENT, REKEY, Records


class Channel:
    """What carries an SMTP session: here plaintext.

    state: "open"; "closing" (own close sent); or how it closed, in the words of Section 11.1.
    """

    switched = encrypted = False

    def __init__(self) -> None:
        self.state, self.verified, self._outgoing = "open", True, bytearray()
        self.idents: Idents = (), ()

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
        """The own wish to end; plaintext and ROT have no close [BP-5.5-6]."""
        self.state = "plain"

    def fail(self) -> None:
        """A failure here."""
        self.state = "plain"

    def end(self) -> None:
        """The peer's direction of the connection ended."""
        self.state = "plain"


class RotChannel(Channel):
    """Section 5.5: every letter is n places further on the wire, and nothing is protected."""

    switched = True

    def __init__(self, shift: int) -> None:
        super().__init__()
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
    """Both directions of records at one side, "client" or "server"; ident is the data of the ident record that it sends."""

    switched = encrypted = True

    def __init__(self, side: str, records: type[Records], keys: KeySchedule, ident: bytes = b"") -> None:
        super().__init__()
        peer = "client" if side == "server" else "server"
        self.verified = False  # the peer's Finished
        self._side, self.keys, self._expected = side, keys, keys.verify_data(peer)
        self._sender, self._receiver = (records(keys.secret(f"{x[0]} traffic")) for x in (side, peer))  # [BP-6.2-2]
        self._incoming, self._received, self._idle = bytearray(), 0, 0
        if side == "server":  # [BP-6.3-2, BP-6.5-2]
            self._emit(FINISHED, keys.verify_data(side))
            if ident:
                self._emit(IDENT, ident)

    def _emit(self, kind: int, data: bytes = b"") -> None:
        self._outgoing += self._sender.record(kind, data)

    def send(self, data: bytes) -> None:
        """Data of the SMTP session, not before the peer's Finished [BP-6.3-3, BP-6.3-5] nor after the close [BP-8.1-2]."""
        if self.state == "open" and self.verified:
            for start in range(0, len(data), MAX_DATA):
                self._emit(DATA, data[start : start + MAX_DATA])

    def close(self) -> None:
        """Sends the close; a client that has not verified the server's Finished sends nothing [BP-8.1-1]."""
        if self.state == "open" and (self.verified or self._side == "server"):
            self.state = "closing"
            self._emit(CLOSE)
        elif self.state == "open":
            self.state = "close"

    def fail(self) -> None:
        """A failure here: the one alert, unless the own close was sent [BP-8.3-1, BP-8.3-2]."""
        if self.state == "open":
            self._emit(ALERT, b"\x01")
        self.state = "failure"

    def end(self) -> None:
        """The peer's direction of the connection ended [BP-8.2-1]."""
        if self.state in ("open", "closing"):
            self.state = "truncated"

    def receive(self, octets: bytes) -> bytes:
        """Takes octets from the wire, split in any way [BP-7.1-6], and returns what they bring for SMTP."""
        self._incoming += octets
        delivered = bytearray()
        try:
            while self.state in ("open", "closing") and (record := self._receiver.next(self._incoming)):
                self._received += 1
                delivered += self._take_record(*record)
        except Failure:
            self.fail()
        if self.state not in ("open", "closing"):  # [BP-8.1-4, BP-8.3-3]
            self._incoming.clear()
        return bytes(delivered)

    def _take_record(self, kind: int, data: bytes) -> bytes:
        if kind == ALERT:  # [BP-8.3-4]
            self.state = "alert"
            return b""
        if not self.verified:
            if kind != FINISHED or not hmac.compare_digest(data, self._expected):  # [BP-6.3-6, BP-6.3-7]
                raise Failure("a first record that is not the peer's Finished")
            self.verified = True
            if self._side == "client":
                self._emit(FINISHED, self.keys.verify_data("client"))  # [BP-6.3-4]
            return b""
        idle = kind >= 128 or kind == REKEY or (kind == DATA and not data)
        self._idle = self._idle + 1 if idle else 0 if kind == DATA else self._idle
        if self._idle > MAX_IDLE_RECORDS or (kind in (REKEY, CLOSE) and data):  # [BP-7.4-3, BP-7.4-5, BP-7.4-6]
            raise Failure("too many records without data, or data where there is none")
        if kind == DATA:
            return data if self.state == "open" else b""
        if kind == IDENT and self._side == "client" and self._received == 2:  # [BP-6.5-4 to 6]
            self.idents = ident_keys(self.keys.th, data)
        elif kind == REKEY:
            self._receiver.rekey()
        elif kind == CLOSE:
            self.close()
            self.state = "close"  # [BP-8.1-3]
        elif kind < 128:  # [BP-6.3-8, BP-7.4-1, BP-7.4-2]
            raise Failure("a type out of place")
        return b""

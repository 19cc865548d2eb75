"""Adds XBLACKPONY to an aiosmtpd server: BlackPonyController, or BlackPonyMixin before another controller.

    controller = BlackPonyController(handler, hostname="0.0.0.0", port=25)
    controller.start()

aiosmtpd serves the session inside as a new connection. Its handlers find the suite in session.blackpony, which is None
where nothing is encrypted. This channel does not authenticate the server, so AUTH is offered no earlier than without it.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiosmtpd.controller import BaseController, Controller

from .channel import SecureChannel, closing_word
from .limits import Timeouts
from .negotiation import escape
from .session import ServerSession, ServerSettings
from .suites import RSA_BLOWFISH

log = logging.getLogger("blackpony")


class _SmtpTransport(asyncio.Transport):
    """What an SMTP server's protocol takes for its connection."""

    def __init__(self, outer: "BlackPonyProtocol", protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._outer, self._protocol = outer, protocol
        self.closed = self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._outer.transport.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def deliver(self, octets: bytes) -> None:
        """Hands octets to the protocol, which is aiosmtpd's, or TLS's after STARTTLS."""
        protocol = self._protocol
        while octets and isinstance(protocol, asyncio.BufferedProtocol):
            buffer = memoryview(protocol.get_buffer(len(octets)))
            size = min(len(buffer), len(octets))
            buffer[:size] = octets[:size]
            protocol.buffer_updated(size)
            octets = octets[size:]
        if octets and isinstance(protocol, asyncio.Protocol):
            protocol.data_received(octets)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            self._outer.smtp_said(self, bytes(data))

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        asyncio.get_running_loop().call_soon(self._outer.pump)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.drop()
            self._outer.smtp_ended(self)

    abort = close

    def drop(self) -> None:
        """Ends the SMTP server's connection from the client's side."""
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


class BlackPonyProtocol(asyncio.Protocol):
    """Carries octets and time-outs between a connection, a ServerSession and the SMTP servers that make_smtp makes."""

    transport: asyncio.Transport

    def __init__(self, make_smtp: Callable[[], Any], settings: ServerSettings, timeouts: Timeouts) -> None:
        self._make_smtp, self._timeouts = make_smtp, timeouts
        self.session = ServerSession(settings)
        self._smtp: _SmtpTransport | None = None
        self._held = b""  # octets for an SMTP server that does not read
        self._timer: asyncio.TimerHandle | None = None
        self._timed: tuple[str | None, int] = (None, 0)
        self._eof = self._finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._start_smtp()
        self.pump()

    def _start_smtp(self) -> None:
        """A new SMTP server for the session, which knows nothing of the last one [BP-4.5-1]."""
        if self._smtp:
            self._smtp.drop()
        self._held = b""
        try:
            protocol = self._make_smtp()
            self._smtp = _SmtpTransport(self, protocol)
            protocol.connection_made(self._smtp)
        except Exception:
            log.exception("no SMTP server for a session")
            self.session.smtp_ended()
            return
        channel = self.session.channel
        protocol.session.blackpony = self.session.suite if isinstance(channel, SecureChannel) else None

    def data_received(self, data: bytes) -> None:
        self.session.client_sent(data)
        self.pump()

    def eof_received(self) -> bool:
        self._eof = True
        self.session.client_ended()
        self.pump()
        return True

    def pause_writing(self) -> None:
        if self._smtp and not self._smtp.closed:
            self._smtp.get_protocol().pause_writing()

    def resume_writing(self) -> None:
        if self._smtp and not self._smtp.closed:
            self._smtp.get_protocol().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.session.client_ended()
        self._finished = True
        if self._timer:
            self._timer.cancel()
        if self._smtp:
            self._smtp.drop()
        peer, suite = self.transport.get_extra_info("peername"), self.session.suite
        encrypted = isinstance(self.session.channel, SecureChannel)
        how = f"encrypted, V1 {suite}" if encrypted else "not encrypted"  # [BP-11.1-1, BP-11.1-2]
        log.info("%s: %s, closed: %s", escape(str(peer).encode()), how, closing_word(self.session.channel))

    def smtp_said(self, smtp: _SmtpTransport, octets: bytes) -> None:
        """The SMTP server wrote."""
        if smtp is self._smtp:
            self.session.smtp_said(octets)
            self.pump()

    def smtp_ended(self, smtp: _SmtpTransport) -> None:
        """The SMTP server closed its connection."""
        if smtp is self._smtp:
            self.session.smtp_ended()
            self.pump()

    def pump(self) -> None:
        """Brings what the session has to say to where it belongs."""
        session = self.session
        if self._finished:
            return
        self.transport.write(session.for_client())
        if session.restart_smtp:
            session.restart_smtp = False
            self._start_smtp()
            self.transport.write(session.for_client())
        self._held += session.for_smtp()
        if self._held and self._smtp and not self._smtp.paused:
            held, self._held = self._held, b""
            self._smtp.deliver(held)
        if session.ended:
            self._finish()
            return
        if session.full or (self._smtp and self._smtp.paused):
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
        if self._timed != (session.timer, session.timer_started):
            self._timed = session.timer, session.timer_started
            if self._timer:
                self._timer.cancel()
            self._timer = (
                self._later(getattr(self._timeouts, session.timer), self._timed_out) if session.timer else None
            )

    def _later(self, delay: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay, action)

    def _timed_out(self) -> None:
        self.session.timed_out()
        self.pump()

    def _finish(self) -> None:
        """Ends the own direction, and reads and throws away what still comes for LingerTimeout (Section 8.1)."""
        self._finished = True
        if self._timer:
            self._timer.cancel()
        if self._smtp:
            self._smtp.drop()
        if self._eof or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self.transport.resume_reading()
        self._timer = self._later(self._timeouts.linger, self.transport.close)


class BlackPonyMixin(BaseController):
    """Stands before a controller class of aiosmtpd; a listener with ssl_context goes on without XBLACKPONY [BP-4.7-1]."""

    def __init__(
        self, *args: Any, blackpony: ServerSettings | None = None, timeouts: Timeouts = Timeouts(), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if self.SMTP_kwargs.get("proxy_protocol_timeout") is not None:
            raise ValueError("XBLACKPONY does not go together with proxy_protocol_timeout")
        self.blackpony, self.timeouts = blackpony or ServerSettings(), timeouts
        if RSA_BLOWFISH.name in self.blackpony.suites:
            self.blackpony.rsa.current()  # now, not while the first client waits

    def factory(self) -> Any:
        """One connection's protocol."""
        make_smtp = super().factory
        return make_smtp() if self.ssl_context else BlackPonyProtocol(make_smtp, self.blackpony, self.timeouts)


class BlackPonyController(BlackPonyMixin, Controller):
    """aiosmtpd's Controller with XBLACKPONY."""

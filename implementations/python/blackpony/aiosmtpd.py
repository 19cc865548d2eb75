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

from .channel import SecureChannel
from .limits import Timeouts
from .session import Await, ServerSession, ServerSettings
from .suites import RSA_BLOWFISH

log = logging.getLogger("blackpony")


class _SmtpTransport(asyncio.Transport):
    """What an SMTP server's protocol takes for its connection."""

    def __init__(self, outer: "BlackPonyProtocol", smtp: Any) -> None:
        super().__init__()
        self.outer, self.smtp, self.closed, self.paused = outer, smtp, False, False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.outer.transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """STARTTLS: from here on the connection is TLS's [BP-4.7-1]."""
        self.outer.transport.set_protocol(protocol)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            self.outer.session.smtp_said(bytes(data))
            self.outer.pump()

    def pause_reading(self) -> None:
        self.paused = True
        self.outer.transport.pause_reading()

    def resume_reading(self) -> None:
        self.paused = False
        self.outer.transport.resume_reading()
        asyncio.get_running_loop().call_soon(self.outer.pump)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.drop()
            self.outer.session.smtp_ended()
            self.outer.pump()

    abort = close

    def drop(self) -> None:
        """Ends the SMTP server's connection from the client's side."""
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.smtp.connection_lost, None)


class BlackPonyProtocol(asyncio.Protocol):
    """Carries octets and time-outs between a connection, a ServerSession and the SMTP servers that make_smtp makes."""

    transport: asyncio.Transport
    _smtp: _SmtpTransport | None = None
    _timer: asyncio.TimerHandle | None = None
    _timed: tuple[str | None, int] = (None, 0)
    _eof = _finished = False
    _held = b""  # for an SMTP server that does not read

    def __init__(self, make_smtp: Callable[[], Any], settings: ServerSettings, timeouts: Timeouts) -> None:
        self._make_smtp, self._timeouts, self.session = make_smtp, timeouts, ServerSession(settings)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._start_smtp()

    def _start_smtp(self) -> None:
        """A new SMTP server for the session, which knows nothing of the last one [BP-4.5-1]."""
        if self._smtp:
            self._smtp.drop()
        try:
            smtp = self._make_smtp()
            self._smtp, self._held = _SmtpTransport(self, smtp), b""
            smtp.connection_made(self._smtp)
            smtp.session.blackpony = self.session.suite if isinstance(self.session.channel, SecureChannel) else None
        except Exception:
            log.exception("no SMTP server for a session")
            self.session.smtp_ended()
            self.pump()

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
            self._smtp.smtp.pause_writing()

    def resume_writing(self) -> None:
        if self._smtp and not self._smtp.closed:
            self._smtp.smtp.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.session.awaits is not Await.END:
            self.session.client_ended()
        self._stop()
        suite = f"encrypted, V1 {self.session.suite}" if isinstance(self.session.channel, SecureChannel) else "not encrypted"
        log.info("%s: %s, closed: %s", self.transport.get_extra_info("peername"), suite, self.session.channel.closed())  # [BP-11.1-1]

    def pump(self) -> None:
        """Brings what the session has to say to where it belongs, and minds its time-out."""
        if self._finished:
            return
        self.transport.write(self.session.for_client())
        if self.session.restart_smtp:
            self.session.restart_smtp = False
            self._start_smtp()
        self._held += self.session.for_smtp()
        if self._held and self._smtp and not self._smtp.paused:
            octets, self._held = self._held, b""
            self._smtp.smtp.data_received(octets)
        if self.session.awaits is Await.END:
            self._finish()
        elif self.session.full or (self._smtp and self._smtp.paused):
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
        if self._timed != (self.session.timer, self.session.timer_started):
            self._timed = self.session.timer, self.session.timer_started
            if self._timer:
                self._timer.cancel()
            if self.session.timer:
                self._timer = asyncio.get_running_loop().call_later(getattr(self._timeouts, self.session.timer), self._timed_out)

    def _timed_out(self) -> None:
        self.session.timed_out()
        self.pump()

    def _stop(self) -> None:
        self._finished = True
        if self._timer:
            self._timer.cancel()
        if self._smtp:
            self._smtp.drop()

    def _finish(self) -> None:
        """Ends the own direction, and reads and throws away what still comes for LingerTimeout (Section 8.1)."""
        self._stop()
        if self._eof:
            self.transport.close()
            return
        self.transport.write_eof()
        self.transport.resume_reading()
        asyncio.get_running_loop().call_later(self._timeouts.linger, self.transport.abort)


class BlackPonyMixin(BaseController):
    """Stands before a controller class of aiosmtpd; a listener with ssl_context goes on without XBLACKPONY [BP-4.7-1]."""

    def __init__(self, *args: Any, blackpony: ServerSettings | None = None, timeouts: Timeouts = Timeouts(), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.SMTP_kwargs.get("proxy_protocol_timeout") is not None:
            raise ValueError("XBLACKPONY does not go together with proxy_protocol_timeout")
        self.blackpony, self.timeouts = blackpony or ServerSettings(), timeouts
        if RSA_BLOWFISH.name in self.blackpony.suites:
            self.blackpony.rsa.current()  # now, not while the first client waits

    def factory(self) -> Any:
        """One connection's protocol."""
        make_smtp: Callable[[], Any] = super().factory
        return make_smtp() if self.ssl_context else BlackPonyProtocol(make_smtp, self.blackpony, self.timeouts)


class BlackPonyController(BlackPonyMixin, Controller):
    """aiosmtpd's Controller with XBLACKPONY."""

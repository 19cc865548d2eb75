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

from .limits import MAX_HELD, MAX_IDENTS, Timeouts
from .session import Await, ServerSession, ServerSettings
from .suites import RSA_BLOWFISH

log = logging.getLogger("blackpony")


class _SmtpTransport:
    """What an SMTP server takes for its connection: the client's, but for what it says and how it ends."""

    def __init__(self, outer: "BlackPonyProtocol", smtp: Any) -> None:
        """The SMTP server greets; its handlers see what the session is."""
        self._outer, self.smtp, self._closed = outer, smtp, False
        smtp.connection_made(self)
        smtp.session.blackpony = outer.session.suite if outer.session.channel.encrypted else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outer.transport, name)

    def write(self, data: bytes) -> None:
        if not self._closed:
            self._outer.session.smtp_said(bytes(data))
            self._outer.pump()

    def close(self) -> None:
        if not self._closed:
            self.drop()
            self._outer.session.smtp_ended()
            self._outer.pump()

    def drop(self) -> None:
        """Ends the SMTP server's connection from the client's side."""
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_soon(self.smtp.connection_lost, None)


class BlackPonyProtocol(asyncio.Protocol):
    """Carries octets and time-outs between a connection, a ServerSession and the SMTP servers that make_smtp makes."""

    _timer: asyncio.TimerHandle | None = None
    _finished = _blocked = False  # blocked: the client does not read

    def __init__(self, make_smtp: Callable[[], Any], settings: ServerSettings, timeouts: Timeouts) -> None:
        self._make_smtp, self._timeouts, self.session = make_smtp, timeouts, ServerSession(settings, self._set_timer)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._smtp = _SmtpTransport(self, self._make_smtp())

    def data_received(self, data: bytes) -> None:
        self.session.client_sent(data)
        self.pump()

    def eof_received(self) -> None:
        self.session.client_ended()
        self.pump()

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        self.session.client_ended()
        self._stop()
        how = f"encrypted, V1 {self.session.suite}" if self.session.channel.encrypted else "not encrypted"
        log.info("%s: %s, closed: %s", self.transport.get_extra_info("peername"), how, self.session.channel.state)  # [BP-11.1-1]

    def pump(self) -> None:
        """Brings what the session has to say to where it belongs, and minds its time-out."""
        if self._finished:
            return
        session = self.session
        self.transport.write(session.for_client())
        if session.restart_smtp:  # a new SMTP server, which knows nothing of the last one [BP-4.5-1]
            session.restart_smtp = False
            self._smtp.drop()
            self._smtp = _SmtpTransport(self, self._make_smtp())
        if not self._blocked and (octets := session.for_smtp()):
            self._smtp.smtp.data_received(octets)
        if session.awaits is Await.END:  # the own direction ends, and what still comes is thrown away (Section 8.1)
            self._stop()
            self.transport.write_eof()
            asyncio.get_running_loop().call_later(self._timeouts.linger, self.transport.abort)
        full = self._blocked or len(session.held) >= MAX_HELD
        (self.transport.pause_reading if full else self.transport.resume_reading)()

    def _set_timer(self, name: str | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(getattr(self._timeouts, name), self._timed_out) if name else None

    def _timed_out(self) -> None:
        self.session.timed_out()
        self.pump()

    def _stop(self) -> None:
        self._finished, self._blocked = True, False
        self._set_timer(None)
        self._smtp.drop()


class BlackPonyMixin(BaseController):
    """Stands before a controller class of aiosmtpd; a listener with ssl_context goes on without XBLACKPONY [BP-4.7-1]."""

    def __init__(self, *args: Any, blackpony: ServerSettings | None = None, timeouts: Timeouts = Timeouts(), **kwargs: Any) -> None:
        self.blackpony, self.timeouts = blackpony or ServerSettings(), timeouts
        if len(self.blackpony.idents) + len(self.blackpony.withdrawn) > MAX_IDENTS:
            raise ValueError(f"an ident record has at most {MAX_IDENTS} keys")  # [BP-6.5-5]
        super().__init__(*args, **kwargs)
        if self.SMTP_kwargs.get("proxy_protocol_timeout") is not None:
            raise ValueError("XBLACKPONY does not go together with proxy_protocol_timeout")
        if RSA_BLOWFISH.name in self.blackpony.suites:
            self.blackpony.rsa.current()  # now, not while the first client waits

    def factory(self) -> Any:
        """One connection's protocol."""
        make_smtp: Callable[[], Any] = super().factory
        return make_smtp() if self.ssl_context else BlackPonyProtocol(make_smtp, self.blackpony, self.timeouts)


class BlackPonyController(BlackPonyMixin, Controller):
    """aiosmtpd's Controller with XBLACKPONY."""

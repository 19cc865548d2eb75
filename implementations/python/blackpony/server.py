"""A mail server that keeps what it gets: python3 -m blackpony.server --port 2525 --maildir mail"""

import argparse
import email.utils
import logging
import mailbox
import signal
import socket
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .aiosmtpd import BlackPonyController
from .limits import Timeouts
from .session import ServerSettings
from .suites import DEFAULT_SUITES, SUITES


class Maildir:
    """A handler of aiosmtpd that files messages in a Maildir, with a Return-Path and a Received field before them."""

    def __init__(self, path: str) -> None:
        for name in ("tmp", "new", "cur"):
            Path(path, name).mkdir(parents=True, exist_ok=True)
        self._maildir = mailbox.Maildir(path)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Files one message; the suite stands in Received [BP-11.2-1, BP-11.2-2]."""
        how = f" (XBLACKPONY V1 {session.blackpony})" if session.blackpony else ""
        by = f"by {server.hostname}{how} with {'ESMTP' if session.extended_smtp else 'SMTP'}"
        received = f"Received: from {session.host_name} ([{session.peer[0]}])\r\n\t{by};\r\n\t{email.utils.formatdate()}\r\n"
        head = f"Return-Path: <{envelope.mail_from}>\r\n{received}".encode("utf-8", "surrogateescape")
        self._maildir.add(head + envelope.original_content)
        return "250 2.0.0 Ok: queued"


def main() -> None:
    """Serves until it gets SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python3 -m blackpony.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=2525, help="port to listen on")
    parser.add_argument("--name", default=socket.gethostname(), help="the server's own name")
    parser.add_argument("--maildir", type=Maildir, required=True, help="where mail is kept")
    parser.add_argument("--suites", default=",".join(DEFAULT_SUITES), help=f"of {', '.join(SUITES)}; ROT only if it is named")
    parser.add_argument("--ident", type=Path, action="append", default=[], help="file of an Ed25519 private key, 32 octets")
    parser.add_argument("--withdrawn", type=Path, action="append", default=[], help="file of one that was used before, and is no more")
    parser.add_argument("--timeouts", type=Timeouts.parse, default=Timeouts(), help="NAME=SECONDS,… by the names of Section 13")
    parser.add_argument("--verbose", action="store_true", help="log every session")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(message)s")
    logging.getLogger("mail").setLevel(logging.ERROR)
    suites = [name for name in options.suites.upper().split(",") if name]
    if unknown := set(suites) - set(SUITES):
        parser.error(f"no suite {', '.join(unknown)}")
    shown, gone = ([Ed25519PrivateKey.from_private_bytes(x.read_bytes()) for x in paths] for paths in (options.ident, options.withdrawn))
    settings = {"hostname": options.host, "port": options.port, "server_hostname": options.name, "timeouts": options.timeouts}
    controller: Any = BlackPonyController(options.maildir, blackpony=ServerSettings(suites, shown, withdrawn=gone), **settings)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    controller.start()
    print(f"listening on {options.host}:{options.port}", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    controller.stop()


if __name__ == "__main__":
    main()

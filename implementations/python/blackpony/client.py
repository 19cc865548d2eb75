"""Delivers the message on standard input: python3 -m blackpony.client HOST PORT --policy required < message

Exits with 0 if it was delivered, 75 if it is deferred (EX_TEMPFAIL), 69 if it was refused for good (EX_UNAVAILABLE).
"""

import argparse
import logging
import smtplib as plain
import socket
import sys

from .limits import Timeouts
from .memory import Memory
from .smtplib import deliver
from .suites import DEFAULT_SUITES


def main() -> int:
    """One delivery; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m blackpony.client", description=__doc__)
    parser.add_argument("hosts", metavar="host", type=lambda x: x.split(","), help="mail exchangers in order of preference: A,B,…")
    parser.add_argument("port", type=int)
    parser.add_argument("--policy", choices=("opportunistic", "remembered", "required"), default="opportunistic")
    parser.add_argument("--memory", help="the file of the policy remembered")
    parser.add_argument("--refuse", action="store_true", help="refuse mail that would go in plaintext when a server is forgotten")
    parser.add_argument("--domain", help="the mail domain whose MX or address records named the mail exchangers, remembered too")
    parser.add_argument("--suites", type=lambda x: x.upper().split(","), default=DEFAULT_SUITES, help="in order of preference")
    parser.add_argument("--from", dest="sender", default="a@probe.test")
    parser.add_argument("--to", action="append", help="a recipient; may be given more than once")
    parser.add_argument("--name", dest="local_hostname", default=socket.gethostname(), help="the name in EHLO")
    parser.add_argument("--timeouts", type=Timeouts.parse, default=Timeouts(), help="NAME=SECONDS,… by the names of Section 13")
    options = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    path, refuse, recipients = (options.pop(name) for name in ("memory", "refuse", "to"))
    options["memory"] = path and Memory(path, refuse=refuse)
    try:
        _, refused = deliver(recipients=recipients or ["b@sink.test"], message=sys.stdin.buffer.read(), **options)
    except plain.SMTPRecipientsRefused as error:
        refused = error.recipients
    except (plain.SMTPException, OSError) as error:
        logging.error("%s", error)
        return 69 if getattr(error, "smtp_code", 0) >= 500 else 75
    for recipient, (code, text) in refused.items():
        logging.error("%s: %d %s", recipient, code, ascii(text))
    return 0 if not refused else 69 if any(code >= 500 for code, _ in refused.values()) else 75


if __name__ == "__main__":
    sys.exit(main())

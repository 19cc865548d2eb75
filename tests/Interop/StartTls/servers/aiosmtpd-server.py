#!/usr/bin/python3
"""aiosmtpd-server.py FOLDER PORT: aiosmtpd with STARTTLS and one user, for b.test; mail goes to FOLDER/box."""
import itertools, os, ssl, sys, threading
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

folder, port = sys.argv[1], int(sys.argv[2])
numbers = itertools.count()


class Box:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if not address.lower().endswith("@b.test") and not session.authenticated:
            return "550 5.7.1 Relaying denied"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        for recipient in envelope.rcpt_tos:
            name = f"{folder}/box/{next(numbers)}"
            with open(name, "wb") as file:
                file.write(f"Received: from {session.host_name} for {recipient}\r\n".encode() + envelope.original_content)
            os.rename(name, name + ".eml")
        return "250 2.0.0 Ok"


def check(server, session, envelope, mechanism, data):
    return AuthResult(success=mechanism in ("PLAIN", "LOGIN") and (data.login, data.password) == (b"me", b"secret"))


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")


class Server(Controller):
    def factory(self):
        return SMTP(self.handler, hostname="mx.b.test", tls_context=context, authenticator=check, auth_require_tls=False)


Server(Box(), hostname="127.0.0.1", port=port).start()
threading.Event().wait()

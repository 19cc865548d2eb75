"""What a client of a real server may try: each session ends as it should, nothing is logged as an error, and the server goes on."""

import logging
import socket
import ssl
import struct
import tempfile
import threading
import unittest
from collections.abc import Callable
from typing import Any
from unittest import mock

from blackpony import keys, negotiation, records, suites
from blackpony.aiosmtpd import BlackPonyController, BlackPonyProtocol
from blackpony.channel import SecureChannel
from blackpony.limits import Timeouts
from tests.test_mail import Handler, certificate, free_port
from tests.test_vectors import rsa

X25519, RSA_BLOWFISH = "X25519-CHACHA20POLY1305", "RSA-BLOWFISH"
SHARE = b"CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
COMMAND = b"XBLACKPONY V1 X25519-CHACHA20POLY1305 " + SHARE + b"\r\n"
BARE = b"501 5.5.2 Bare LF, bare CR or NUL in a command\r\n"
LAST = b"503 5.5.1 XBLACKPONY must be the last command of a group\r\n"
TOO_LONG = b"500 5.5.2 Line too long\r\n"
MAIL = b"MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n"

# What a client says after its EHLO, and all that it gets for it up to the end.
PLAIN: dict[str, tuple[bytes, bytes]] = {
    "a command that is too long": (b"XBLACKPONY " + b"a" * 5000 + b"\r\nQUIT\r\n", TOO_LONG + b"221 Bye\r\n"),
    "another command that is too long": (b"NOOP " + b"a" * 20000 + b"\r\nQUIT\r\n", TOO_LONG + b"221 Bye\r\n"),
    "NUL in a line that does not end": (b"EHLO a\0", BARE),
    "a bare LF": (b"NOOP\nNOOP\r\n", BARE),
    "a bare CR": (b"NOOP\rNOOP\r\n", BARE),
    "a verb with a bare LF": (b"XBLACKPONY\nNOOP\r\n", BARE),
    "octets after the command": (COMMAND + MAIL, LAST),
    "a ClientHello of TLS": (bytes.fromhex("16030102000100") + bytes(600), BARE),
    "a request of HTTP": (b"GET / HTTP/1.1\r\nQUIT\r\n", b'500 Error: command "GET" not recognized\r\n221 Bye\r\n'),
    "a verb of other octets": (b"\xff\xfe\r\nQUIT\r\n", b"500 Error: bad syntax\r\n221 Bye\r\n"),
    "an answer that is too long": (
        b"AUTH PLAIN\r\n" + b"a" * 20000 + b"\r\n*\r\nQUIT\r\n",
        b"334 \r\n" + TOO_LONG + b"501 5.7.0 Auth aborted\r\n221 Bye\r\n",
    ),
    "NUL in an answer": (b"AUTH PLAIN\r\n\0", b"334 \r\n" + BARE),
}
# What a client says instead of a continuation.
CONTINUATIONS: dict[str, tuple[bytes, bytes]] = {
    "octets after it": (b"*\r\nNOOP\r\n", LAST),
    "too long": (b"A" * 5000 + b"\r\nQUIT\r\n", TOO_LONG + b"221 Bye\r\n"),
    "NUL": (b"A\0", BARE),
}
# The wire after a whole upgrade.
WIRE: dict[str, bytes] = {
    "no length": bytes(40),
    "a length of one": b"\0\1" + bytes(40),
    "a length of a tag": b"\0\x10" + bytes(40),
    "a length that is too long": struct.pack(">H", 16402),
    "the greatest length": b"\xff\xff",
    "a record that does not verify": b"\x01\x10" + bytes(272),
    "plaintext": b"EHLO a.test\r\nQUIT\r\n",
}


class Client:
    """A client by hand."""

    channel: SecureChannel

    def __init__(self, port: int) -> None:
        self.sock = socket.socket()
        self.sock.settimeout(30)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that a client that does not read is soon seen
        self.sock.connect(("127.0.0.1", port))
        self.came, self.plain = bytearray(), bytearray()
        self.reply()
        self.sock.sendall(b"EHLO client.test\r\n")
        self.offer = negotiation.find_offer(self.reply())

    def reply(self) -> negotiation.Reply:
        """The next reply in plaintext."""
        while not (reply := negotiation.next_reply(self.came)):
            octets = self.sock.recv(65536)
            assert octets, bytes(self.came)
            self.came += octets
        return reply

    def say(self, line: bytes) -> negotiation.Reply:
        """One line in plaintext, and the reply."""
        self.sock.sendall(line + b"\r\n")
        return self.reply()

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        try:
            while octets := self.sock.recv(65536):
                self.came += octets
        except ConnectionResetError:
            pass
        return bytes(self.came)

    def upgrade(self, suite: str = X25519) -> "Client":
        """Up to the server's Finished; the own is not sent."""
        upgrade = negotiation.client_upgrade(keys.transcript([self.offer]), suites.SUITES[suite], suites.system_random, rsa("client"))
        step = next(upgrade)
        while isinstance(step, bytes):
            step = upgrade.send(self.say(step))
        assert isinstance(step, SecureChannel)
        self.channel = step
        self.plain += step.receive(bytes(self.came))
        self.came.clear()
        while not step.verified:
            self.more()
        return self

    def inside(self) -> "Client":
        """Up to the reply to EHLO inside."""
        self.upgrade()
        self.command(b"EHLO client.test\r\n")
        return self

    def more(self) -> None:
        """More records."""
        octets = self.sock.recv(65536)
        assert octets, self.channel.state
        self.plain += self.channel.receive(octets)

    def command(self, line: bytes) -> negotiation.Reply:
        """A command inside, and its reply."""
        self.send(line)
        while not (reply := negotiation.next_reply(self.plain)):
            self.more()
        return reply

    def send(self, line: bytes) -> None:
        """Data inside."""
        self.channel.send(line)
        self.sock.sendall(self.channel.take())

    def record(self, kind: int, data: bytes = b"", times: int = 1) -> None:
        """Any record, one or many."""
        self.sock.sendall(b"".join(vars(self.channel)["_sender"].record(kind, data) for _ in range(times)))

    def first_record(self, kind: int, data: bytes) -> None:
        """Any record instead of the client's Finished."""
        self.sock.sendall(records.Records(self.channel.keys.secret("c traffic")).record(kind, data))

    def end(self) -> str:
        """How the server ends the session."""
        octets = self.rest()
        self.plain += self.channel.receive(octets)
        self.channel.end()
        return self.channel.state

    def reset(self) -> None:
        """RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Errors(logging.Handler):
    """What is logged as a warning or worse, but for aiosmtpd's own."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps it."""
        if record.name != "mail.log" or record.levelno >= logging.ERROR:
            self.found.append(self.format(record))


class Connections(unittest.TestCase):
    """Each test has a server of its own."""

    def setUp(self) -> None:
        self.errors = Errors()
        logging.getLogger().addHandler(self.errors)
        self.addCleanup(logging.getLogger().removeHandler, self.errors)
        self.protocols: list[BlackPonyProtocol] = []

    def serve(self, timeouts: Timeouts = Timeouts(close=1, linger=1), **settings: Any) -> int:
        """Starts a server, and returns its port."""
        self.handler, port, protocols = Handler(), free_port(), self.protocols

        class Controller(BlackPonyController):
            """Remembers its protocols."""

            def factory(self) -> Any:
                protocols.append(super().factory())
                return protocols[-1]

        offered = negotiation.ServerSettings([X25519, RSA_BLOWFISH, "ROT"], rsa=rsa("server"))
        server: Any = Controller(self.handler, hostname="127.0.0.1", port=port, blackpony=offered, timeouts=timeouts, **settings)
        server.start()
        self.addCleanup(server.stop)
        return port

    def client(self, port: int) -> Client:
        """A client after its EHLO."""
        client = Client(port)
        self.addCleanup(client.sock.close)
        return client

    def all_is_well(self, port: int) -> None:
        """The server still serves, took no message, and logged nothing."""
        client = self.client(port).inside()
        self.assertEqual(client.command(b"QUIT\r\n"), (b"221 Bye",))
        self.assertEqual((client.end(), self.errors.found, self.handler.mail), ("close", [], []))

    def test_octets_in_plaintext(self) -> None:
        port = self.serve(auth_require_tls=False)
        for name, (octets, answer) in PLAIN.items():
            with self.subTest(name):
                client = self.client(port)
                client.sock.sendall(octets)
                self.assertEqual(client.rest(), answer)
        self.all_is_well(port)

    def test_continuations(self) -> None:
        port = self.serve()
        for name, (octets, answer) in CONTINUATIONS.items():
            with self.subTest(name):
                client = self.client(port)
                upgrade = negotiation.client_upgrade(
                    keys.transcript([client.offer]), suites.RSA_BLOWFISH, suites.system_random, rsa("client")
                )
                command = next(upgrade)
                assert isinstance(command, bytes)
                self.assertEqual(client.say(command)[0][:3], b"334")
                client.sock.sendall(octets)
                self.assertEqual(client.rest(), answer)
        self.all_is_well(port)

    def test_octets_in_the_place_of_records(self) -> None:
        port = self.serve()
        for name, octets in WIRE.items():
            for inside in (False, True):
                with self.subTest(name, inside=inside):
                    client = self.client(port)
                    client = client.inside() if inside else client.upgrade()
                    client.sock.sendall(octets)
                    if name == "plaintext":
                        client.sock.sendall(bytes(17000))
                    self.assertEqual(client.end(), "alert")
        self.all_is_well(port)

    def test_records_in_the_place_of_finished(self) -> None:
        port = self.serve()
        for kind, data in ((0, b"x"), (1, b"NOOP\r\n"), (2, b""), (2, bytes(32)), (3, bytes(96)), (4, b""), (5, b""), (7, b""), (200, b"")):
            with self.subTest(kind=kind, data=data):
                client = self.client(port).upgrade()
                client.first_record(kind, data)
                self.assertEqual(client.end(), "alert")
        client = self.client(port).upgrade()
        client.first_record(records.ALERT, b"\2")  # an alert is not answered by one [BP-8.3-4]
        self.assertEqual(client.end(), "truncated")
        self.all_is_well(port)

    def test_records_out_of_place(self) -> None:
        port = self.serve()
        cases: dict[str, Callable[[Client], None]] = {
            "type 0": lambda client: client.record(0),
            "type 7": lambda client: client.record(7),
            "type 127": lambda client: client.record(127, b"x"),
            "a second Finished": lambda client: client.record(records.FINISHED, client.channel.keys.verify_data("client")),
            "an ident": lambda client: client.record(records.IDENT, bytes(96)),
            "a rekey with data": lambda client: client.record(records.REKEY, b"x"),
            "a close with data": lambda client: client.record(records.CLOSE, b"x"),
            "65 records without data": lambda client: client.record(records.DATA, times=65),
            "65 ignored records": lambda client: client.record(255, b"x", times=65),
            "65 rekeys": lambda client: client.record(records.REKEY, times=65),
        }
        for name, say in cases.items():
            with self.subTest(name):
                client = self.client(port).inside()
                say(client)
                self.assertEqual(client.end(), "alert")
        client = self.client(port).inside()
        for kind in (128, 255, records.REKEY, records.DATA):
            client.record(kind)
        self.assertEqual(client.command(b"NOOP\r\n"), (b"250 OK",))
        self.all_is_well(port)

    def test_ends_in_the_middle(self) -> None:
        port = self.serve()
        for octets in (b"", b"XBLACKPONY V1 X255", MAIL + b"half\r\n.\r"):
            client = self.client(port)
            client.sock.sendall(octets)
            client.sock.shutdown(socket.SHUT_WR)
            self.assertNotIn(b"queued", client.rest())
        for octets in (b"", b"\1", b"\x01\x10abc"):
            client = self.client(port).inside()
            client.send(MAIL + b"half\r\n")
            client.sock.sendall(octets)
            client.sock.shutdown(socket.SHUT_WR)
            client.rest()
        client = self.client(port).inside()
        client.send(MAIL + b"half\r\n.\r")
        client.channel.close()
        client.sock.sendall(client.channel.take())
        self.assertEqual(client.end(), "close")
        self.all_is_well(port)

    def test_resets(self) -> None:
        port = self.serve()
        for octets in (b"", b"XBLACK", COMMAND, MAIL + b"half\r\n"):
            client = self.client(port)
            client.sock.sendall(octets)
            client.reset()
        for suite in (X25519, RSA_BLOWFISH):
            self.client(port).upgrade(suite).reset()
        client = self.client(port).inside()
        client.send(MAIL + b"half\r\n")
        client.reset()
        self.all_is_well(port)

    def test_commands_inside(self) -> None:
        port = self.serve()
        client = self.client(port).inside()
        self.assertEqual([client.command(x)[0][:3] for x in (COMMAND, b"STARTTLS\r\n", b"XBLACKPONY\r\n")], [b"503"] * 3)
        client.send(b"NOOP\nNOOP\r\n")
        self.assertEqual((client.end(), bytes(client.plain)), ("close", BARE))
        client = self.client(port).inside()
        client.send(b"QUIT\r\n" + MAIL)
        self.assertEqual((client.end(), bytes(client.plain)), ("close", b"221 Bye\r\n"))
        self.all_is_well(port)

    def test_a_client_that_does_not_read_is_not_read_and_ends(self) -> None:
        port = self.serve(Timeouts(close=0.2, linger=0.2), timeout=2)
        for verb in (b"NOOP\r\n", b"XBLACKPONY\r\n"):
            client, lost = self.client(port).inside(), threading.Event()
            protocol = self.protocols[-1]
            end, most = protocol.connection_lost, 0

            def connection_lost(error: Exception | None) -> None:
                end(error)
                lost.set()

            with mock.patch.object(protocol, "connection_lost", connection_lost):
                with self.assertRaises(OSError):  # the server has had enough
                    while True:
                        client.send(verb * 1000)
                        most = max(most, protocol.transport.get_write_buffer_size() + len(protocol.session.held))
                self.assertTrue(lost.wait(30))
            self.assertLess(most, 5_000_000)
        self.all_is_well(port)

    def test_time_outs(self) -> None:
        goodbye = b"421 4.4.2 Timeout\r\n"
        self.assertEqual(self.client(self.serve(Timeouts(idle=0.2, linger=0.2))).rest(), goodbye)
        client = self.client(self.serve(Timeouts(continuation=0.2, linger=0.2)))
        upgrade = negotiation.client_upgrade(keys.transcript([client.offer]), suites.RSA_BLOWFISH, suites.system_random, rsa("client"))
        command = next(upgrade)
        assert isinstance(command, bytes)
        client.say(command)
        self.assertEqual(client.rest(), goodbye)
        self.assertEqual(self.client(self.serve(Timeouts(finished=0.2, linger=0.2))).upgrade().end(), "alert")
        client = self.client(self.serve(Timeouts(idle=2, close=0.2, linger=0.2))).inside()
        self.assertEqual((client.end(), bytes(client.plain)), ("close", goodbye))

    def test_tls_is_nobodys_business(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            port = self.serve(tls_context=certificate(folder))
        for octets in (b"\x16\x03\x01", b"no ClientHello\r\n", b""):
            client = self.client(port)
            client.sock.sendall(b"STARTTLS\r\n" + MAIL)
            client.reply()
            client.sock.sendall(octets)
            client.reset() if octets[:1] == b"\x16" else client.sock.shutdown(socket.SHUT_WR)
            self.assertNotIn(b"250", client.came)
        client = self.client(port)
        client.say(b"STARTTLS")
        with ssl._create_unverified_context().wrap_socket(client.sock) as tls:
            tls.sendall(b"EHLO a\r\nXBLACKPONY V1 ROT 1\r\nQUIT\r\n")
            said = b""
            while b"221 " not in said:
                said += tls.recv(9999)
        self.assertEqual((b"250-STARTTLS" in said, b"XBLACKPONY V1" in said), (False, False))
        self.all_is_well(port)

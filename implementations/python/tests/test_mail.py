"""Real connections: an aiosmtpd server with a handler, and smtplib clients."""

import datetime
import email.message
import itertools
import json
import os
import socket
import smtplib
import ssl
import tempfile
import time
import unittest
import unittest.mock
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import blackpony.smtplib
from blackpony import negotiation, session
from blackpony.aiosmtpd import BlackPonyController
from blackpony.limits import MEMORY_PATIENCE
from blackpony.memory import Memory, MemoryUnusable, canonical, owner
from blackpony.session import ServerSettings
from blackpony.suites import Refusal, Suite

PORTS = itertools.count(os.getpid() * 97)
SUITES = ("X25519-CHACHA20POLY1305", "RSA-BLOWFISH", "ROT")
MESSAGE = b"Subject: \xe9\r\n\r\n.dot\r\n" + b"".join(b"%d %s\r\n" % (i, b"x" * 900) for i in range(1500))


class Handler:
    """Keeps what comes, and what aiosmtpd's session says of it."""

    def __init__(self) -> None:
        self.mail: list[tuple[bytes, Any]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Takes everything."""
        self.mail.append((envelope.original_content, getattr(session, "blackpony", "no BlackPony")))
        return "250 2.0.0 Ok"


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to no connection meanwhile."""
    for number in PORTS:
        try:
            with socket.create_server(("127.0.0.1", 12000 + number % 20000)) as server:
                return int(server.getsockname()[1])
        except OSError:
            continue
    raise AssertionError


def certificate(folder: str) -> ssl.SSLContext:
    """A TLS server's context, with a certificate made now."""
    key, name = generate_private_key(SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.b.test")])
    now = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=9999))
    file = Path(folder) / "both.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


class MailTests(unittest.TestCase):
    """Each test has a server of its own."""

    def serve(self, controller: type[Controller] = BlackPonyController, host: str = "127.0.0.1", port: int = 0, **settings: Any) -> int:
        """Starts a server, and returns its port; self.handler gets its mail."""
        self.handler, port = Handler(), port or free_port()
        if controller is BlackPonyController:
            settings.setdefault("blackpony", ServerSettings(SUITES[:1]))
        server: Any = controller(self.handler, hostname=host, port=port, **settings)
        server.start()
        self.addCleanup(server.stop)
        return port

    def send(self, port: int, **settings: Any) -> blackpony.smtplib.SessionReport:
        """Sends MESSAGE by smtplib's own methods."""
        with blackpony.smtplib.SMTP("127.0.0.1", port, "client.test", **settings) as smtp:
            smtp.sendmail("a@a.test", ["b@b.test"], MESSAGE)
            assert smtp.report
            return smtp.report

    def test_each_suite_carries_a_large_message(self) -> None:
        port = self.serve(blackpony=ServerSettings(SUITES))
        for suite in SUITES:
            report = self.send(port, suites=[suite])
            self.assertEqual((report.suite, report.encrypted), (suite, suite != "ROT"))
            self.assertEqual(self.handler.mail.pop(), (MESSAGE, suite if suite != "ROT" else None))

    def test_a_client_without_blackpony_speaks_plain_smtp(self) -> None:
        port = self.serve()
        with smtplib.SMTP("127.0.0.1", port, "client.test") as smtp:
            smtp.sendmail("a@a.test", ["b@b.test"], MESSAGE)
        self.assertEqual(self.handler.mail, [(MESSAGE, None)])

    def test_several_messages_and_a_transaction_that_is_dropped(self) -> None:
        port = self.serve()
        with blackpony.smtplib.SMTP("127.0.0.1", port, "client.test", policy="required") as smtp:
            for _ in range(3):
                smtp.sendmail("a@a.test", ["b@b.test"], MESSAGE)
                smtp.mail("a@a.test")
                smtp.rset()
        self.assertEqual(self.handler.mail, [(MESSAGE, SUITES[0])] * 3)

    def test_starttls_passes_through_to_aiosmtpd_and_there_is_no_upgrade_after_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            port = self.serve(tls_context=certificate(folder))
        with blackpony.smtplib.SMTP("127.0.0.1", port, "client.test") as smtp:
            smtp.ehlo()
            self.assertTrue(smtp.has_extn("xblackpony"))
            smtp.starttls(context=ssl._create_unverified_context())
            smtp.ehlo()
            self.assertFalse(smtp.has_extn("xblackpony"))
            smtp.sendmail("a@a.test", ["b@b.test"], MESSAGE)
            assert smtp.report
            self.assertEqual((smtp.report.encrypted, smtp.report.reason), (False, "not-offered"))
            self.assertEqual([mail for mail, _ in self.handler.mail], [MESSAGE])

    def test_inside_there_is_neither_xblackpony_nor_starttls(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            port = self.serve(tls_context=certificate(folder))
        with blackpony.smtplib.SMTP("127.0.0.1", port, "client.test") as smtp:
            smtp.xblackpony("required")
            self.assertFalse(smtp.has_extn("xblackpony") or smtp.has_extn("starttls"))
            self.assertEqual((smtp.docmd("STARTTLS")[0], smtp.docmd("XBLACKPONY V1 ROT 1")[0]), (503, 503))
            with self.assertRaises(smtplib.SMTPException):
                smtp.starttls()

    def test_a_server_without_blackpony_gets_plain_smtp_or_under_required_nothing(self) -> None:
        port = self.serve(Controller)
        self.assertEqual(self.send(port).reason, "not-offered")
        self.assertEqual(self.handler.mail.pop()[0], MESSAGE)
        with self.assertRaises(blackpony.smtplib.Deferred) as raised:
            self.send(port, policy="required")
        self.assertEqual((raised.exception.reason, self.handler.mail), ("not-offered", []))

    def test_nothing_goes_out_before_the_policy_has_been_asked(self) -> None:
        port = self.serve(Controller)
        message = email.message.EmailMessage()
        message["From"], message["To"], message["Subject"] = "a@a.test", "b\xe9@b.test", "s"
        steps: dict[str, tuple[Any, ...]] = {"mail": ("a",), "send_message": (message,), "login": ("u", "p"), "sendmail": ("a", "b", "c")}
        for step, arguments in steps.items():
            with blackpony.smtplib.SMTP("127.0.0.1", port, "client.test", policy="required") as smtp:
                with self.assertRaises(blackpony.smtplib.Deferred):
                    getattr(smtp, step)(*arguments)
        self.assertEqual(self.handler.mail, [])

    def test_required_is_not_satisfied_by_tls(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            port = self.serve(tls_context=certificate(folder))
        with blackpony.smtplib.SMTP("127.0.0.1", port, "client.test", policy="required") as smtp:
            smtp.starttls(context=ssl._create_unverified_context())
            with self.assertRaises(blackpony.smtplib.Deferred):
                smtp.sendmail("a@a.test", ["b@b.test"], MESSAGE)

    def test_there_is_one_xblackpony_in_a_connection(self) -> None:
        port = self.serve(Controller)
        with blackpony.smtplib.SMTP("127.0.0.1", port, "client.test") as smtp:
            self.assertFalse(smtp.xblackpony().encrypted)
            with self.assertRaises(smtplib.SMTPException):
                smtp.xblackpony("required")

    def test_a_server_that_is_remembered_by_its_key_is_not_replaced_by_another(self) -> None:
        known, other = (Ed25519PrivateKey.from_private_bytes(bytes([i]) * 32) for i in (1, 2))
        memory, port = Memory(None), self.serve(blackpony=ServerSettings(SUITES[:1], idents=[known]))
        for name in ("mx.b.test", "mx.b.test"):
            self.send(port, policy="remembered", memory=memory, name=name)
        cases: list[tuple[list[Ed25519PrivateKey], str]] = [([other], "ident-mismatch"), ([], "ident-missing")]
        for idents, reason in cases:
            second = self.serve(blackpony=ServerSettings(SUITES[:1], idents=idents))
            entry = memory.lookup("mx.b.test", port, time.time())
            assert entry and len(entry.idents) == 1
            memory.good("mx.b.test", second, time.time(), ([*entry.idents], []))
            with self.assertRaises(blackpony.smtplib.Deferred) as raised:
                self.send(second, policy="remembered", memory=memory, name="mx.b.test")
            self.assertEqual((raised.exception.reason, self.handler.mail), (reason, []))
            failing = memory.lookup("mx.b.test", second, time.time())
            self.assertTrue(failing and failing.failing)

    def test_a_withdrawn_key_hands_over_to_the_new_one(self) -> None:
        old, new = (Ed25519PrivateKey.from_private_bytes(bytes([i]) * 32) for i in (1, 2))
        memory = Memory(None)
        with self.assertRaises(ValueError):
            self.serve(blackpony=ServerSettings(idents=[old] * 3, withdrawn=[new] * 2))
        with unittest.mock.patch("socket.socket.getpeername", return_value=("192.0.2.1", 25)):  # one server for the memory
            for settings in (ServerSettings(SUITES[:1], [old]), ServerSettings(SUITES[:1], [new], withdrawn=[old])):
                port = self.serve(blackpony=settings)
                self.send(port, policy="remembered", memory=memory, name="mx.b.test")
            with self.assertRaises(blackpony.smtplib.Deferred) as raised:
                self.send(self.serve(blackpony=ServerSettings(SUITES[:1], [old])), policy="remembered", memory=memory, name="mx.b.test")
        self.assertEqual((raised.exception.reason, self.handler.mail), ("ident-mismatch", []))

    def deliver(self, hosts: str, port: int, memory: Memory, **settings: Any) -> blackpony.smtplib.SessionReport:
        """A delivery under remembered to hosts whose numbers are given: 127.0.0.1 and so on."""
        settings = {"policy": "remembered", "memory": memory, "local_hostname": "client.test"} | settings
        return blackpony.smtplib.deliver([f"127.0.0.{x}" for x in hosts], port, "a@a.test", ["b@b.test"], MESSAGE, **settings)[0]

    def test_mail_for_a_remembered_domain_goes_in_plaintext_to_no_server(self) -> None:
        memory, port = Memory(None), self.serve()
        self.serve(Controller, "127.0.0.2", port)
        plain = self.handler.mail
        self.assertTrue(self.deliver("1", port, memory, domain="b.test").encrypted)
        with self.assertRaises(blackpony.smtplib.Deferred) as raised:
            self.deliver("2", port, memory, domain="B.test.")
        self.assertEqual((raised.exception.reason, raised.exception.smtp_code, plain), ("remembered", 451, []))
        entry = memory.lookup("b.test", 0, time.time())
        self.assertTrue(entry and entry.failing and not entry.idents)
        self.assertIsNone(memory.lookup("127.0.0.2", port, time.time()))
        self.assertEqual(self.deliver("21", port, memory, domain="b.test").peer, "127.0.0.1")  # the next has it
        entry = memory.lookup("b.test", 0, time.time())
        self.assertTrue(entry and entry.failing is None)
        self.assertEqual(self.deliver("2", port, memory, domain="c.test").reason, "not-offered")
        self.assertEqual(len(plain), 1)

    def test_what_the_memory_defers_goes_in_plaintext_to_no_other_server(self) -> None:
        memory, port = Memory(None), self.serve(Controller)
        self.serve(Controller, "127.0.0.2", port)
        memory.good("127.0.0.1", port, time.time())
        with self.assertRaises(blackpony.smtplib.Deferred) as raised:
            self.deliver("12", port, memory)
        self.assertEqual((raised.exception.reason, raised.exception.held, self.handler.mail), ("remembered", True, []))
        self.assertEqual(self.deliver("2", port, memory).reason, "not-offered")
        self.assertEqual(len(self.handler.mail), 1)

    def test_a_client_that_is_told_so_refuses_instead_of_forgetting(self) -> None:
        port = self.serve(Controller)
        for refuse, last, code in ((True, MEMORY_PATIENCE, 554), (True, MEMORY_PATIENCE - 1, 0), (False, MEMORY_PATIENCE, 0)):
            warnings = list[str]()
            memory = Memory(None, warnings.append, refuse)
            memory.good("b.test", 0, 0)
            memory.good("b.test", 0, last)
            for after, expected in ((0, 451), (MEMORY_PATIENCE, 451), (MEMORY_PATIENCE + 1, code)):
                try:
                    self.deliver("1", port, memory, domain="b.test", clock=lambda: last + after)
                    found = 0
                except blackpony.smtplib.Deferred as deferred:
                    found = deferred.smtp_code
                self.assertEqual(found, expected, (refuse, last, after))
            self.assertEqual(len(warnings), 0 if code else 1)
        self.assertEqual(len(self.handler.mail), 2)

    def test_an_opportunistic_client_with_a_memory_reports_plaintext_as_a_downgrade(self) -> None:
        memory, port = Memory(None), self.serve(Controller)
        now = time.time()
        self.assertFalse(self.deliver("1", port, memory, policy="opportunistic").downgrade)
        memory.good("b.test", 0, now)
        self.assertTrue(self.deliver("1", port, memory, policy="opportunistic", domain="b.test").downgrade)
        memory.good("127.0.0.1", port, now)
        report = self.deliver("1", port, memory, policy="opportunistic")
        self.assertEqual(str(report), "127.0.0.1: not encrypted, not-offered, DOWNGRADE")
        entry = memory.lookup("127.0.0.1", port, now)
        self.assertTrue(entry and entry.failing is None)
        self.assertEqual(len(self.handler.mail), 3)

    def test_what_an_opportunistic_client_remembers_counts_under_remembered(self) -> None:  # [BP-9.4-25]
        memory, port = Memory(None), self.serve()
        self.assertTrue(self.deliver("1", port, memory, policy="opportunistic", domain="b.test").encrypted)
        self.serve(Controller, "127.0.0.2", port)
        with self.assertRaises(blackpony.smtplib.Deferred) as raised:
            self.deliver("2", port, memory, domain="b.test")
        self.assertEqual(raised.exception.reason, "remembered")

    def test_a_memory_that_cannot_be_written_after_all_costs_no_mail(self) -> None:  # [BP-9.4-27]
        memory, port = Memory(None), self.serve()
        failure = unittest.mock.patch.object(memory, "good", side_effect=MemoryUnusable("full"))
        with failure, unittest.mock.patch.object(blackpony.smtplib.log, "warning") as warning:
            self.assertTrue(self.deliver("1", port, memory).encrypted)
        self.assertEqual([str(x) for x in warning.call_args.args], ["the memory was not written: %s", "full"])
        self.assertEqual(len(self.handler.mail), 1)

    def test_a_server_that_puts_mail_off_inside_is_remembered(self) -> None:
        memory, port, ehlo = Memory(None), self.serve(), blackpony.smtplib.SMTP.ehlo

        def put_off_inside(smtp: Any) -> tuple[int, bytes]:
            return (451, b"") if smtp.channel.switched else ehlo(smtp)

        with unittest.mock.patch.object(blackpony.smtplib.SMTP, "ehlo", put_off_inside):
            with self.assertRaises(blackpony.smtplib.Deferred) as raised:
                self.deliver("1", port, memory)
        self.assertEqual((raised.exception.reason, raised.exception.held), ("unreachable", False))
        self.assertIsNotNone(memory.lookup("127.0.0.1", port, time.time()))

    def test_after_a_504_both_have_the_same_th_and_the_client_reports_it(self) -> None:
        port, parse, said = self.serve(blackpony=ServerSettings(SUITES)), negotiation.parse_command, list[bytes]()

        def refuse_the_first(line: bytes, accepted: Any) -> tuple[Suite, bytes]:
            said.append(line)
            if len(said) % 2:
                raise Refusal(b"504 5.5.4 Not that one")
            return parse(line, accepted)

        with unittest.mock.patch.object(session, "parse_command", refuse_the_first):
            report = self.send(port)
            self.assertEqual(str(report), "127.0.0.1: encrypted, V1 RSA-BLOWFISH, DOWNGRADE")
            self.assertEqual(self.handler.mail, [(MESSAGE, "RSA-BLOWFISH")])
            with self.assertRaises(blackpony.smtplib.Deferred) as raised:
                self.send(port, policy="required")
        self.assertEqual((raised.exception.reason, len(said)), ("refused", 3))

    def test_a_memory_that_cannot_be_written_defers_before_the_mail(self) -> None:  # [BP-9.4-18]
        port = self.serve()
        memory = Memory("/nowhere/memory")
        with self.assertRaises(blackpony.smtplib.Deferred) as raised:
            self.send(port, policy="remembered", memory=memory)
        self.assertEqual((raised.exception.reason, self.handler.mail), ("remembered", []))

    def test_deliver_goes_on_to_the_next_mail_exchanger(self) -> None:
        port = self.serve()
        report, refused = blackpony.smtplib.deliver(
            ["127.0.0.2", "127.0.0.1"], port, "a@a.test", ["b@b.test"], MESSAGE, local_hostname="client.test", policy="required"
        )
        self.assertEqual((report.peer, report.suite, refused), ("127.0.0.1", SUITES[0], {}))

    def test_deliver_connects_to_no_name_that_a_search_list_completes(self) -> None:
        port = self.serve()

        def resolver(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            """One with a search list in which every name exists; for itself only real.test does."""
            if host.endswith(".") and host != "real.test.":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        def deliver(host: str) -> str:
            settings = {"local_hostname": "client.test"}
            return blackpony.smtplib.deliver([host], port, "a@a.test", ["b@b.test"], MESSAGE, **settings)[0].peer

        with unittest.mock.patch("socket.getaddrinfo", resolver):
            for name in ("mx.b.test", "mx.b.test."):
                with self.assertRaises(blackpony.smtplib.Deferred):
                    deliver(name)
            self.assertEqual(self.handler.mail, [])
            self.assertEqual([deliver("real.test"), deliver("127.0.0.1")], ["real.test", "127.0.0.1"])
        for address in ("127.0.0.1", "::1", "fe80::1%lo", "localhost"):
            self.assertEqual(blackpony.smtplib._absolute(address), address)


class MemoryFileTests(unittest.TestCase):
    """The memory's file."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path, self.warnings = str(Path(folder.name) / "memory"), list[str]()

    def memory(self) -> Memory:
        """As a new process sees it."""
        return Memory(self.path, self.warnings.append)

    def test_it_lasts_and_is_its_owners_only(self) -> None:
        self.memory().good("MX.b.test.", 25, 5, (["aa"], []))
        entry = self.memory().lookup("mx.B.test", 25, 6)
        assert entry
        self.assertEqual((entry.name, entry.good, entry.idents, Path(self.path).stat().st_mode & 0o77), ("mx.b.test", 5, {"aa": (5, 5)}, 0))

    def test_an_entry_that_cannot_be_read_costs_that_entry_only(self) -> None:
        self.memory().good("mx.b.test", 25, 5)
        good = Path(self.path).read_text()
        fields: dict[str, object] = {"name": "a", "port": 1, "first": 5, "good": 5, "failing": None, "idents": {}}
        wrong: list[dict[str, object]] = [
            {"port": "x"},
            {"good": None},
            {"good": float("nan")},
            {"idents": 1},
            {"idents": [1]},
            {"idents": {"aa": 5}},
            {"idents": {"aa": [5]}},
            {"idents": {"x": [5, 5]}},
            {"first": "x"},
            {"failing": "x"},
            {"failing": []},
            {"more": 1},
        ]
        bad = ["{", "[]", "1", "{}", "[" * 200_000, '"', *(json.dumps(fields | x) for x in wrong)]
        for line in bad:
            Path(self.path).write_text(good + line + "\n")
            self.warnings.clear()
            self.assertIsNotNone(self.memory().lookup("mx.b.test", 25, 6), line)
            self.assertEqual(len(self.warnings), 1, line)

    def test_a_file_of_an_older_form_is_refused_with_what_to_do(self) -> None:
        Path(self.path).write_text('{"name": "mx.b.test", "port": 25, "good": 5, "idents": [], "failing": null}\n')
        with self.assertRaises(MemoryUnusable) as raised:
            self.memory().lookup("mx.b.test", 25, 6)
        self.assertIn("older form", str(raised.exception))
        self.assertIn("remove it", str(raised.exception))
        self.assertIn('"good": 5', Path(self.path).read_text())

    def test_a_memory_that_cannot_be_used_defers(self) -> None:
        Path(self.path).mkdir()
        Path(self.path + "2").write_bytes(b"\xff\xfe")
        Path(self.path + "3").touch()
        for path in (self.path, self.path + "2", self.path + "3", "/nowhere/memory"):
            with self.assertRaises(MemoryUnusable):
                Memory(path).lookup("mx.b.test", 25, 6)

    def test_the_file_of_an_empty_memory_is_not_empty(self) -> None:  # [BP-9.4-26]
        for _ in range(2):
            self.assertIsNone(self.memory().lookup("mx.b.test", 25, 5))
        self.assertNotEqual(Path(self.path).stat().st_size, 0)
        self.assertEqual(self.warnings, [])

    def test_a_file_without_a_first_line_is_read(self) -> None:
        self.memory().good("mx.b.test", 25, 5)
        lines = Path(self.path).read_text().splitlines(keepends=True)
        Path(self.path).write_text("".join(lines[1:]))
        self.assertIsNotNone(self.memory().lookup("mx.b.test", 25, 6))
        self.assertEqual(self.warnings, [])

    def test_a_full_memory_forgets_nobody_and_warns(self) -> None:
        memory = Memory(None, self.warnings.append)
        for i in range(501):
            memory.good(f"mx{i}.evil.test", 25, 5)
        self.assertIsNotNone(memory.lookup("mx499.evil.test", 25, 6))
        self.assertIsNone(memory.lookup("mx500.evil.test", 25, 6))
        self.assertEqual(len(self.warnings), 1)
        memory.good("mx.b.test", 25, 5)
        self.assertIsNotNone(memory.lookup("mx.b.test", 25, 6))

    def test_names_and_owners(self) -> None:
        self.assertEqual(
            [canonical(x) for x in ("[IPv6:2001:DB8::0]", "Bücher.test", "192.0.2.1")], ["2001:db8::", "xn--bcher-kva.test", "192.0.2.1"]
        )
        self.assertEqual(
            [owner(x) for x in ("a.b.c.test", "mx.b.co.uk", "co.uk", "192.0.2.1", "2001:db8::1")],
            ["c.test", "b.co.uk", "co.uk", "192.0.2.0/24", "2001:db8::/48"],
        )

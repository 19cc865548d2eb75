"""What comes from a peer never raises, never hangs and never grows without bound."""

import random
import tracemalloc
import unittest
from base64 import b64encode
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from blackpony import keys, negotiation, records, suites
from blackpony.channel import SecureChannel
from blackpony.limits import MAX_HELD, RSA_KEY_LIFETIME
from blackpony.negotiation import LineReader, MalformedReply, find_offer, next_reply
from blackpony.session import Await, ServerSession, ServerSettings
from blackpony.smtplib import ClientSettings
from blackpony.suites import NoRandomness, Refusal
from tests.test_vectors import VECTORS, rsa

PIECES = (
    b"EHLO a\r\n", b"HELO a\r\n", b"XBLACKPONY V1 ROT 13\r\n", b"XBLACKPONY V1 X25519-CHACHA20POLY1305 ", b"CQAA" * 10 + b"\r\n",
    b"XBLACKPONY", b" ", b"\r", b"\n", b"\0", b"\r\n", b".\r\n", b"DATA\r\n", b"BDAT 7 LAST\r\n", b"BDAT 99999999999999999\r\n", b"AUTH PLAIN\r\n",
    b"STARTTLS\r\n", b"QUIT\r\n", b"MAIL FROM:<a>\r\n", b"RSET\r\n", b"\xff" * 40, b"x" * 5000, b"*\r\n", b"\x00\x11" + b"z" * 17,
)  # fmt: skip
REPLIES = (
    b"250 ok\r\n",
    b"354 go\r\n",
    b"334 \r\n",
    b"500 no\r\n",
    b"220 go\r\n",
    b"421 bye\r\n",
    b"250-a\r\n250-CHUNKING\r\n250 XBLACKPONY V2\r\n",
    b"junk\n",
)


def no_randomness(size: int) -> bytes:
    """A source of randomness that fails."""
    raise NoRandomness


class HostileTests(unittest.TestCase):
    """Seeded."""

    def test_a_server_session_takes_everything(self) -> None:
        for seed in range(400):
            chance = random.Random(seed)
            session = ServerSession(ServerSettings(["X25519-CHACHA20POLY1305", "ROT"]))
            session.smtp_said(b"220 mx\r\n")
            for _ in range(60):
                if chance.random() < 0.7:
                    session.client_sent(chance.choice(PIECES))
                elif chance.random() < 0.9:
                    session.smtp_said(chance.choice(REPLIES))
                else:
                    chance.choice(
                        (session.timed_out, session.smtp_ended, session.client_ended) if chance.random() < 0.1 else (session.for_smtp,)
                    )()
                session.for_client()
                self.assertLess(len(session.held), MAX_HELD + 400_000)

    def test_nothing_is_said_after_the_end(self) -> None:
        session = ServerSession(ServerSettings(["ROT"]))
        session.smtp_said(b"220 mx\r\n")
        session.client_sent(b"NOOP\n\r\nQUIT\r\n")
        self.assertEqual((session.awaits, session.for_client()[:10], session.for_smtp()), (Await.END, b"220 mx\r\n50", b""))
        session.client_sent(b"NOOP\r\n")
        self.assertEqual((session.for_client(), session.for_smtp()), (b"", b""))

    def test_a_server_without_randomness_refuses_with_454_or_offers_nothing(self) -> None:
        left = [b"\0\0"]

        def two_octets(size: int) -> bytes:
            return left.pop() if size == 2 and left else no_randomness(size)

        for draw, offers in ((no_randomness, False), (two_octets, True)):
            session = ServerSession(ServerSettings(["X25519-CHACHA20POLY1305"], draw=draw))
            session.smtp_said(b"220 mx\r\n")
            session.client_sent(b"EHLO a\r\n")
            session.smtp_said(b"250 mx\r\n")
            self.assertEqual(b"XBLACKPONY" in session.for_client(), offers)
            session.client_sent(b"XBLACKPONY V1 X25519-CHACHA20POLY1305 CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n")
            self.assertEqual(session.for_client()[:4], b"454 ")
            session.client_sent(b"NOOP\r\n")
            self.assertIn(b"NOOP\r\n", session.for_smtp())

    def test_refusals_are_not_kept(self) -> None:
        session = ServerSession(ServerSettings(["ROT"]))
        session.smtp_said(b"220 mx\r\n")
        for code in (b"503 5.5.1 ", b"504 5.5.4 "):
            kept = []
            for _ in range(2):
                tracemalloc.start()
                for _ in range(500):
                    session.client_sent(b"XBLACKPONY V1 ROT9 13 " + b"a" * 4000 + b"\r\n")
                    self.assertIn(code, session.for_client())
                kept.append(tracemalloc.get_traced_memory()[0])
                tracemalloc.stop()
            self.assertLess(kept[1], 100_000)
            session.client_sent(b"EHLO a\r\n")
            session.smtp_said(b"250 mx\r\n")
            session.for_client()

    def upgrade(self, session: ServerSession, lines: list[bytes]) -> bool:
        """Upgrades a session after lines, which are the client's transcript: whether it believes the client's Finished."""
        client = negotiation.client_upgrade(keys.transcript(lines), suites.X25519, suites.system_random, suites.RsaKeys())
        command = next(client)
        assert isinstance(command, bytes)
        session.client_sent(command + b"\r\n")
        reply, records_ = session.for_client().split(b"\r\n", 1)
        channel = client.send((reply,))
        assert isinstance(channel, SecureChannel)
        channel.receive(records_)
        session.client_sent(channel.take())
        return channel.verified and session.channel.verified

    def test_th_has_what_was_answered_with_504_since_the_offer(self) -> None:
        def greeted() -> tuple[ServerSession, bytes]:
            session = ServerSession(ServerSettings(["X25519-CHACHA20POLY1305"]))
            session.smtp_said(b"220 mx\r\n")
            return session, ehlo(session)

        def ehlo(session: ServerSession) -> bytes:
            session.client_sent(b"EHLO a\r\n")
            session.smtp_said(b"250 mx\r\n")
            return session.for_client().split(b"250 ")[-1][:-2]

        refused = [b"xblackpony V2 ROT 13", b"504 5.5.4 Unknown version", b"XBLACKPONY V1 ROT 13", b"504 5.5.4 Unknown suite"]

        def refuse(session: ServerSession) -> None:
            for line, answer in zip(refused[::2], refused[1::2]):
                session.client_sent(line + b"\r\n")
                self.assertEqual(session.for_client(), answer + b"\r\n")

        session, offer = greeted()
        refuse(session)
        session.client_sent(b"XBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA\r\n")  # a 501 is no part of it
        self.assertEqual(session.for_client()[:3], b"501")
        session.client_sent(b"NOOP\r\n")
        session.smtp_said(b"250 OK\r\n")
        session.for_client()
        self.assertTrue(self.upgrade(session, [offer, *refused]))
        session, offer = greeted()
        refuse(session)
        self.assertTrue(self.upgrade(session, [ehlo(session)]))  # a new offer, a new beginning
        session, offer = greeted()
        refuse(session)
        self.assertFalse(self.upgrade(session, [offer, *refused[2:], *refused[:2]]))
        session, offer = greeted()
        self.assertFalse(self.upgrade(session, [offer, b"XBLACKPONY V1 ROT 13", b"504 forged"]))

    def test_a_session_that_ends_lets_go_of_its_key_pair(self) -> None:
        session = ServerSession(ServerSettings(["RSA-BLOWFISH"], rsa=rsa("server")))
        session.smtp_said(b"220 mx\r\n")
        session.client_sent(b"EHLO a\r\n")
        session.smtp_said(b"250 mx\r\n")
        session.client_sent(b"XBLACKPONY V1 RSA-BLOWFISH " + b64encode(suites.rsa_share(rsa("client").current(), bytes)) + b"\r\n")
        self.assertEqual((session.awaits, "_upgrade" in vars(session)), (Await.CONTINUATION, True))
        session.client_ended()
        self.assertNotIn("_upgrade", vars(session))

    def test_a_server_without_suites_knows_no_xblackpony(self) -> None:
        session = ServerSession(ServerSettings([]))
        session.smtp_said(b"220 mx\r\n")
        session.client_sent(b"EHLO a\r\n")
        session.smtp_said(b"250 mx\r\n")
        session.client_sent(b"XBLACKPONY V1 ROT 13\r\n")
        self.assertEqual((session.for_client(), session.for_smtp()), (b"220 mx\r\n250 mx\r\n", b"EHLO a\r\nXBLACKPONY V1 ROT 13\r\n"))

    def test_an_rsa_key_pair_has_an_end(self) -> None:
        first, second = (load_pem_private_key((VECTORS / f"rsa-{name}.pem").read_bytes(), None) for name in ("client", "server"))
        made = iter((first, second))
        with (
            mock.patch.object(suites, "generate_private_key", lambda exponent, bits: next(made)),
            mock.patch("threading.Timer") as timer,
            mock.patch("time.monotonic", return_value=5.0) as clock,
        ):
            pair = suites.RsaKeys()
            self.assertEqual((pair.current(), pair.current()), (first, first))
            clock.return_value += RSA_KEY_LIFETIME
            self.assertIs(pair.current(), second)
            timer.assert_called_with(RSA_KEY_LIFETIME, pair.forget)
            pair.forget()  # what the timer does where nobody asks
            self.assertRaises(StopIteration, pair.current)

    def test_a_server_does_not_choose_how_many_key_pairs_a_client_makes(self) -> None:
        self.assertIs(ClientSettings().rsa, ClientSettings().rsa)
        self.assertIsNot(ClientSettings().rsa, ServerSettings().rsa)  # [BP-5.4-6]

    def test_no_secret_is_shown(self) -> None:
        secret = bytes(range(100, 132))
        schedule = keys.KeySchedule("X25519-CHACHA20POLY1305", secret, bytes(32))
        ident = Ed25519PrivateKey.from_private_bytes(secret)
        for shown in (schedule, SecureChannel("server", records.Records, schedule), ServerSettings(idents=[ident]), suites.X25519):
            for octets in (secret, vars(schedule)["_prk"], schedule.secret("s traffic")):
                for text in (repr(octets)[2:-1], octets.hex()):
                    self.assertNotIn(text, repr(shown))

    def test_a_channel_takes_everything(self) -> None:
        for seed in range(300):
            chance = random.Random(seed)
            schedule = keys.KeySchedule("X25519-CHACHA20POLY1305", bytes(32), bytes(32))
            channel = SecureChannel(chance.choice(("client", "server")), records.Records, schedule)
            peer = "client" if vars(channel)["_side"] == "server" else "server"
            sender = records.Records(schedule.secret(f"{peer[0]} traffic"))
            if chance.random() < 0.9:
                channel.receive(sender.record(records.FINISHED, schedule.verify_data(peer)))
            for _ in range(20):
                record = bytearray(sender.seal(chance.randrange(1, 256), chance.randbytes(chance.randrange(300)), chance.randrange(9)))
                if chance.random() < 0.2:
                    record[chance.randrange(len(record))] ^= 1
                channel.receive(bytes(record))
                channel.send(b"x")
                self.assertLess(len(vars(channel)["_incoming"]), 20_000)
            self.assertLess(len(channel.take()), 20_000)

    def test_a_sender_rekeys_at_the_limit_and_a_receiver_insists(self) -> None:
        for protection, limit in ((records.Records, 5), (records.BlowfishRecords, 5 * 32)):
            with mock.patch.object(protection, "limit", limit):
                sender, receiver = protection(bytes(32)), protection(bytes(32))
                wire, kinds = bytearray(b"".join(sender.record(records.DATA, b"x") for _ in range(9))), list[int]()
                while record := receiver.next(wire):
                    kinds.append(record[0])
                    if record[0] == records.REKEY:
                        receiver.rekey()
                self.assertEqual((kinds, wire), ([1, 1, 1, 1, 4] * 2 + [1], b""))
                sender, receiver = protection(bytes(32)), protection(bytes(32))
                sealed = [bytearray(sender.seal(records.DATA, b"x", 254)) for _ in range(6)]
                for one in sealed[:5]:
                    receiver.next(one)
                self.assertRaises(keys.Failure, receiver.next, sealed[5])

    def test_of_two_faults_in_a_line_the_first_octet_decides(self) -> None:
        verb = b"XBLACKPONY "
        for octet in (b"\n", b"\0", b"\rx"):
            for at, close in ((4094, True), (4095, True), (4096, False), (4097, False)):
                line = verb + b"a" * (at - 1 - len(verb)) + octet + b"b" * 9 + b"\r\n"
                for step in (1, len(line)):
                    buffer, reader, said = bytearray(), LineReader(), list[bool]()
                    for i in range(0, len(line), step):
                        buffer += line[i : i + step]
                        try:
                            self.assertIsNone(reader.next(buffer, 4096))
                        except Refusal as refusal:
                            said.append(refusal.close)
                            break
                    self.assertEqual(said, [close], (octet, at, step))

    def test_a_client_takes_everything(self) -> None:
        for seed in range(400):
            chance = random.Random(seed)
            octets = bytearray()
            try:
                for _ in range(200):
                    octets += chance.choice(REPLIES + PIECES)
                    while reply := next_reply(octets):
                        find_offer(reply)
            except MalformedReply:
                pass
            self.assertLess(len(octets), 130 * 2048)

"""Replays every golden transcript of spec/transcripts, as its server and as its client, octet by octet."""

import base64
import re
import socket
import unittest
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from blackpony import negotiation, suites
from blackpony.channel import RotChannel
from blackpony.memory import Memory
from blackpony.session import Await, ServerSession, ServerSettings
from blackpony.smtplib import SMTP, Deferred
from tests import hybrid
from tests.test_vectors import Stream, oaep_with_seed

TRANSCRIPTS = Path(__file__).resolve().parents[3] / "spec" / "transcripts"
CLIENT_IS_A_HAND = re.compile("refusal-|rekey|padding|records-split|close-by-client|truncation|failure-(?!plain)|relay-|rot-by")
SERVER_IS_A_HAND = re.compile("fallback-refused|fallback-ehlo|failure-plaintext")
SKIPPED = {"relay-strangers": "not a relay: aiosmtpd sees the client's own address"}
REMEMBERED: dict[str, list[str]] = {"policy-remembered": [], "policy-remembered-ident-missing": ["00" * 32]}


@dataclass
class Item:
    """One item: wire is what is on the wire, plain what a data record holds, and kind its record's type."""

    side: str  # "C", "S", "=" or "#"
    wire: bytes = b""
    kind: str = "text"
    plain: bytes = b""
    text: str = ""
    changed: bool = False


@dataclass
class Transcript:
    """A parsed file: its parameters, and the items of each connection."""

    parameters: dict[str, str] = field(default_factory=dict)
    connections: list[list[Item]] = field(default_factory=lambda: [[]])


def unescape(text: str) -> bytes:
    """Text of Appendix D into octets."""
    marks = {"\\r": "\r", "\\n": "\n"}
    turn: Callable[[re.Match[str]], str] = lambda m: marks.get(m[0]) or chr(int(m[1], 16))
    return re.sub(r"\\x([0-9A-Fa-f]{2})|\\[rn]", turn, text).encode("latin-1")


def parse(path: Path) -> Transcript:
    """Reads the format of Appendix D."""
    found, changed = Transcript(), False
    for line in path.read_text("utf-8").split("\n"):
        items, mark, rest = found.connections[-1], line[:2], line[3:]
        if line == "# a fresh connection":
            found.connections.append([])
        elif line == "# changed on the way":
            changed = True
            continue
        elif mark == "# ":
            items.append(Item("#", text=line))
        elif mark == "= ":
            items.append(Item("=", text=line[2:]))
        elif mark == "@ ":
            key, _, value = line[2:].partition(" ")
            found.parameters[key] = value
        elif mark in ("C:", "S:"):
            items.append(Item(mark[0], unescape(rest) + b"\r\n", plain=unescape(rest) + b"\r\n", changed=changed))
        elif mark in ("C>", "S>", "C+", "S+"):
            items.append(Item(mark[0], bytes.fromhex(rest), "raw", changed=changed))
        elif mark in ("C}", "S}"):
            kind, _, value = rest.partition(" ")
            items[-1].kind, items[-1].plain = kind, unescape(value) if kind == "data" else b""
        elif mark in ("C!", "S!"):
            items.append(Item(mark[0], kind="fin"))
        changed = False
    return found


def rsa(parameters: dict[str, str], side: str) -> suites.RsaKeys:
    """The key pair of a side, if the file has one."""
    if side + "-rsa" not in parameters:
        return suites.RsaKeys()
    private = load_der_private_key(base64.b64decode(parameters[side + "-rsa"]), None)
    assert isinstance(private, RSAPrivateKey)
    return suites.RsaKeys(private)


class ServerReplay:
    """Plays a transcript's client and SMTP server to a ServerSession."""

    def __init__(self, test: unittest.TestCase, transcript: Transcript) -> None:
        parameters = transcript.parameters
        idents = [Ed25519PrivateKey.from_private_bytes(bytes.fromhex(parameters["ident"]))] if "ident" in parameters else []
        draw = Stream(bytes.fromhex(parameters.get("server-random", "")))
        self.settings = ServerSettings(parameters["suite"].split(), idents, rsa(parameters, "server"), draw)
        self.test, self.out, self.asked = test, b"", b""
        for items in transcript.connections:
            self.session, self.out, self.asked = ServerSession(self.settings), b"", b""
            self.replay(items)

    def collect(self) -> None:
        """Takes what the session says."""
        self.out += self.session.for_client()
        self.asked += self.session.for_smtp()
        if self.session.restart_smtp:
            self.session.restart_smtp = False
            self.session.smtp_said(b"220 again\r\n")
            self.collect()

    def replay(self, items: list[Item]) -> None:
        """One connection."""
        at = 0
        while at < len(items):
            item = items[at]
            group = [item]
            while item.side in "CS" and at + len(group) < len(items) and items[at + len(group)].side == item.side:
                group.append(items[at + len(group)])
            at += len(group)
            if item.side == "C":
                octets = b"".join(x.wire for x in group)
                if octets:
                    self.session.client_sent(octets)
                if group[-1].kind == "fin":
                    self.session.client_ended()
                self.collect()
            elif item.side == "S":
                self.expect(group)
            elif item.side == "#" and item.text.endswith("goes by at the server"):
                self.test.assertEqual(self.session.timer, item.text.split()[1].removesuffix("Timeout").lower())
                self.session.timed_out()
                self.collect()
            elif item.side == "=":
                self.event(item.text.split(), items)
        self.test.assertEqual(self.out, b"", "the server says more than the transcript")

    def event(self, words: list[str], items: list[Item]) -> None:
        """What an event at the server says of the session's state."""
        if words[1] == "server" and words[0] in ("closed", "failed", "truncated"):
            name = words[2] if len(words) > 2 else "truncated"
            state = self.session.channel.state
            self.test.assertIn(state, (name, "open" if name == "close" else name), words)
        elif words[:2] == ["upgraded", "server"]:
            self.test.assertEqual(self.session.suite, words[2])

    def expect(self, group: list[Item]) -> None:
        """Server items that stand together: those the session makes itself, and those that its SMTP server has to say."""
        lines: list[Item] = []
        for item in group:
            if item.kind == "fin":
                self.test.assertTrue(self.session.awaits is Await.END or not self.session.channel.switched, "the server does not close")
                continue
            lines.append(item)
            if item.kind == "text" and item.wire[3:4] == b"-":
                continue
            wire = b"".join(x.wire for x in lines)
            if not self.out:
                self.session.smtp_said(self.said(lines))
                self.collect()
            got, self.out = self.out[: len(wire)], self.out[len(wire) :]
            if item.kind == "text" and any(x.changed for x in lines):
                got, _, self.out = (got + self.out).partition(b"\r\n") if len(lines) == 1 else (wire, b"", b"")
            elif item.changed:
                self.out = b""  # somebody else's octets
            else:
                self.test.assertEqual(got, wire)
            lines = []

    def said(self, lines: list[Item]) -> bytes:
        """What the SMTP server says so that these items come out."""
        plain = [x.plain for x in lines]
        if isinstance(self.session.channel, RotChannel):
            plain = [self.session.channel.receive(x) for x in plain]
        kept = [x for x in plain if negotiation.keyword(x[4:].rstrip()) != negotiation.KEYWORD]
        return b"".join(kept[:-1]) + kept[-1][:3] + (kept[-1][3:] if len(kept) == len(plain) else b" " + kept[-1][4:])


class Script:
    """A socket whose other end follows one connection of a transcript."""

    def __init__(self, test: unittest.TestCase, items: list[Item]) -> None:
        self.test, self.items, self.at = test, [x for x in items if x.side != "="], 0
        self.sent, self.shut = b"", False

    def upcoming(self, side: str) -> list[Item]:
        """The next items of a side, up to the other's."""
        group: list[Item] = []
        for item in self.items[self.at :]:
            if item.side != side:
                break
            group.append(item)
        return group

    def settle(self) -> None:
        """Compares what was sent with the client's items that are due."""
        while self.at < len(self.items) and self.items[self.at].side != "S":
            item = self.items[self.at]
            if item.side == "C":
                self.test.assertEqual(self.sent[: len(item.wire)], item.wire)
                self.sent = self.sent[len(item.wire) :]
                if item.kind == "fin":
                    self.test.assertTrue(self.shut, "the client does not end its direction")
            self.at += 1

    def sendall(self, data: bytes) -> None:
        """The client sends."""
        self.sent += data

    def recv(self, size: int) -> bytes:
        """The server's next octets, or its end."""
        self.settle()
        self.test.assertEqual(self.sent, b"", "the client says more than the transcript")
        group = self.upcoming("S")
        if group and group[0].kind == "fin" or not group:
            self.at += bool(group)
            return b""
        self.at += len(group) - (group[-1].kind == "fin")
        return b"".join(x.wire for x in group)

    def shutdown(self, how: int) -> None:
        """The client ends its direction."""
        self.shut = True

    def settimeout(self, value: float) -> None:
        """A script does not wait."""

    def getpeername(self) -> tuple[str, int]:
        """The server's address."""
        return "192.0.2.25", 25

    def close(self) -> None:
        """The client's socket is closed: nothing may be left."""
        self.settle()
        while self.upcoming("S"):
            self.test.assertTrue(all(x.kind in ("fin", "close", "alert") for x in self.upcoming("S")))
            self.at += len(self.upcoming("S"))
            self.settle()
        self.test.assertEqual((self.sent, self.at), (b"", len(self.items)))


class Client(SMTP):
    """The client, with its verbs in the transcripts' case, and scripts for sockets."""

    scripts: list[Script]

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Upper case."""
        super().putcmd(cmd.upper(), args)

    def _get_socket(self, host: Any, port: int, timeout: float) -> Any:
        self.script = self.scripts.pop(0)
        return self.script


def replay_client(test: unittest.TestCase, name: str, transcript: Transcript) -> None:
    """Plays a transcript's server to the client, and has the client say what the transcript says."""
    parameters, memory = transcript.parameters, Memory(None)
    only = "ROT" if name.startswith("rot") else "RSA-BLOWFISH" if name == "fallback-no-common-suite" else None
    accepted = [only] if only else [*hybrid.PROTECTIONS, *suites.DEFAULT_SUITES] if "mlkem" in name else list(suites.DEFAULT_SUITES)
    if name in REMEMBERED or parameters.get("policy") == "remembered":
        memory.good("mx.b.test", 25, 0, (REMEMBERED.get(name, []), []))
    shift = next((int(x.wire.split()[-1]) for x in transcript.connections[0] if x.wire.startswith(b"XBLACKPONY V1 ROT")), 13)
    smtp = Client(
        local_hostname="mail.a.test",
        policy=parameters["policy"],
        suites=accepted,
        memory=memory,
        rsa=rsa(parameters, "client"),
        draw=Stream(bytes.fromhex(parameters.get("client-random", ""))),
        shift=shift,
        clock=lambda: 1,
    )
    smtp.scripts = [Script(test, items) for items in transcript.connections]
    events = [x.text.split() for items in transcript.connections for x in items if x.side == "=" and " client" in x.text]
    smtp.connect("mx.b.test", 25)
    try:
        report = smtp.xblackpony()
    except Deferred as deferred:
        test.assertIn(["deferred", "client", deferred.reason], events)
        return
    if report.suite == suites.ROT.name:
        test.assertFalse(report.encrypted)
    elif report.suite:
        test.assertIn(["upgraded", "client", report.suite], events)
    else:
        verb = "refused" if report.reason == "refused" else "fallback"
        test.assertIn([verb, "client", report.reason][: 2 if verb == "refused" else 3], events)
    while group := [x for x in smtp.script.upcoming("C") if x.kind in ("text", "data", "raw")]:
        plain = b"".join(x.plain for x in group)
        smtp.send(smtp.channel.receive(plain) if isinstance(smtp.channel, RotChannel) else plain)
        smtp.script.settle()
        replies = [x.plain for x in smtp.script.upcoming("S") if x.kind in ("text", "data")]
        for _ in range(sum(line[3:4] == b" " for x in replies for line in x.split(b"\r\n"))):
            smtp.getreply()
    smtp.close()


class Transcripts(unittest.TestCase):
    """Its tests are made below, one for each file and side."""

    maxDiff = 2000


def _make(path: Path, side: str) -> Callable[[Transcripts], None]:
    def run(self: Transcripts) -> None:
        if path.stem in SKIPPED:
            self.skipTest(SKIPPED[path.stem])
        transcript, command = parse(path), re.search(r"^C: XBLACKPONY V1 (\S+)", path.read_text("latin-1"), re.MULTILINE)
        oaep = mock.patch.object(negotiation, "oaep_encrypt", oaep_with_seed)
        with oaep, hybrid.enabled(side, command[1] if command else ""):
            if side == "server":
                ServerReplay(self, transcript)
            else:
                replay_client(self, path.stem, transcript)

    return run


for _path in sorted(TRANSCRIPTS.glob("*.txt")):
    _parameters = parse(_path).parameters
    _name = _path.stem.replace("-", "_")
    if not SERVER_IS_A_HAND.match(_path.stem) and ("server-random" in _parameters or not _parameters["suite"]):
        setattr(Transcripts, f"test_server_{_name}", _make(_path, "server"))
    if not CLIENT_IS_A_HAND.match(_path.stem):
        setattr(Transcripts, f"test_client_{_name}", _make(_path, "client"))

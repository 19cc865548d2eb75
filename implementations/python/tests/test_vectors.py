"""Runs every vector of spec/vectors, one test each."""

import base64
import hashlib
import json
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from blackpony import keys, negotiation, records, suites
from blackpony.channel import RotChannel, SecureChannel
from blackpony.limits import MAX_COMMAND_LINE
from blackpony.memory import Memory

VECTORS = Path(__file__).resolve().parents[3] / "spec" / "vectors"
PROTECTIONS: dict[str, type[records.Protection]] = {
    "X25519MLKEM768-CHACHA20POLY1305": records.Protection,
    "X25519MLKEM768-AES256GCM": records.Aes256GcmProtection,
    "X25519-CHACHA20POLY1305": records.Protection,
    "RSA-BLOWFISH": records.BlowfishProtection,
}
HYBRID = {name: suites.Suite(name, 1, 1216) for name in suites.KNOWN if "MLKEM" in name}  # for the command's form only
Test = dict[str, Any]
Answer = tuple[dict[str, Any], dict[str, Any]]  # what "expect" has to have, and what marks an invalid test


def octets(text: str) -> bytes:
    """Hexadecimal into octets."""
    return bytes.fromhex(text)


def latin(text: str) -> bytes:
    """A line as on the wire."""
    return text.encode("latin-1")


class Stream:
    """A random stream (Appendix B)."""

    def __init__(self, stream: bytes) -> None:
        self._left = stream

    def __call__(self, size: int) -> bytes:
        if size > len(self._left):
            raise AssertionError("more was drawn than Appendix B says")
        drawn, self._left = self._left[:size], self._left[size:]
        return drawn


def oaep_with_seed(key: RSAPublicKey, half: bytes, draw: suites.Draw) -> bytes:
    """RSAES-OAEP (RFC 8017 Section 7.1.1) with the seed of a stream, which no library takes."""

    def mask(seed: bytes, data: bytes) -> bytes:
        blocks = (hashlib.sha256(seed + i.to_bytes(4, "big")).digest() for i in range(-(-len(data) // 32)))
        return bytes(x ^ y for x, y in zip(data, b"".join(blocks)))

    numbers, seed = key.public_numbers(), draw(32)
    padding = bytes(suites.MODULUS - 2 - 2 * 32 - len(half))
    block = mask(seed, hashlib.sha256(b"").digest() + padding + b"\x01" + half)
    message = mask(block, seed) + block
    return pow(int.from_bytes(message, "big"), numbers.e, numbers.n).to_bytes(suites.MODULUS, "big")


def rsa(name: str) -> suites.RsaKeys:
    """A key pair of the vectors, which has no end of life."""
    private = load_pem_private_key((VECTORS / f"rsa-{name}.pem").read_bytes(), None)
    assert isinstance(private, RSAPrivateKey)
    return suites.RsaKeys(private, clock=lambda: 0)


def base64_share(i: Test) -> Answer:
    try:
        return {"octets": suites.decode(latin(i["text"])).hex()}, {}
    except suites.InvalidShare:
        return {}, {"reply": 501}


def transcript_hash(i: Test) -> Answer:
    return {"th": keys.transcript_hash(map(latin, i["lines"])).hex()}, {}


def expand_label(i: Test) -> Answer:
    return {"output": keys.expand_label(octets(i["secret"]), latin(i["label"]), octets(i["context"]), i["length"]).hex()}, {}


def schedule(suite: str, secret: bytes, th: bytes) -> dict[str, str]:
    """Every value of Sections 6.2 and 6.3 by the vectors' names."""
    k = keys.KeySchedule.derive(suite, secret, th)
    found = {"salt": hashlib.sha256(suite.upper().encode()).digest(), "prk": k.prk, "exporterSecret": k.exporter_secret()}
    for side in ("client", "server"):
        traffic = k.traffic(side)
        found |= {
            f"{side}Traffic": traffic,
            f"{side}Finished": k.finished_key(side),
            f"{side}VerifyData": k.verify_data(side),
            f"{side}Traffic1": keys.next_traffic(traffic),
            f"{side}Key": keys.expand_label(traffic, b"key", b"", 32),
            f"{side}Iv": keys.expand_label(traffic, b"iv", b"", 12),
            f"{side}MacKey": keys.expand_label(traffic, b"mac", b"", 32),
        }
    return {name: value.hex() for name, value in found.items()}


def key_schedule(i: Test) -> Answer:
    return schedule(i["suite"], octets(i["sharedSecret"]), octets(i["th"])), {}


def exporter(i: Test) -> Answer:
    secret = keys.KeySchedule.derive(i["suite"], octets(i["sharedSecret"]), octets(i["th"])).exporter_secret()
    try:
        output = keys.export(secret, latin(i["label"]), octets(i["context"]), i["length"])
    except ValueError:
        return {}, {"error": True}
    return {"exporterSecret": secret.hex(), "output": output.hex()}, {}


def ident(i: Test) -> Answer:
    if "privateKeys" in i:
        made = keys.ident_data(octets(i["th"]), [Ed25519PrivateKey.from_private_bytes(octets(k)) for k in i["privateKeys"]])
        assert made.hex() == i["data"]
    try:
        return {"publicKeys": [key.hex() for key in keys.ident_keys(octets(i["th"]), octets(i["data"]))]}, {}
    except ValueError:
        return {}, {"alert": True}


def x25519(i: Test) -> Answer:
    exchange, peer = suites.X25519Exchange(Stream(octets(i["random"]))), octets(i["peerShare"])
    try:
        secret = exchange.shared(suites.decode(suites.encode(peer), exchange.share_length))
    except suites.InvalidShare:
        return {}, {"reply": 501} if i["receiver"] == "server" else {"broken": True}
    return {"share": exchange.share.hex(), "sharedSecret": secret.hex()}, {}


def rsa_oaep(i: Test) -> Answer:
    private = rsa(i["key"]).current()
    if "seed" in i:
        ciphertext = oaep_with_seed(private.public_key(), octets(i["half"]), Stream(octets(i["seed"])))
        return {"ciphertext": ciphertext.hex()}, {}
    half = suites.oaep_decrypt(private, octets(i["ciphertext"]), octets(i["substitute"])).hex()
    return {"half": half}, {"substitute": True} if half == i["substitute"] else {}


def rsa_blowfish(i: Test) -> Answer:
    """One side of the exchange, by way of the commands and replies that carry its shares."""
    draw, own, peer = Stream(octets(i["random"])), rsa(i["key"]), octets(i["peerShare"])
    cipher = suites.encode(octets(i.get("peerCiphertext", "")))
    with mock.patch.object(suites, "oaep_encrypt", oaep_with_seed):
        if i["receiver"] == "server":
            try:
                suites.rsa_modulus(suites.decode(suites.encode(peer), 416)[:384])
                server = suites.RsaExchange(draw, own.current())
                message, secret = server.server_answer(peer, suites.decode(cipher, 384))
            except suites.InvalidShare:
                return {}, {"reply": 501}
            return {"share": server.share.hex(), "ciphertext": message.hex(), "sharedSecret": secret.hex()}, {}
        client = suites.RsaExchange(draw, own.current())
        try:
            message = client.encrypt(suites.decode(suites.encode(peer), 416))
        except suites.InvalidShare:
            return {}, {"cancel": True}
        try:
            secret = client.client_secret(suites.decode(cipher, 384))
        except suites.InvalidShare:
            return {}, {"broken": True}
        return {"share": client.share.hex(), "ciphertext": message.hex(), "sharedSecret": secret.hex()}, {}


def rot(i: Test) -> Answer:
    try:
        channel = RotChannel(negotiation.rot_shift(latin(i["shift"])))
    except suites.InvalidShare:
        return {}, {"reply": 501}
    channel.send(latin(i["plain"]))
    shifted = channel.take()
    assert channel.receive(shifted) == latin(i["plain"])
    return {"shifted": shifted.decode("latin-1")}, {}


def offer(i: Test) -> Answer:
    found = negotiation.Offer.find(map(latin, i["ehlo"]))
    common = found.common(i["suites"]) if found else []
    if not found or not common:
        return {}, {"noOffer": True}
    return {"offer": found.line.decode("latin-1"), "choice": common[0]}, {}


def command(i: Test) -> Answer:
    buffer = bytearray(latin(i["command"]))
    try:
        line = negotiation.LineReader().next(buffer, MAX_COMMAND_LINE)
        assert line is not None
        if buffer:
            raise negotiation.BEHIND
        with mock.patch.dict(suites.SUITES, HYBRID):
            suite, share = negotiation.parse_command(line, i["suites"])
        negotiation.check_share(suite, share)
    except suites.InvalidShare:
        return {}, {"reply": 501}
    except negotiation.Refusal as refusal:
        return {}, {"reply": int(refusal.reply[:3])} | ({"close": True} if refusal.close else {})
    return {"code": 334 if suite.messages == 2 else 220, "suite": suite.name, "share": share.decode()}, {}


def reply(i: Test) -> Answer:
    def whole(text: str) -> negotiation.Reply:
        reader = negotiation.ReplyReader()
        reader.feed(latin(text))
        found = reader.next()
        assert found
        return found

    client = negotiation.ClientUpgrade(b"XBLACKPONY V1 " + i["suite"].encode(), i["suite"], bytes, rsa("client"))
    try:
        if "before" in i:
            assert client.receive(whole(i["before"])) == "continuation"
        answer = whole(i["reply"])
        outcome = client.receive(answer)
    except negotiation.MalformedReply:
        return {}, {"broken": True}
    if outcome in ("broken", "cancel"):
        return {}, {outcome: True}
    share = b"".join(line[6:] for line in answer.lines).decode("latin-1")
    return {"outcome": outcome, "share": share}, {}


def exchange(i: Test) -> Answer:
    client_draw, server_draw = Stream(octets(i["clientRandom"])), Stream(octets(i["serverRandom"]))
    line = negotiation.make_offer(i["suites"], server_draw(2) if i["grease"] else b"")
    with mock.patch.object(suites, "oaep_encrypt", oaep_with_seed):
        client = negotiation.ClientUpgrade(line, i["suite"], client_draw, rsa("client"))
        suite, share = negotiation.parse_command(client.next_line, i["suites"])
        server = negotiation.ServerUpgrade(line, client.next_line, suite, share, server_draw, rsa("server"))
        while client.channel is None:
            outcome = client.receive(negotiation.Reply(int(server.reply[0][:3]), tuple(server.reply)))
            if outcome == "continuation":
                server.continuation(client.next_line)
    th = keys.transcript_hash(map(latin, i["_expect"]["lines"]))
    assert isinstance(client.channel, SecureChannel) and server.keys and client.keys == server.keys
    return {"th": th.hex(), "lines": [x.decode("latin-1") for x in client.lines]} | schedule(
        suite.name, octets(i["_expect"]["sharedSecret"]), server.keys.th
    ) | {"prk": server.keys.prk.hex()}, {}


def one_record(i: Test) -> Answer:
    protection, traffic, seq = PROTECTIONS[i["suite"]], octets(i["trafficSecret"]), i["seq"]
    sender, receiver = records.Sender(protection, traffic), records.Receiver(protection, traffic)
    vars(sender)["_seq"] = vars(receiver)["_seq"] = seq
    if "record" in i:
        record = octets(i["record"])
        try:
            length = receiver.length(record[:2])
            assert length == len(record) - 2
            receiver.open(record[2:])
        except records.Failure:
            return {}, {"alert": True}
        return {}, {}
    record = sender.seal(i["type"], octets(i["data"]), i["padding"])
    receiver.length(record[:2])
    assert receiver.open(record[2:]) == (i["type"], octets(i["data"]))
    return {"record": record.hex()}, {}


def stream(i: Test) -> Answer:
    k = keys.KeySchedule.derive(i["suite"], octets(i["sharedSecret"]), octets(i["th"]))
    channel = SecureChannel(i["receiver"], PROTECTIONS[i["suite"]], k)
    whole, delivered = octets(i["stream"]), b""
    step = i.get("split", len(whole) or 1)
    for at in range(0, len(whole), step):
        delivered += channel.receive(whole[at : at + step])
    if "afterClose" in i:
        channel.close()
        delivered += channel.receive(octets(i["afterClose"]))
    if i.get("ended"):
        channel.end()
    found = {
        "state": channel.state,
        "data": delivered.hex(),
        "publicKeys": [key.hex() for key in channel.public_keys],
        "sends": channel.take().hex(),
        "verifyData": k.verify_data("client" if i["receiver"] == "server" else "server").hex(),
    }
    return found, {"alert": channel.alert_sent} if channel.state == "failed" else {}


def memory(i: Test) -> Answer:
    found, warnings = [], list[str]()
    store = Memory(None, warnings.append)
    for delivery in i["deliveries"]:
        at, name, port = delivery["at"], delivery["name"], delivery["port"]
        warnings.clear()
        entry = store.lookup(name, port, at)
        found.append({"remembered": entry is not None, "idents": list(entry.idents) if entry else [], "warns": bool(warnings)})
        if delivery["outcome"] == "good":
            store.good(name, port, at, delivery["idents"])
        elif delivery["outcome"] == "not shown":
            store.not_shown(name, port, at)
    return {"entries": found}, {}


RUNNERS: dict[str, Callable[[Test], Answer]] = {
    "base64-share": base64_share,
    "close": stream,
    "command": command,
    "exchange": exchange,
    "expand-label": expand_label,
    "exporter": exporter,
    "finished": stream,
    "ident": ident,
    "key-schedule": key_schedule,
    "memory": memory,
    "offer": offer,
    "records-aes256gcm": one_record,
    "records-blowfish": one_record,
    "records-chacha20poly1305": one_record,
    "rekey": stream,
    "reply": reply,
    "rot": rot,
    "rsa-blowfish": rsa_blowfish,
    "rsa-oaep": rsa_oaep,
    "streams": stream,
    "transcript-hash": transcript_hash,
    "x25519": x25519,
}
MARKS = ("reply", "close", "alert", "broken", "cancel", "noOffer", "substitute", "error")


class Vectors(unittest.TestCase):
    """Its tests are made below, one for each vector."""

    maxDiff = 2000

    def test_every_file_has_a_runner(self) -> None:
        files = {path.stem for path in VECTORS.glob("*.json")} - {"vectors.schema", "x25519mlkem768"}
        self.assertEqual(files, set(RUNNERS))


def _test(subject: str, test: Test) -> Callable[[Vectors], None]:
    def run(self: Vectors) -> None:
        given = test["input"]
        if subject == "x25519mlkem768" or (subject in ("exchange", "reply") and "MLKEM" in given["suite"]):
            self.skipTest("no ML-KEM in python3-cryptography: the profile hybrid is not claimed")
        expected = test.get("expect", {})
        found, marks = RUNNERS[subject](given | {"_expect": expected} if subject == "exchange" else given)
        self.assertEqual({k: test[k] for k in MARKS if k in test}, marks, test["comment"])
        compared = {k: v for k, v in expected.items() if k in found}
        self.assertEqual(compared, {k: found[k] for k in compared}, test["comment"])
        self.assertTrue(compared or not expected, "nothing was compared")

    return run


for _path in sorted(VECTORS.glob("*.json")):
    for _vector in json.loads(_path.read_text()).get("tests", []):
        _name = f"test_{_path.stem.replace('-', '_')}_{_vector['tcId']:03}"
        setattr(Vectors, _name, _test(_path.stem, _vector))

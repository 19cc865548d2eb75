"""Runs every vector of spec/vectors, one test each."""

import hashlib
import json
import unittest
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from blackpony import keys, negotiation, records, suites
from blackpony.channel import SecureChannel
from blackpony.limits import MAX_COMMAND_LINE
from blackpony.memory import Memory

from tests import hybrid

VECTORS = Path(__file__).resolve().parents[3] / "spec" / "vectors"


PROTECTIONS: dict[str, type[records.Records]] = {
    **hybrid.PROTECTIONS,
    "X25519-CHACHA20POLY1305": records.Records,
    "RSA-BLOWFISH": records.BlowfishRecords,
}
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
    return suites.RsaKeys(private)


def base64_share(i: Test) -> Answer:
    try:
        return {"octets": suites.decode(latin(i["text"])).hex()}, {}
    except suites.InvalidShare:
        return {}, {"reply": 501}


def transcript_hash(i: Test) -> Answer:
    return {"th": keys.transcript(map(latin, i["lines"])).finalize().hex()}, {}


def expand_label(i: Test) -> Answer:
    return {"output": keys.expand_label(octets(i["secret"]), latin(i["label"]), octets(i["context"]), i["length"]).hex()}, {}


def schedule(suite: str, secret: bytes, th: bytes) -> dict[str, str]:
    """Every value of Sections 6.2 and 6.3 by the vectors' names."""
    k = keys.KeySchedule(suite, secret, th)
    found = {"salt": hashlib.sha256(suite.upper().encode()).digest(), "prk": vars(k)["_prk"], "exporterSecret": k.secret("exporter")}
    for side in ("client", "server"):
        traffic = k.secret(f"{side[0]} traffic")
        found |= {
            f"{side}Traffic": traffic,
            f"{side}Finished": k.secret(f"{side[0]} finished"),
            f"{side}VerifyData": k.verify_data(side),
            f"{side}Traffic1": keys.expand_label(traffic, b"upd", b"", 32),
            f"{side}Key": keys.expand_label(traffic, b"key", b"", 32),
            f"{side}Iv": keys.expand_label(traffic, b"iv", b"", 12),
            f"{side}MacKey": keys.expand_label(traffic, b"mac", b"", 32),
        }
    return {name: value.hex() for name, value in found.items()}


def key_schedule(i: Test) -> Answer:
    return schedule(i["suite"], octets(i["sharedSecret"]), octets(i["th"])), {}


def exporter(i: Test) -> Answer:
    schedule = keys.KeySchedule(i["suite"], octets(i["sharedSecret"]), octets(i["th"]))
    try:
        output = schedule.export(latin(i["label"]), octets(i["context"]), i["length"])
    except ValueError:
        return {}, {"error": True}
    return {"exporterSecret": schedule.secret("exporter").hex(), "output": output.hex()}, {}


def ident(i: Test) -> Answer:
    if "privateKeys" in i:
        assert not i["withdrawn"]
        made = keys.ident_data(octets(i["th"]), [Ed25519PrivateKey.from_private_bytes(octets(k)) for k in i["privateKeys"]])
        assert made.hex() == i["data"]
    try:
        shown, withdrawn = keys.ident_keys(octets(i["th"]), octets(i["data"]))
    except keys.Failure:
        return {}, {"alert": True}
    return {"publicKeys": shown, "withdrawnKeys": withdrawn}, {}


def x25519(i: Test) -> Answer:
    return key_exchange(i, suites.X25519Exchange(Stream(octets(i["random"]))), suites.X25519.share_length)


def x25519mlkem768(i: Test) -> Answer:
    return key_exchange(i, hybrid.HybridExchange(Stream(octets(i["random"]))), hybrid.SHARE_FOR[i["receiver"]])


def key_exchange(i: Test, exchange: suites.X25519Exchange | hybrid.HybridExchange, length: int) -> Answer:
    """One side of an exchange of one message each way."""
    share = exchange.share if i["receiver"] == "client" else b""
    try:
        secret = exchange.shared(suites.decode(b64encode(octets(i["peerShare"])), length))
    except suites.InvalidShare:
        return {}, {"reply": 501} if i["receiver"] == "server" else {"broken": True}
    return {"share": (share or exchange.share).hex(), "sharedSecret": secret.hex()}, {}


def rsa_oaep(i: Test) -> Answer:
    private, letter = rsa(i["key"]).current(), b"C" if i["key"] == "server" else b"S"
    if "seed" in i:
        ciphertext = oaep_with_seed(private.public_key(), letter + octets(i["half"]), Stream(octets(i["seed"])))
        return {"ciphertext": ciphertext.hex()}, {}
    half = suites.oaep_decrypt(private, octets(i["ciphertext"]), letter, octets(i["substitute"])).hex()
    return {"half": half}, {"substitute": True} if half == i["substitute"] else {}


def share_in(lines: Iterable[bytes]) -> bytes:
    """The share of a 220 or 334 reply, in base64."""
    return b"".join(line[6:] for line in lines)


def secret_of(channel: Any, suite: str, lines: Iterable[bytes], expected: str) -> str:
    """The expected shared secret, if the channel's keys are made of it."""
    same = keys.KeySchedule(suite, octets(expected), keys.transcript(lines).finalize())
    return expected if vars(same) == vars(channel.keys) else "another"


def rsa_blowfish(i: Test) -> Answer:
    """One side of the exchange, by way of the commands and replies that carry its shares."""
    draw, own = Stream(octets(i["random"])), rsa(i["key"])
    peer, cipher = (b64encode(octets(i.get(field, ""))) for field in ("peerShare", "peerCiphertext"))
    expected = i["_expect"].get("sharedSecret", "")
    with mock.patch.object(negotiation, "oaep_encrypt", oaep_with_seed):
        if i["receiver"] == "server":
            try:
                settings = negotiation.ServerSettings(rsa=own, draw=draw)
                server = negotiation.server_upgrade(settings, keys.transcript([b""]), b"", suites.RSA_BLOWFISH, peer)
                reply, _ = next(server)
                last, channel = server.send(cipher)
            except suites.InvalidShare:
                return {}, {"reply": 501}
            share, message, lines = share_in(reply), share_in(last), [b"", b"", *reply, cipher, *last]
        else:
            client = negotiation.client_upgrade(keys.transcript([b""]), suites.RSA_BLOWFISH, draw, own)
            command = next(client)
            assert isinstance(command, bytes)
            continuation = client.send((b"334 K=" + peer[:400], b"334 K=" + peer[400:]))
            if continuation == b"*":
                return {}, {"cancel": True}
            assert isinstance(continuation, bytes)
            lines = [b"", command, b"334 K=" + peer[:400], b"334 K=" + peer[400:], continuation]
            lines += [b"220 K=" + cipher[:400], b"220 K=" + cipher[400:]]
            try:
                end = client.send(tuple(lines[-2:]))
            except suites.InvalidShare:
                return {}, {"broken": True}
            assert isinstance(end, SecureChannel)
            share, message, channel = command.split()[3], continuation, end
        secret = secret_of(channel, "RSA-BLOWFISH", lines, expected)
        return {"share": b64decode(share).hex(), "ciphertext": b64decode(message).hex(), "sharedSecret": secret}, {}


def rot(i: Test) -> Answer:
    try:
        before = keys.transcript([])
        _, channel = next(negotiation.server_upgrade(negotiation.ServerSettings(), before, b"", suites.ROT, latin(i["shift"])))
    except suites.InvalidShare:
        return {}, {"reply": 501}
    assert channel
    channel.send(latin(i["plain"]))
    shifted = channel.take()
    assert channel.receive(shifted) == latin(i["plain"])
    return {"shifted": shifted.decode("latin-1")}, {}


def offer(i: Test) -> Answer:
    found = negotiation.find_offer([latin(line) for line in i["ehlo"]])
    common = [suite for suite in i["suites"] if suite in negotiation.offered(found)]
    if not found or not common:
        return {}, {"noOffer": True}
    return {"offer": found.decode("latin-1"), "choice": common[0]}, {}


def in_command(line: bytes, accepted: list[str]) -> tuple[suites.Suite, bytes]:
    """Suite and share of a command, the hybrid suites among them."""
    with hybrid.enabled("server", "X25519MLKEM768-AES256GCM"):
        return negotiation.parse_command(line, accepted)


def command(i: Test) -> Answer:
    buffer = bytearray(latin(i["command"]))
    try:
        line = negotiation.LineReader().next(buffer, MAX_COMMAND_LINE)
        assert line is not None
        if buffer:
            return {}, {"reply": 503, "close": True}  # what ServerSession finds before it reads the line
        suite, share = in_command(line, i["suites"])
        with hybrid.enabled("server", suite.name):
            settings = negotiation.ServerSettings(rsa=rsa("server"), draw=bytes)
            next(negotiation.server_upgrade(settings, keys.transcript([b""]), line, suite, share))
    except suites.Refusal as refusal:
        return {}, {"reply": int(refusal.reply[:3])} | ({"close": True} if refusal.close else {})
    return {"code": 334 if suite is suites.RSA_BLOWFISH else 220, "suite": suite.name, "share": share.decode()}, {}


def reply(i: Test) -> Answer:
    def whole(text: str) -> negotiation.Reply:
        found = negotiation.next_reply(bytearray(latin(text)))
        assert found
        return found

    with hybrid.enabled("client", i["suite"]):
        client = negotiation.client_upgrade(keys.transcript([]), suites.SUITES[i["suite"]], bytes, rsa("client"))
        next(client)
    try:
        if "before" in i:
            client.send(whole(i["before"]))
        answer = whole(i["reply"])
        if negotiation.refuses(answer):
            return {"outcome": "refused"}, {}
        step = client.send(answer)
    except (negotiation.MalformedReply, suites.InvalidShare):
        return {}, {"broken": True}
    if step == b"*":
        return {}, {"cancel": True}
    outcome = "continuation" if isinstance(step, bytes) else "records" if isinstance(step, SecureChannel) else "rot"
    return {"outcome": outcome, "share": share_in(answer).decode("latin-1")}, {}


def exchange(i: Test) -> Answer:
    client_draw, server_draw = Stream(octets(i["clientRandom"])), Stream(octets(i["serverRandom"]))
    line = negotiation.make_offer(i["suites"], server_draw(2 if i["grease"] else 0))
    line = line if i["grease"] else line.removesuffix(b" G-")
    lines = [line]
    with mock.patch.object(negotiation, "oaep_encrypt", oaep_with_seed), hybrid.enabled("client", i["suite"]):
        client = negotiation.client_upgrade(keys.transcript([line]), suites.SUITES[i["suite"]], client_draw, rsa("client"))
        said = next(client)
        assert isinstance(said, bytes)
        suite, share = in_command(said, i["suites"])
        settings = negotiation.ServerSettings(rsa=rsa("server"), draw=server_draw)
        server = negotiation.server_upgrade(settings, keys.transcript([line]), said, suite, share)
        answer, channel = next(server)
        lines += [said, *answer]
        while isinstance(said := client.send(tuple(answer)), bytes):
            answer, channel = server.send(said)
            lines += [said, *answer]
    th = keys.transcript(map(latin, i["_expect"]["lines"])).finalize()
    assert isinstance(said, SecureChannel) and isinstance(channel, SecureChannel)
    found, same = vars(said.keys), vars(channel.keys)
    assert found == same
    expected = schedule(suite.name, octets(i["_expect"]["sharedSecret"]), found["th"]) | {"prk": found["_prk"].hex()}
    return {"th": th.hex(), "lines": [x.decode("latin-1") for x in lines]} | expected, {}


def one_record(i: Test) -> Answer:
    sender, receiver = (PROTECTIONS[i["suite"]](octets(i["trafficSecret"])) for _ in range(2))
    vars(sender)["_seq"] = vars(receiver)["_seq"] = i["seq"]
    if "record" in i:
        try:
            opened = receiver.next(bytearray(octets(i["record"])))
        except keys.Failure:
            return {}, {"alert": True}
        assert opened
        return {}, {}
    record = sender.seal(i["type"], octets(i["data"]), i["padding"])
    assert receiver.next(bytearray(record)) == (i["type"], octets(i["data"]))
    return {"record": record.hex()}, {}


STATES = {"close": "closed", "failure": "failed", "alert": "alerted"}  # the vectors' words, where they are not those of Section 11.1


def stream(i: Test) -> Answer:
    k = keys.KeySchedule(i["suite"], octets(i["sharedSecret"]), octets(i["th"]))
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
    sends = channel.take()
    found = {
        "state": STATES.get(channel.state, channel.state),
        "data": delivered.hex(),
        "publicKeys": list(channel.idents[0]),
        "sends": sends.hex(),
        "verifyData": k.verify_data("client" if i["receiver"] == "server" else "server").hex(),
    }
    return found, {"alert": records.ALERT in kinds(i["receiver"], PROTECTIONS[i["suite"]], k, sends)} if channel.state == "failure" else {}


def kinds(side: str, protection: type[records.Records], schedule: keys.KeySchedule, wire: bytes) -> list[int]:
    """The types of the records that a side sent."""
    opened, octets_left = protection(schedule.secret(f"{side[0]} traffic")), bytearray(wire)
    found = list[int]()
    while record := opened.next(octets_left):
        found.append(record[0])
        if record[0] == records.REKEY:
            opened.rekey()
    return found


def memory(i: Test) -> Answer:
    found, warnings = [], list[str]()
    store = Memory(None, warnings.append)
    for delivery in i["deliveries"]:
        at, idents = delivery["at"], (delivery["idents"], delivery["withdrawn"])
        place = delivery["name"], delivery["port"], at
        warnings.clear()
        entry = store.lookup(*place)
        fits, counts = not entry or entry.fits(at, idents), sorted(entry.counting(at)) if entry else []
        found.append({"remembered": entry is not None, "counts": counts, "fits": fits, "warns": bool(warnings)})
        if delivery["outcome"] == "good" and fits:
            store.good(*place, idents)
        elif delivery["outcome"] != "lost":
            store.not_shown(*place)
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
    "x25519mlkem768": x25519mlkem768,
}
MARKS = ("reply", "close", "alert", "broken", "cancel", "noOffer", "substitute", "error")


class Vectors(unittest.TestCase):
    """Its tests are made below, one for each vector."""

    maxDiff = 2000

    def test_every_file_has_a_runner(self) -> None:
        files = {path.stem for path in VECTORS.glob("*.json")} - {"vectors.schema"}
        self.assertEqual(files, set(RUNNERS))


def _test(subject: str, test: Test) -> Callable[[Vectors], None]:
    def run(self: Vectors) -> None:
        given = test["input"]
        expected = test.get("expect", {})
        found, marks = RUNNERS[subject](given | {"_expect": expected} if subject in ("exchange", "rsa-blowfish") else given)
        self.assertEqual({k: test[k] for k in MARKS if k in test}, marks, test["comment"])
        compared = {k: v for k, v in expected.items() if k in found}
        self.assertEqual(compared, {k: found[k] for k in compared}, test["comment"])
        self.assertTrue(compared or not expected, "nothing was compared")

    return run


for _path in sorted(VECTORS.glob("*.json")):
    for _vector in json.loads(_path.read_text()).get("tests", []):
        _name = f"test_{_path.stem.replace('-', '_')}_{_vector['tcId']:03}"
        setattr(Vectors, _name, _test(_path.stem, _vector))

using System.Security.Cryptography;
using System.Text.Json.Nodes;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>The reference against the files, as any port reads them: only what is on disk counts.</summary>
public class VectorTests
{
    [Fact]
    public void Offer() => Each("offer", (input, test) =>
    {
        var ehlo = input["ehlo"].Strings();
        using var mailer = Mailer(input["suites"].Strings(), new SeededRandom("tests", "client"));
        var sent = Say(mailer, string.Concat(ehlo.Select(l => l + "\r\n")));
        if (test["noOffer"] is not null)
        {
            Assert.Equal(("", SessionRequest.None), (sent, mailer.Request));
            return null;
        }

        var line = ehlo.Skip(1).Select(l => l[4..]).First(l => BlackPony.Reference.Negotiation.Offer.IsKeyword(((JsonNode)l).Line()));
        return new JsonObject
        {
            ["offer"] = Json.Text(BlackPony.Reference.Negotiation.Offer.Parse(((JsonNode)line).Line())!.Octets.Span),
            ["choice"] = sent.Split(' ')[2],
        };
    });

    [Fact]
    public void Command() => Each("command", (input, test) =>
    {
        var line = input["command"].Line();
        using var key = TestRsaKeys.Open("server");
        using var relay = new InboundSession(new ServerOptions(ExchangeVectors.Holder(key))
        {
            Suites = Suites(input["suites"].Strings()),
            Grease = false,
        }, new SeededRandom("tests", "server"), "test");
        relay.BackendReady("220 b.test\r\n"u8);
        relay.FromClient("EHLO a.test\r\n"u8);
        relay.FromServer("250 b.test\r\n"u8);
        relay.ToClient.ResetWrittenCount();
        relay.FromClient(line);
        if (relay.Request == SessionRequest.Connect)
        {
            relay.BackendReady("220 b.test\r\n"u8);
        }

        int code = int.Parse(Json.Text(relay.ToClient.WrittenSpan[..3]), System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(test["close"] is not null, relay.Request == SessionRequest.Close);
        if (test["reply"] is { } reply)
        {
            Assert.Equal(reply.Int(), code);
            return null;
        }

        var command = UpgradeCommand.Parse(line.AsSpan(0, line.Length - 2))!;
        return new JsonObject { ["code"] = code, ["suite"] = SuiteRegistry.Find(command.Suite)!.Name, ["share"] = command.Share };
    });

    [Fact]
    public void Base64() =>
        Each("base64-share",
            (input, _) =>
                Base64Share.TryDecode(input["text"].Line(), out var octets) ? new JsonObject { ["octets"] = Json.Hex(octets) } : null);

    [Fact]
    public void Reply() => Each("reply", (input, test) =>
    {
        var suite = input["suite"].String();
        using var mailer = Mailer([suite], new SeededRandom("tests", "client"));
        Say(mailer, $"250-b.test\r\n250 XBLACKPONY V1 {suite}\r\n");
        if (input["before"] is { } before)
        {
            Assert.NotEqual("*\r\n", Say(mailer, before.String()));
        }

        var sent = Say(mailer, input["reply"].String());
        var (broken, cancelled) = (mailer.Request == SessionRequest.Reconnect, sent == "*\r\n");
        Assert.Equal((test["broken"] is not null, test["cancel"] is not null), (broken, cancelled));
        if (broken || cancelled)
        {
            return null;
        }

        var reader = new ReplyReader();
        var reply = reader.Read(input["reply"].Line(), out _)!;
        var expect = new JsonObject
        {
            ["outcome"] = mailer.Report.Reason == "refused"
                ? "refused"
                : suite == "ROT" ? "rot" : sent.Length > 0 ? "continuation" : "records",
        };
        if (reply.Code is 220 or 334 && suite != "ROT")
        {
            expect["share"] = Json.Text(KeyReply.Read(reply));
        }

        return expect;
    });

    [Fact]
    public void Rot() => Each("rot", (input, _) =>
    {
        if (RotShift.Parse(input["shift"].Line()) is not { } n)
        {
            return null;
        }

        var octets = input["plain"].Line();
        RotShift.Shift(octets, n);
        var shifted = Json.Text(octets);
        RotShift.Shift(octets, 26 - n);
        Assert.Equal(input["plain"].String(), Json.Text(octets));
        return new JsonObject { ["shifted"] = shifted };
    });

    [Fact]
    public void Memory() => Each("memory", (input, _) => MemoryVectors.Result(input["deliveries"]!.AsArray()));

    [Theory]
    [InlineData("x25519")]
    [InlineData("x25519mlkem768")]
    public void Side(string subject) => Each(subject, (input, test) =>
    {
        var receiver = input["receiver"].String();
        var result = ExchangeVectors.Result(SuiteRegistry.Find(input["suite"].String())!, receiver, input["random"].Octets(),
            input["peerShare"].Octets());
        Assert.True(result.Count > 0 || test[receiver == "client" ? "broken" : "reply"] is not null);
        return result.Count == 0 ? null : result;
    });

    [Fact]
    public void Rsa_side() => Each("rsa-blowfish", (input, test) =>
    {
        var result = RsaVectors.Side(input);
        bool good = result["sharedSecret"] is not null;
        if (!good)
        {
            bool client = input["receiver"].String() == "client";
            Assert.Equal(client ? result["ciphertext"] is null ? "cancel" : "broken" : "reply",
                test.Select(p => p.Key).Single(k => k is "cancel" or "broken" or "reply"));
        }

        return good ? result : null;
    });

    [Fact]
    public void Oaep() => Each("rsa-oaep", (input, test) =>
    {
        var key = input["key"].String();
        if (input["seed"] is { } seed)
        {
            return new JsonObject { ["ciphertext"] = Json.Hex(RsaVectors.EncryptHalf(key, input["half"].Octets(), seed.Octets())) };
        }

        var half = RsaVectors.DecryptHalf(key, input["ciphertext"].Octets(), input["substitute"].Octets());
        Assert.Equal(test["substitute"] is not null, half.AsSpan().SequenceEqual(input["substitute"].Octets()));
        return new JsonObject { ["half"] = Json.Hex(half) };
    });

    [Theory]
    [InlineData("rsa-oaep")]
    [InlineData("rsa-blowfish")]
    [InlineData("exchange")]
    public void The_keys_are_those_of_the_PEM_files(string subject)
    {
        foreach (var (role, key) in Load(subject)["keys"]!.AsObject())
        {
            using var rsa = TestRsaKeys.Open(role);
            using var same = RSA.Create();
            same.ImportPkcs8PrivateKey(key!["pkcs8"].Octets(), out _);
            Assert.Equal(rsa.ExportPkcs8PrivateKeyPem(), same.ExportPkcs8PrivateKeyPem());
            Assert.Equal(Json.Hex(rsa.ExportParameters(true).D), key["privateExponent"].String());
        }
    }

    [Fact]
    public void Exchange() => Each("exchange", (input, _) => ExchangeVectors.Exchange(input));

    [Fact]
    public void Transcript_hash() => Each("transcript-hash", (input, test) =>
    {
        var th = new TranscriptHash();
        foreach (var line in input["lines"]!.AsArray())
        {
            th.Add(line.Line());
        }

        var hash = th.Finish();
        Assert.Equal(hash, SHA256.HashData(test["expect"]!["hashed"].Octets()));
        return new JsonObject { ["hashed"] = test["expect"]!["hashed"].String(), ["th"] = Json.Hex(hash) };
    });

    [Fact]
    public void Expand_label() => Each("expand-label", (input, test) =>
    {
        var output = KeySchedule.ExpandLabel(input["secret"].Octets(), input["label"].String(), input["context"].Octets(),
            input["length"].Int());
        Assert.Equal(
            output, HKDF.Expand(HashAlgorithmName.SHA256, input["secret"].Octets(), output.Length, test["expect"]!["info"].Octets()));
        return new JsonObject { ["info"] = test["expect"]!["info"].String(), ["output"] = Json.Hex(output) };
    });

    [Fact]
    public void Key_schedule() => Each("key-schedule",
        (input, _) =>
            KeyVectors.Schedule(SuiteRegistry.Find(input["suite"].String())!.Name, input["sharedSecret"].Octets(), input["th"].Octets()));

    [Fact]
    public void Exporter() => Each("exporter", (input, test) =>
    {
        using var keys = new KeySchedule(input["suite"].String(), input["sharedSecret"].Octets(), input["th"].Octets());
        byte[] Export() => keys.Export(input["label"].String(), input["context"].Octets(), input["length"].Int());
        if (test["error"] is not null)
        {
            Assert.Throws<ArgumentException>(Export);
            return null;
        }

        return new JsonObject
        {
            ["exporterSecret"] = Json.Hex(keys.ExporterSecret),
            ["secret"] = Json.Hex(KeySchedule.ExpandLabel(keys.ExporterSecret, input["label"].String(), [], 32)),
            ["contextHash"] = Json.Hex(SHA256.HashData(input["context"].Octets())),
            ["output"] = Json.Hex(Export()),
        };
    });

    [Fact]
    public void Idents() => Each("ident", (input, _) =>
    {
        var (th, data) = (input["th"].Octets(), input["data"].Octets());
        if (input["privateKeys"] is { } seeds)
        {
            var withdrawn = input["withdrawn"].Strings().ToHashSet();
            Assert.Equal(data,
                Ident.Create([.. seeds.Strings().Select(s => new IdentKey(Convert.FromHexString(s), withdrawn.Contains(s)))], th));
        }

        return Ident.Verify(data, th) is { } keys
            ? new JsonObject
            {
                ["signed"] = Json.Hex([.. "BLACKPONY V1 IDENT"u8, .. th]),
                ["signedIfWithdrawn"] = Json.Hex([.. "BLACKPONY V1 WITHDRAWN"u8, .. th]),
                ["publicKeys"] = Json.List(keys.Where(k => !k.IsWithdrawn).Select(k => k.Key)),
                ["withdrawnKeys"] = Json.List(keys.Where(k => k.IsWithdrawn).Select(k => k.Key)),
            }
            : null;
    });

    [Theory]
    [InlineData("records-chacha20poly1305")]
    [InlineData("records-aes256gcm")]
    [InlineData("records-blowfish")]
    public void Record(string subject) => Each(subject, (input, test) =>
    {
        var suite = SuiteRegistry.Find(input["suite"].String())!;
        var (traffic, seq) = (input["trafficSecret"].Octets(), (ulong)input["seq"].Int());
        var record = (input["record"] ?? test["expect"]!["record"]).Octets();
        byte[]? inner = seq == 0 ? Read(suite, traffic, record) : Open(suite, traffic, seq, record);
        if (inner is null || input["data"] is not { } data)
        {
            return inner is null ? null : [];
        }

        byte[] sent = [.. data.Octets(), (byte)input["type"].Int(), .. new byte[input["padding"].Int()]];
        Assert.Equal(sent.AsSpan().TrimEnd((byte)0), inner.AsSpan().TrimEnd((byte)0));
        var expect = test["expect"]!.DeepClone().AsObject();
        expect["record"] = Json.Hex(RecordVectors.Seal(suite, traffic, seq, sent));
        expect["key"] = Json.Hex(KeySchedule.ExpandLabel(traffic, "key", [], 32));
        return expect;
    });

    [Theory]
    [InlineData("finished")]
    [InlineData("streams")]
    [InlineData("rekey")]
    [InlineData("close")]
    public void Stream(string subject) => Each(subject, (input, test) =>
    {
        var result = StreamVectors.Receive(input);
        Assert.Equal(test["result"].String() == "invalid", result["state"].String() == "failed");
        using var keys = new KeySchedule(input["suite"].String(), input["sharedSecret"].Octets(), input["th"].Octets());
        bool client = input["receiver"].String() == "client";
        Assert.Equal(test["expect"]!["verifyData"].Octets(), keys.Finished(client ? Role.Server : Role.Client));
        Assert.Equal(test["expect"]!["traffic"].Strings()[0], Json.Hex(client ? keys.ServerTraffic : keys.ClientTraffic));
        Assert.All(result, r => Assert.Equal(test["expect"]![r.Key]!.ToJsonString(), r.Value!.ToJsonString()));
        if (test["alert"]?.GetValue<bool>() == true)
        {
            Assert.Equal([1, 6], Inners(input, result["sends"].Octets())[^1].AsSpan().TrimEnd((byte)0).ToArray());
        }

        return test["result"].String() == "valid" ? test["expect"]!.DeepClone().AsObject() : null;
    });

    // Checks the function, null for "invalid", against every test of a file.
    private static void Each(string subject, Func<JsonNode, JsonObject, JsonObject?> check)
    {
        foreach (var test in Load(subject)["tests"]!.AsArray().Select(t => t!.AsObject()))
        {
            try
            {
                var found = check(test["input"]!, test);
                if (test["result"].String() == "valid" || test["substitute"] is not null)
                {
                    Assert.True(JsonNode.DeepEquals(test["expect"], found), $"Found {found?.ToJsonString() ?? "invalid"}");
                }
                else
                {
                    Assert.Null(found);
                }
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{subject} {test["tcId"]}, {test["comment"]}: {e.Message}", e);
            }
        }
    }

    private static JsonNode Load(string subject) => JsonNode.Parse(File.ReadAllText(Path.Combine(VectorFile.Folder, subject + ".json")))!;

    private static List<Suite> Suites(List<string> names) => [.. names.Select(n => SuiteRegistry.Find(n)!)];

    private static MailerSession Mailer(List<string> suites, IRandomSource random)
    {
        var key = TestRsaKeys.Open("client");
        var mailer = new MailerSession(new MailerOptions(ExchangeVectors.Holder(key)) { Suites = Suites(suites) }, random);
        mailer.Connected("mx.b.test", 25, false);
        mailer.FromServer("220 mx.b.test\r\n"u8);
        mailer.FromClient("EHLO mail.a.test\r\n"u8);
        mailer.ToServer.ResetWrittenCount();
        return mailer;
    }

    // What the mailer sends to the server upon a reply.
    private static string Say(MailerSession mailer, string reply)
    {
        mailer.ToServer.ResetWrittenCount();
        mailer.FromServer(((JsonNode)reply).Line());
        return Json.Text(mailer.ToServer.WrittenSpan);
    }

    private static byte[]? Read(Suite suite, byte[] traffic, byte[] record)
    {
        using var reader = new RecordReader(suite, traffic);
        ReadOnlySpan<byte> octets = record;
        bool read = reader.Read(ref octets, out var type, out var data);
        Assert.Equal(!read, reader.Failed);
        return read ? [.. data, (byte)type] : null;
    }

    private static byte[]? Open(Suite suite, byte[] traffic, ulong seq, byte[] record)
    {
        using var protection = suite.Protect(traffic);
        byte[] octets = [.. record];
        return protection.Open(seq, octets) ? octets[2..^protection.TagLength] : null;
    }

    // What the receiver's records hold.
    private static List<byte[]> Inners(JsonNode input, byte[] sends)
    {
        var suite = SuiteRegistry.Find(input["suite"].String())!;
        using var keys = new KeySchedule(suite.Name, input["sharedSecret"].Octets(), input["th"].Octets());
        using var reader = new RecordReader(suite, input["receiver"].String() == "client" ? keys.ClientTraffic : keys.ServerTraffic);
        var inners = new List<byte[]>();
        ReadOnlySpan<byte> octets = sends;
        while (reader.Read(ref octets, out var type, out var data))
        {
            inners.Add([.. data, (byte)type]);
        }

        return inners;
    }
}

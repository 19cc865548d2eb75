using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Sections 6.3 to 8.3: what one side makes of the other's records.</summary>
internal static class StreamVectors
{
    private const string Form = " The receiver has just switched to records; it gets stream, in pieces of split octets if given, and ends "
        + "with state, having delivered data and sent the records sends (padded as BP-7.5-1 says). traffic are the sender's traffic "
        + "secrets as far as stream needs them.";
    private static readonly byte[] Th = Json.Count(0x40);

    public static IEnumerable<VectorFile> All => [Finished(), Streams(), Rekeys(), Closes()];

    private static VectorFile Finished()
    {
        var file = new VectorFile("finished", "The first records (Section 6.3)." + Form);
        file.Note("Ordinary", "verify_data of 32 octets in the first record.", "BP-6.3-1", "BP-6.3-4");
        file.Note("Padding", "Finished without padding, or with more than the sender would need.", "BP-7.5-2");
        file.Note("WrongVerifyData", "Another value or another length than the own computation gives.", "BP-6.3-7", "BP-8.3-1");
        file.Note("OtherKeys", "Each direction has its own keys.", "BP-6.2-2", "BP-8.3-1");
        file.Note("WrongFirstRecord", "Neither finished nor alert.", "BP-6.3-6", "BP-7.4-1");
        file.Note("AlertFirst", "A sender that failed before; it gets no answer.", "BP-6.3-1", "BP-8.3-4");
        file.Note("SecondFinished", "A finished record behind the first.", "BP-6.3-8");
        foreach (var suite in SuiteRegistry.Default)
        {
            foreach (var receiver in (string[])["client", "server"])
            {
                Add(file, $"{suite}, at the {receiver}", "Ordinary", new Sender(suite.Name, receiver).Finished(), "open");
            }
        }

        foreach (var receiver in (string[])["client", "server"])
        {
            string at = $", at the {receiver}";
            var right = From(receiver).VerifyData;
            var other = From(receiver == "client" ? "server" : "client");
            Add(file, "Padded to 16385 octets" + at, "Padding", From(receiver).Record(2, right, Limits.MaxInner - 33), "open");
            Wrong("First bit altered", "WrongVerifyData", 2, [(byte)(right[0] ^ 0x80), .. right[1..]]);
            Wrong("Last bit altered", "WrongVerifyData", 2, [.. right[..31], (byte)(right[31] ^ 1)]);
            Wrong("31 octets", "WrongVerifyData", 2, right[..31]);
            Wrong("33 octets", "WrongVerifyData", 2, [.. right, 1]);
            Wrong("No octets", "WrongVerifyData", 2, []);
            Wrong("The receiver's own verify_data, sent back", "WrongVerifyData", 2, other.VerifyData);
            Wrong("The verify_data's key", "WrongVerifyData", 2, Th);
            Wrong("Data", "WrongFirstRecord", 1, "250 ok\r\n"u8.ToArray());
            Wrong("Data without data", "WrongFirstRecord", 1, []);
            Wrong("Ident", "WrongFirstRecord", 3, Ident.Create([new IdentKey(Json.Count(0))], Th));
            Wrong("Rekey", "WrongFirstRecord", 4, []);
            Wrong("Close", "WrongFirstRecord", 5, []);
            Wrong("Type 128", "WrongFirstRecord", 128, []);
            Add(file, "Alert" + at, "AlertFirst", From(receiver).Record(6, [1]), "alerted");
            Fail(file, "A second Finished" + at, "SecondFinished", From(receiver).Finished().Record(2, right));
            Fail(file, "Under the other direction's keys" + at, "OtherKeys",
                From(receiver).Raw(RecordVectors.Seal(SuiteRegistry.Find(Core)!, other.Traffic[0], 0, [.. right, 2])));

            void Wrong(string comment, string flags, byte type, byte[] data) =>
                Fail(file, comment + at, flags, From(receiver).Record(type, data));
        }

        return file;
    }

    private static VectorFile Streams()
    {
        var file = new VectorFile("streams", "Records behind the Finished, of every type (Sections 6.5 and 7)." + Form);
        file.Note("Ordinary", "Data behind the Finished.", "BP-7.1-7", "BP-7.1-8");
        file.Note("Split", "The transport splits and joins records in any way.", "BP-7.1-6");
        file.Note("LinesAndRecords", "Lines are split over records and joined in them.", "BP-7.1-7", "BP-7.4-4");
        file.Note("IgnoredTypes", "Types 128 to 255, with any data.", "BP-7.4-1");
        file.Note("UnassignedTypes", "Types 7 to 127.", "BP-7.4-2");
        file.Note("Idle", "At most MaxIdleRecords records in a row without data, of whatever kind.", "BP-7.4-5");
        file.Note("Ident", "The server's second record, and nothing else.", "BP-6.5-2", "BP-6.5-4", "BP-6.5-6");
        file.Note("NothingOfIt", "Nothing of the record that failed is delivered, and nothing behind it.", "BP-7.1-8",
            "BP-8.3-3", "BP-8.3-5");
        foreach (var suite in SuiteRegistry.Default)
        {
            Add(file, $"{suite}, EHLO at the server", "Ordinary", new Sender(suite.Name, "server").Finished().Data("EHLO mail.a.test\r\n"),
                "open", "EHLO mail.a.test\r\n");
            Add(file, $"{suite}, a reply at the client", "Ordinary", new Sender(suite.Name, "client").Finished().Data("250 mx.b.test\r\n"),
                "open", "250 mx.b.test\r\n");
        }

        foreach (int split in (int[])[1, 2, 3, 17, 50, 51])
        {
            Add(file, $"In pieces of {split}", "Split", From("server").Finished().Data("EHLO a\r\n").Data("QUIT\r\n").Record(5, []),
                "closed", "EHLO a\r\nQUIT\r\n", split: split);
        }

        Add(file, "A record cut before its last octet waits for it", "Split",
            From("server").Finished().Data("NOOP\r\n").Data("QUIT\r\n").Cut(1), "open", "NOOP\r\n");
        Add(file, "A line in three records", "LinesAndRecords", From("server").Finished().Data("EH").Data("LO a\r").Data("\n"),
            "open", "EHLO a\r\n");
        Add(file, "Three lines in a record", "LinesAndRecords", From("server").Finished().Data("MAIL FROM:<>\r\nRCPT TO:<b@b>\r\nDATA\r\n"),
            "open", "MAIL FROM:<>\r\nRCPT TO:<b@b>\r\nDATA\r\n");
        Add(file, "A data record without data", "LinesAndRecords", From("server").Finished().Data("").Data("NOOP\r\n"), "open", "NOOP\r\n");
        Add(file, "Zeros, LF and octets above 127 as data", "LinesAndRecords", From("server").Finished().Data("\0\n\u00ff\0"), "open",
            "\0\n\u00ff\0");
        foreach (byte type in (byte[])[128, 200, 255])
        {
            Add(file, $"Type {type}", "IgnoredTypes", From("server").Finished().Record(type, "what"u8.ToArray()).Data("NOOP\r\n"),
                "open", "NOOP\r\n");
        }

        Add(file, "Type 128 of 16384 octets, at the client", "IgnoredTypes",
            From("client").Finished().Record(128, new byte[Limits.MaxData]).Data("250 ok\r\n"), "open", "250 ok\r\n");
        foreach (byte type in (byte[])[7, 8, 64, 127])
        {
            Fail(file, $"Type {type}", "UnassignedTypes", From("server").Finished().Record(type, []));
        }

        Fail(file, "Type 7 with data, at the client", "UnassignedTypes", From("client").Finished().Record(7, "data"u8.ToArray()));
        Add(file, "64 records without data", "Idle", Repeat(From("server").Finished(), 64, 1).Data("NOOP\r\n"), "open", "NOOP\r\n");
        Add(file, "64 ignored records, data, and 64 again", "Idle IgnoredTypes",
            Repeat(Repeat(From("server").Finished(), 64, 128).Data("NOOP\r\n"), 64, 128), "open", "NOOP\r\n");
        Fail(file, "65 records without data", "Idle", Repeat(From("server").Finished(), 65, 1));
        Fail(file, "65 ignored records", "Idle", Repeat(From("server").Finished(), 65, 255));
        Fail(file, "64 ignored records and a rekey", "Idle", Repeat(From("server").Finished(), 64, 128).Rekey());
        Fail(file, "32 ignored records, a rekey, and 32 without data", "Idle",
            Repeat(Repeat(From("server").Finished(), 32, 128).Rekey(), 32, 1));
        var ident = Ident.Create([new IdentKey(Json.Count(0))], Th);
        Add(file, "Ident, then a reply", "Ident", From("client").Finished().Record(3, ident).Data("250 ok\r\n"), "open", "250 ok\r\n",
            ident: Json.Count(0));
        Fail(file, "Ident as the third record", "Ident", From("client").Finished().Data("250 ok\r\n").Record(3, ident), "250 ok\r\n");
        Fail(file, "Ident behind an ignored record", "Ident", From("client").Finished().Record(128, []).Record(3, ident));
        Fail(file, "Ident behind a rekey", "Ident", From("client").Finished().Rekey().Record(3, ident));
        Fail(file, "Ident twice", "Ident", From("client").Finished().Record(3, ident).Record(3, ident), ident: Json.Count(0));
        Fail(file, "Ident from a client", "Ident", From("server").Finished().Record(3, ident));
        Fail(file, "Ident with a bad signature", "Ident", From("client").Finished().Record(3, [.. ident[..95], (byte)(ident[95] ^ 1)]));
        Fail(file, "Ident without data", "Ident", From("client").Finished().Record(3, []));
        Fail(file, "A bad tag behind data", "NothingOfIt",
            From("server").Finished().Data("NOOP\r\n").Data("QUIT\r\n").AlterLast(), "NOOP\r\n");
        Fail(file, "A good record behind a bad one", "NothingOfIt",
            From("server").Finished().Data("NOOP\r\n").AlterLast().Data("QUIT\r\n"));
        Fail(file, "A record twice", "NothingOfIt", From("server").Finished().Data("NOOP\r\n").Again(), "NOOP\r\n");
        Fail(file, "A record left out", "NothingOfIt", From("server").Finished().Skip().Data("NOOP\r\n"));
        Fail(file, "Plaintext behind the Finished", "NothingOfIt", From("server").Finished().Raw("MAIL FROM:<>\r\n"u8.ToArray()));
        Add(file, "A reply in plaintext in the place of the Finished, which is the beginning of a record of 12853 octets", "NothingOfIt",
            From("client").Raw("250 ok, go on in the clear\r\n"u8.ToArray()), "open");
        return file;
    }

    private static VectorFile Rekeys()
    {
        var file = new VectorFile("rekey", "Rekey records (Section 7.6)." + Form);
        file.Note("Ordinary", "The record behind the rekey is the first one under the next traffic secret.", "BP-7.6-4", "BP-6.2-3");
        file.Note("NoAnswer", "A rekey is not answered by one.", "BP-7.6-5");
        file.Note("OldKey", "A record behind the rekey under the old secret, or with the old seq.", "BP-6.2-3", "BP-8.3-1");
        file.Note("RekeyWithData", "A rekey carries nothing.", "BP-7.4-3");
        foreach (var suite in SuiteRegistry.Default)
        {
            Add(file, $"{suite}, at the server", "Ordinary NoAnswer",
                new Sender(suite.Name, "server").Finished().Data("NOOP\r\n").Rekey().Data("QUIT\r\n"), "open", "NOOP\r\nQUIT\r\n");
        }

        Add(file, "At the client", "Ordinary NoAnswer", From("client").Finished().Data("250 1\r\n").Rekey().Data("250 2\r\n"), "open",
            "250 1\r\n250 2\r\n");
        Add(file, "Directly behind the Finished", "Ordinary", From("server").Finished().Rekey().Data("NOOP\r\n"), "open", "NOOP\r\n");
        Add(file, "Three in a row", "Ordinary", From("server").Finished().Rekey().Rekey().Rekey().Data("NOOP\r\n"), "open", "NOOP\r\n");
        Add(file, "A rekey with padding", "Ordinary", From("server").Finished().Record(4, [], 255).NextTraffic().Data("NOOP\r\n"),
            "open", "NOOP\r\n");
        Add(file, "Close behind the rekey", "Ordinary", From("server").Finished().Rekey().Record(5, []), "closed");
        Add(file, "A line over the rekey, octet by octet", "Ordinary", From("server").Finished().Data("NO").Rekey().Data("OP\r\n"), "open",
            "NOOP\r\n", split: 1);
        foreach (var suite in (string[])[Core, "RSA-BLOWFISH"])
        {
            Fail(file, $"{suite}, the old secret goes on", "OldKey", new Sender(suite, "server").Finished().Record(4, []).Data("NOOP\r\n"));
            Fail(file, $"{suite}, the new secret with the old seq", "OldKey",
                new Sender(suite, "server").Finished().Record(4, []).NextTraffic(keepSeq: true).Data("NOOP\r\n"));
            Fail(file, $"{suite}, the new secret without a rekey record", "OldKey",
                new Sender(suite, "server").Finished().NextTraffic().Data("NOOP\r\n"));
            Fail(file, $"{suite}, one secret too far", "OldKey",
                new Sender(suite, "server").Finished().Rekey().NextTraffic().Data("NOOP\r\n"));
            Fail(file, $"{suite}, a rekey with data", "RekeyWithData", new Sender(suite, "server").Finished().Record(4, [1]));
        }

        Fail(file, "A rekey with a zero as data, at the client", "RekeyWithData", From("client").Finished().Record(4, [0]));
        return file;
    }

    private static VectorFile Closes()
    {
        var file = new VectorFile("close",
            "Close, alert and the end of the connection (Section 8)." + Form
                + " With afterClose the receiver sends its own close behind stream and then gets afterClose. With ended the connection "
                + "ends at last.");
        file.Note("Close", "A close is answered with the own one.", "BP-8.1-3");
        file.Note("NothingFollows", "What follows a close is not looked at.", "BP-8.1-4");
        file.Note("CloseWithData", "A close carries nothing.", "BP-7.4-3");
        file.Note("OwnClose", "After its own close a side reads on, and a failure ends the connection without an alert.",
            "BP-8.1-2", "BP-8.1-3", "BP-8.3-1");
        file.Note("Alert", "An alert is not answered, whatever its data.", "BP-8.3-4", "BP-8.3-2");
        file.Note("TheOneAlert", "A failure's alert has the one octet 1.", "BP-8.3-1", "BP-8.3-2");
        file.Note("Truncated", "The connection ends before the peer's close.", "BP-8.2-1");
        foreach (var suite in SuiteRegistry.Default)
        {
            Add(file, $"{suite}, at the client", "Close", new Sender(suite.Name, "client").Finished().Data("221 bye\r\n").Record(5, []),
                "closed", "221 bye\r\n");
        }

        Add(file, "At the server", "Close", From("server").Finished().Data("QUIT\r\n").Record(5, []), "closed", "QUIT\r\n");
        Add(file, "With padding", "Close", From("server").Finished().Record(5, [], 1000), "closed");
        Add(file, "Directly behind the Finished", "Close", From("client").Finished().Record(5, []), "closed");
        Add(file, "Data behind the close", "NothingFollows", From("server").Finished().Record(5, []).Data("NOOP\r\n"), "closed");
        Add(file, "Garbage behind the close", "NothingFollows", From("server").Finished().Record(5, []).Raw([0, 0, 0xff]), "closed");
        Add(file, "An alert behind the close", "NothingFollows", From("server").Finished().Record(5, []).Record(6, [1]), "closed");
        Fail(file, "A close with data", "CloseWithData", From("server").Finished().Record(5, [1]));
        Fail(file, "A close with a zero as data, at the client", "CloseWithData", From("client").Finished().Record(5, [0]));
        Add(file, "The peer's close behind the own", "OwnClose", From("server").Finished().Mark().Record(5, []), "closed");
        Add(file, "A rekey and a close behind the own close", "OwnClose", From("server").Finished().Mark().Rekey().Record(5, []), "closed");
        Add(file, "An alert behind the own close", "OwnClose Alert", From("server").Finished().Mark().Record(6, [1]), "alerted");
        Add(file, "Nothing behind the own close yet", "OwnClose", From("server").Finished().Mark(), "closing");
        Silent("A bad tag behind the own close", From("server").Finished().Mark().Data("NOOP\r\n").AlterLast());
        Silent("Type 7 behind the own close", From("client").Finished().Mark().Record(7, []));
        Silent("A length out of bounds behind the own close", From("server").Finished().Mark().Raw([0xff, 0xff]));
        Add(file, "An alert", "Alert", From("server").Finished().Record(6, [1]), "alerted");
        Add(file, "An alert, at the client", "Alert", From("client").Finished().Data("250 ok\r\n").Record(6, [1]), "alerted", "250 ok\r\n");
        Add(file, "An alert with another octet", "Alert", From("server").Finished().Record(6, [2]), "alerted");
        Add(file, "An alert without data", "Alert", From("server").Finished().Record(6, []), "alerted");
        Add(file, "An alert with much data", "Alert", From("server").Finished().Record(6, Json.Count(0, 100)), "alerted");
        Add(file, "Data behind an alert", "Alert", From("server").Finished().Record(6, [1]).Data("NOOP\r\n"), "alerted");
        foreach (var suite in SuiteRegistry.Default)
        {
            Fail(file, $"{suite}, a bad tag", "TheOneAlert", new Sender(suite.Name, "server").Finished().Data("NOOP\r\n").AlterLast());
        }

        Fail(file, "A length of zero", "TheOneAlert", From("client").Finished().Raw([0, 0]));
        Add(file, "The connection ends behind the Finished", "Truncated", From("server").Finished(), "truncated", ended: true);
        Add(file, "The connection ends in a record", "Truncated", From("server").Finished().Data("NOOP\r\n").Data("QUIT\r\n").Cut(5),
            "truncated", "NOOP\r\n", ended: true);
        Add(file, "The connection ends before the Finished", "Truncated", From("client"), "truncated", ended: true);
        Add(file, "The connection ends behind the own close alone", "Truncated OwnClose", From("server").Finished().Mark(),
            "truncated", ended: true);
        Add(file, "The connection ends behind the peer's close", "Close", From("server").Finished().Record(5, []), "closed", ended: true);
        return file;

        void Silent(string comment, Sender sender) => Put(file, comment, "OwnClose", sender, "failed", "", Reaction.Alert(false));
    }

    private static Sender From(string receiver) => new(Core, receiver);

    private static Sender Repeat(Sender sender, int times, byte type)
    {
        for (int i = 0; i < times; i++)
        {
            sender.Record(type, []);
        }

        return sender;
    }

    private static void Add(VectorFile file, string comment, string flags, Sender sender, string state, string data = "", int? split = null,
        bool ended = false, byte[]? ident = null) =>
        Put(file, comment, flags, sender, state, data, null, split, ended, ident);

    private static void Fail(VectorFile file, string comment, string flags, Sender sender, string data = "", byte[]? ident = null) =>
        Put(file, comment, flags, sender, "failed", data, Reaction.Alert(), ident: ident);

    private static void Put(VectorFile file, string comment, string flags, Sender sender, string state, string data, JsonObject? reaction,
        int? split = null, bool ended = false, byte[]? ident = null)
    {
        var input = sender.Input();
        if (split is not null)
        {
            input["split"] = split;
        }

        if (ended)
        {
            input["ended"] = true;
        }

        var expect = new JsonObject
        {
            ["verifyData"] = Json.Hex(sender.VerifyData),
            ["traffic"] = Json.List(sender.Traffic.Select(t => Json.Hex(t))),
            ["state"] = state,
            ["data"] = Json.Hex(Encoding.Latin1.GetBytes(data)),
            ["publicKeys"] = Json.List(ident is null ? [] : [Json.Hex(new IdentKey(ident).PublicKey)]),
            ["sends"] = Receive(input)["sends"]!.DeepClone(),
        };
        if (reaction is null)
        {
            file.Valid(comment, flags, input, expect);
        }
        else
        {
            file.Invalid(comment, flags, input, reaction, expect);
        }
    }

    /// <summary>Plays the receiver.</summary>
    public static JsonObject Receive(JsonNode input)
    {
        var role = input["receiver"].String() == "client" ? Role.Client : Role.Server;
        using var channel = new SecureChannel(role, SuiteRegistry.Find(input["suite"].String())!, input["sharedSecret"].Octets(),
            input["th"].Octets());
        var (data, output) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        channel.Start(output);
        var stream = input["stream"].Octets();
        foreach (var piece in stream.Chunk(input["split"]?.GetValue<int>() ?? Math.Max(stream.Length, 1)))
        {
            channel.Receive(piece, data, output);
        }

        if (input["afterClose"] is { } after)
        {
            channel.Close(output);
            channel.Receive(after.Octets(), data, output);
        }

        if (input["ended"] is not null)
        {
            channel.ConnectionEnded();
        }

        return new JsonObject
        {
            ["state"] = channel.State.ToString().ToLowerInvariant(),
            ["data"] = Json.Hex(data.WrittenSpan),
            ["publicKeys"] = Json.List(channel.PeerIdents.Select(k => k.Key)),
            ["sends"] = Json.Hex(output.WrittenSpan),
        };
    }

    /// <summary>Makes records as nobody should, and as everybody does.</summary>
    private sealed class Sender
    {
        private readonly Suite _suite;
        private readonly string _receiver;
        private readonly byte[] _secret;
        private readonly List<byte> _stream = [];
        private int? _mark;
        private ulong _seq;
        private byte[] _last = [];

        public Sender(string suite, string receiver)
        {
            (_suite, _receiver) = (SuiteRegistry.Find(suite)!, receiver);
            _secret = Json.Count(0, suite == Core ? 32 : 64);
            using var keys = new KeySchedule(suite, _secret, Th);
            VerifyData = keys.Finished(receiver == "client" ? Role.Server : Role.Client);
            Traffic.Add([.. receiver == "client" ? keys.ServerTraffic : keys.ClientTraffic]);
        }

        public byte[] VerifyData { get; }

        public List<byte[]> Traffic { get; } = [];

        public Sender Finished() => Record(2, VerifyData);

        public Sender Data(string text) => Record(1, Encoding.Latin1.GetBytes(text));

        public Sender Record(byte type, byte[] data, int padding = 0)
        {
            _last = RecordVectors.Seal(_suite, Traffic[^1], _seq++, [.. data, type, .. new byte[padding]]);
            return Raw(_last);
        }

        public Sender Rekey() => Record(4, []).NextTraffic();

        public Sender NextTraffic(bool keepSeq = false)
        {
            Traffic.Add(KeySchedule.ExpandLabel(Traffic[^1], "upd", [], 32));
            _seq = keepSeq ? _seq : 0;
            return this;
        }

        public Sender Raw(byte[] octets)
        {
            _stream.AddRange(octets);
            return this;
        }

        public Sender Again() => Raw(_last);

        public Sender Skip()
        {
            _seq++;
            return this;
        }

        public Sender Cut(int octets)
        {
            _stream.RemoveRange(_stream.Count - octets, octets);
            return this;
        }

        public Sender AlterLast()
        {
            _stream[^1] ^= 1;
            return this;
        }

        public Sender Mark()
        {
            _mark = _stream.Count;
            return this;
        }

        public JsonObject Input()
        {
            var stream = _stream.ToArray();
            var input = new JsonObject
            {
                ["suite"] = _suite.Name,
                ["receiver"] = _receiver,
                ["sharedSecret"] = Json.Hex(_secret),
                ["th"] = Json.Hex(Th),
                ["stream"] = Json.Hex(stream.AsSpan(0, _mark ?? stream.Length)),
            };
            if (_mark is { } mark)
            {
                input["afterClose"] = Json.Hex(stream.AsSpan(mark));
            }

            return input;
        }
    }
}

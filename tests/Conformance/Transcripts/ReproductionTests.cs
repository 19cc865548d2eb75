using System.Security.Cryptography;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>
/// A port that has nothing but a transcript's file comes to the same octets: its parameters decide every share, every key and every record.
/// </summary>
public class ReproductionTests
{
    // Those whose client is wrong on purpose say so by a name.
    private static readonly string[] WrongFinished = ["failure-client-finished", "failure-data-first"];

    public static TheoryData<string> Upgraded =>
        [.. TranscriptFile.Names.Where(
            n => TranscriptFile.Read(n) is { Tampered: false } t && t.Items.Any(i => i.Kind == '>') && n != "failure-oaep")];

    [Theory]
    [MemberData(nameof(Upgraded))]
    public void Every_share_key_and_record_follows_from_the_parameters(string name)
    {
        var file = TranscriptFile.Read(name);
        var lines = file.Items.TakeWhile(i => i.Kind == ':').ToList();
        int at = lines.FindIndex(i => i.Text.StartsWith("XBLACKPONY ", StringComparison.Ordinal));
        var offer = lines[at - 1].Text[4..];
        var suite = SuiteRegistry.Find(lines[at].Text.Split(' ')[2])!;
        var (clientRandom, serverRandom) = (new GivenStream(file.Octets("client-random")), new GivenStream(file.Octets("server-random")));
        Span<byte> grease = stackalloc byte[2];
        serverRandom.Fill(grease);
        Assert.EndsWith(" G-" + Convert.ToHexString(grease), offer, StringComparison.Ordinal);

        using var client = suite.StartClient(clientRandom, Rsa(file, Role.Client));
        using var server = suite.StartServer(serverRandom, Rsa(file, Role.Server));
        var th = new TranscriptHash();
        th.Add(Encoding.ASCII.GetBytes(offer));
        var expected = new Queue<string>(lines.Skip(at).Select(i => i.Text));
        Next($"XBLACKPONY V1 {suite.Name} {Base64Share.Encode(client.Share)}");
        var share = server.Begin(client.Share)!;
        if (suite.NeedsContinuation)
        {
            Reply(334, share);
            var half = client.Continue(share)!;
            Next(Base64Share.Encode(half));
            share = server.Continue(half)!;
        }

        Reply(220, share);
        Assert.Empty(expected);
        using var keys = new KeySchedule(suite.Name, client.Finish(share)!, th.Finish());
        Records(file, suite, keys);
        Assert.Equal((file.Octets("client-random").Length, file.Octets("server-random").Length), (clientRandom.Used, serverRandom.Used));

        void Reply(int code, byte[] octets) =>
            KeyReply.Create(code, Base64Share.Encode(octets)).Select(l => Encoding.ASCII.GetString(l)).ToList().ForEach(Next);

        void Next(string line)
        {
            Assert.Equal(line, expected.Dequeue());
            th.Add(Encoding.ASCII.GetBytes(line));
        }
    }

    private static void Records(TranscriptFile file, Suite suite, KeySchedule keys)
    {
        var directions = new Dictionary<Role, Direction>
        {
            [Role.Client] = new(suite, keys.ClientTraffic),
            [Role.Server] = new(suite, keys.ServerTraffic),
        };
        var first = new HashSet<Role>();
        foreach (var (record, held) in file.Items.Zip(file.Items.Skip(1)).Where(p => p.First.Kind == '>'))
        {
            Assert.Equal('}', held.Kind);
            var direction = directions[record.Sender];
            var (type, text) = held.Text.Split(' ', 2) is [var name, var rest] ? (name, rest) : (held.Text, "");
            var data = type == "data" ? (held with { Text = text }).Unescaped : Convert.FromHexString(text);
            var raw = Convert.FromHexString(record.Text);
            var inner = new byte[raw.Length - 2 - direction.Protection.TagLength];
            data.CopyTo(inner, 0);
            inner[data.Length] = Enum.TryParse<RecordType>(type, true, out var known)
                ? (byte)known
                : byte.Parse(type, System.Globalization.CultureInfo.InvariantCulture);
            Assert.Equal(record.Text, Convert.ToHexStringLower(direction.Seal(inner)));
            if (first.Add(record.Sender) && !(record.Sender == Role.Client && WrongFinished.Contains(file.Name)) && type != "alert")
            {
                Assert.Equal("finished", type);
                Assert.Equal(keys.Finished(record.Sender), data);
            }

            if (type == "ident")
            {
                Assert.Equal(Ident.Create([new IdentKey(file.Octets("ident"))], keys.TranscriptHash), data);
            }

            if (type == "rekey")
            {
                direction.Rekey();
            }
        }
    }

    private static RsaKeys Rsa(TranscriptFile file, Role role) => new(TimeProvider.System, () =>
    {
        var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(Convert.FromBase64String(file.Parameters[role.ToString().ToLowerInvariant() + "-rsa"]), out _);
        return rsa;
    });
}

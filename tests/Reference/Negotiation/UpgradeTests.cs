using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Reference.Negotiation;

/// <summary>Client and server of the negotiation step by step, and what is left of a step that came to nothing.</summary>
public class UpgradeTests
{
    private static readonly Suite X25519 = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!;
    private static readonly Suite Aes = SuiteRegistry.Find("X25519MLKEM768-AES256GCM")!;
    private static readonly Suite Rsa = SuiteRegistry.Find("RSA-BLOWFISH")!;
    private static readonly Suite Rot = SuiteRegistry.Find("ROT")!;

    [Theory]
    [InlineData(199, false)]
    [InlineData(200, true)]
    [InlineData(299, true)]
    [InlineData(300, false)]
    public void A_reply_is_positive_if_its_code_is_2yz(int code, bool isPositive) =>
        Assert.Equal(isPositive, new Reply(code, [Octets($"{code} x")]).IsPositive);

    [Theory]
    [InlineData("XBLACKPONY V1 X25519-CHACHA20POLY1305", true)]
    [InlineData("xblackpony X25519-CHACHA20POLY1305 v1", true)]
    [InlineData("YBLACKPONY V1 X25519-CHACHA20POLY1305", false)]
    [InlineData("XBLACKPONYV1 V1 X25519-CHACHA20POLY1305", false)]
    [InlineData("XBLACKPONY V1 UNKNOWN", false)]
    [InlineData("XBLACKPONY V1", false)]
    [InlineData("XBLACKPONY", false)]
    [InlineData("XBLACKPONY V2 X25519-CHACHA20POLY1305", false)]
    public void An_offer_has_the_keyword_the_version_and_a_known_suite(string line, bool isOffer) // [BP-4.1-13]
    {
        Assert.Equal(isOffer, Offer.Parse(Octets(line)) is not null);

        // The first line with the keyword decides, whatever stands after it.
        bool isKeyword = line.Split(' ')[0].Equals("XBLACKPONY", StringComparison.OrdinalIgnoreCase);
        var reply = new Reply(250, [Octets("250-b.test"), Octets("250-" + line), Octets("250 XBLACKPONY V1 X25519MLKEM768-AES256GCM")]);
        Assert.Equal(isOffer ? X25519 : isKeyword ? null : Aes, Offer.Find(reply)?.Suites[0]); // [BP-4.1-16]
    }

    [Fact]
    public void A_server_that_has_offered_nothing_takes_no_command() // [BP-4.4-6]
    {
        using var server = Server(new Draws(1));
        Assert.StartsWith("503 ", Said(Examine(server, "XBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA")), StringComparison.Ordinal);
        Assert.False(server.NewOffer().IsEmpty);

        // Its randomness has come to an end: what it offered before counts no more ([BP-4.1-15], [BP-5.1-14]).
        Assert.True(server.NewOffer().IsEmpty);
        Assert.StartsWith("503 ", Said(Examine(server, "XBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("25", 25)]
    [InlineData("0", 0)]
    [InlineData("26", 0)]
    [InlineData("01", 0)]
    [InlineData("x", 0)]
    public void ROT_has_a_shift_of_1_to_25(string share, int shift) // [BP-5.5-11]
    {
        using var server = Server();
        server.NewOffer();
        Assert.Equal(ServerStepKind.Accepted, Examine(server, $"XBLACKPONY V1 ROT {share}").Kind);
        var step = server.Exchange();
        Assert.Equal((shift == 0 ? ServerStepKind.Refused : ServerStepKind.Agreed, shift), (step.Kind, server.Shift));
        Assert.StartsWith(shift == 0 ? "501 5.5.4 " : $"220 ROT{shift} ", Said(step), StringComparison.Ordinal);
        server.Reset();
        Assert.Equal((null, 0), (server.Suite, server.Shift));
    }

    [Theory]
    [InlineData("unavailable", "454 4.7.0 Encryption not available now")]
    [InlineData("share", "501 5.5.4 Invalid share")]
    [InlineData("cancel", "501 5.7.0 Cancelled")]
    [InlineData("next", "501 5.5.4 Syntax")]
    public void A_command_that_came_to_nothing_leaves_no_suite_behind(string how, string reply) // [BP-4.4-2]
    {
        using var server = Server();
        server.NewOffer();
        using var client = Rsa.StartClient(new SeededRandom("tests", "client"), TestRsaKeys.Client);
        var share = how == "share" ? "AAAA" : Base64Share.Encode(client.Share);
        Assert.Equal(ServerStepKind.Accepted, Examine(server, $"XBLACKPONY V1 RSA-BLOWFISH {share}").Kind);
        Assert.Same(Rsa, server.Suite);
        var step = how switch
        {
            "unavailable" => server.Unavailable(),
            "share" => server.Exchange(),
            "cancel" => server.Exchange() is { Kind: ServerStepKind.Continue } ? server.Continue("*"u8) : null!,
            _ => Examine(server, "XBLACKPONY"),
        };
        Assert.Equal((ServerStepKind.Refused, null), (step.Kind, server.Suite));
        Assert.StartsWith(reply, Said(step), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X25519-CHACHA20POLY1305", true)]
    [InlineData("RSA-BLOWFISH", true)]
    [InlineData("X25519-CHACHA20POLY1305", false)]
    public void What_was_refused_with_504_since_the_offer_is_in_both_transcripts(string name, bool tells) // [BP-6.1-6]
    {
        using var server = Server();
        server.NewOffer();
        Examine(server, "XBLACKPONY V1 BEFORE AAAA");
        var offer = Offer.Parse(server.NewOffer().Span)!;
        using var first = Client(offer, Aes);
        Assert.Empty(first.Refused);
        var refusal = Examine(server, "XBLACKPONY V1 GONE AAAA");
        Assert.Equal(ServerStepKind.Refused, refusal.Kind);
        Assert.Equal(ClientStepKind.Refused, first.OnReply(Reply("454 4.7.0 later")).Kind);
        Assert.Empty(first.Refused);
        first.OnReply(Reply(Said(refusal).TrimEnd()));
        Assert.Equal([Encoding.ASCII.GetString(first.Command).TrimEnd(), "504 5.5.4 Unknown suite"],
            first.Refused.Select(Encoding.ASCII.GetString));
        byte[][] refused = [Octets("XBLACKPONY V1 GONE AAAA"), .. first.Refused.Skip(1)];
        using var second = Client(offer, SuiteRegistry.Find(name)!, tells ? refused : null);
        Assert.Equal(tells ? refused : [], second.Refused);
        Assert.Equal(ServerStepKind.Accepted, Examine(server, Encoding.ASCII.GetString(second.Command).TrimEnd()).Kind);
        var answer = server.Exchange();
        var step = second.OnReply(Reply(Said(answer).TrimEnd()));
        if (step.Kind == ClientStepKind.Send)
        {
            Assert.True(second.HasContinued);
            answer = server.Continue(step.Octets.AsSpan(0, step.Octets!.Length - 2));
            step = second.OnReply(Reply(Said(answer).TrimEnd()));
        }

        Assert.Equal(tells, answer.Channel!.TranscriptHash.Span.SequenceEqual(step.Channel!.TranscriptHash.Span));
        answer.Channel.Dispose();
        step.Channel.Dispose();
    }

    [Fact]
    public void A_server_takes_so_many_commands_and_no_more() // [BP-4.4-7]
    {
        using var server = Server();
        server.NewOffer();
        for (int i = 0; i < Limits.MaxUpgradeAttempts; i++)
        {
            Assert.Equal(ServerStepKind.Accepted, Examine(server, "XBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA").Kind);
        }

        Assert.StartsWith("454 4.7.0 Too many", Said(Examine(server, "XBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_client_that_cannot_continue_cancels_and_does_not_go_on() // [BP-4.4-8], [BP-4.2-11]
    {
        using var server = Server();
        var offer = Offer.Parse(server.NewOffer().Span)!;
        using var client = Client(offer, Rsa);
        Assert.False(client.HasContinued);
        var step = client.OnReply(Reply("334 K=AAAA"));
        Assert.Equal((ClientStepKind.Send, "*\r\n", true), (step.Kind, Encoding.ASCII.GetString(step.Octets!), client.HasContinued));
        Assert.Equal(ClientStepKind.Broken, client.OnReply(Reply("220 K=AAAA")).Kind);
    }

    [Fact]
    public void Only_ROT_has_a_shift() // [BP-5.5-11]
    {
        using var server = Server();
        var offer = Offer.Parse(server.NewOffer().Span)!;
        using var x = Client(offer, X25519);
        using var rot = Client(offer, Rot);
        Assert.Equal((0, 13), (x.Shift, rot.Shift));
        Assert.Equal("XBLACKPONY V1 ROT 13\r\n", Encoding.ASCII.GetString(rot.Command));
        Assert.Equal(ClientStepKind.Broken, x.OnReply(Reply("220 no share")).Kind);
        Assert.Equal(ClientStepKind.Broken, rot.OnReply(Reply("220 K=AAAA")).Kind);
    }

    private static ServerUpgrade Server(IRandomSource? random = null) =>
        new(new ServerOptions(TestRsaKeys.Server) { Suites = SuiteRegistry.All }, random ?? new SeededRandom("tests", "server"));

    private static ClientUpgrade Client(Offer offer, Suite suite, IReadOnlyList<byte[]>? refused = null) =>
        new(offer, suite, 13, new SeededRandom("tests", "client"), TestRsaKeys.Client, null, refused);

    private static ServerStep Examine(ServerUpgrade server, string line) =>
        server.Examine(Octets(line), inside: false, afterEhlo: true, inTransaction: false);

    private static string Said(ServerStep step) => Encoding.ASCII.GetString(step.Reply);

    private static Reply Reply(string text) =>
        new(int.Parse(text[..3], System.Globalization.CultureInfo.InvariantCulture), [.. text.Split("\r\n").Select(Octets)]);

    private static byte[] Octets(string text) => Encoding.ASCII.GetBytes(text);

    // So many draws, and then no randomness any more.
    private sealed class Draws(int count) : IRandomSource
    {
        private int _left = count;

        public void Fill(Span<byte> destination)
        {
            if (_left-- == 0)
            {
                throw new RandomnessUnavailableException();
            }

            destination.Fill(7);
        }
    }
}

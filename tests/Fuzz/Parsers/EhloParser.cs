using System.Text;
using BlackPony.Fuzz.Sessions;
using BlackPony.Reference.Negotiation;
using BlackPony.Smtp.Inbound;

namespace BlackPony.Fuzz.Parsers;

/// <summary>The EHLO reply as a relay passes it on ([BP-10.2-8]).</summary>
internal static class EhloParser
{
    private static readonly string[] Hidden = ["XBLACKPONY", "XCLIENT", "XFORWARD"];

    public static void Run(ReadOnlySpan<byte> input)
    {
        if (new ReplyReader().Read(input, out int length) is not { IsPositive: true } reply || reply.Code == 221)
        {
            return;
        }

        var once = PassedOn(input[..length]);
        var twice = PassedOn(once);
        Invariant.Same(once, twice, "what a relay passes on, a relay passes on as it is");
        var passed = new ReplyReader().Read(once, out int used);
        Invariant.That(passed is not null && used == once.Length, "what a relay passes on is one reply");
        var keywords = Enumerable.Range(1, passed!.Lines.Count - 1).Select(i => Keyword(passed.Text(i))).ToList();
        Invariant.That(keywords.Count(k => k == Offer.Keyword) == 1 && keywords[^1] == Offer.Keyword, "there is one offer [BP-4.1-2]");
        Invariant.That(!keywords.SkipLast(1).Any(Hidden.Contains), "what the backend alone may use is not shown [BP-10.1-5]");
        var kept = Enumerable.Range(1, reply.Lines.Count - 1).Select(i => Keyword(reply.Text(i))).Where(k => !Hidden.Contains(k));
        Invariant.That(keywords.SkipLast(1).SequenceEqual(kept), "all else is passed on");
    }

    private static byte[] PassedOn(ReadOnlySpan<byte> reply)
    {
        using var relay = new InboundSession(InboundSettings.Real with { Grease = false }, new LimitedRandom(), "fuzz");
        relay.BackendReady("220 b\r\n"u8);
        relay.FromClient("EHLO a\r\n"u8);
        relay.ToClient.ResetWrittenCount();
        relay.FromServer(reply);
        return relay.ToClient.WrittenSpan.ToArray();
    }

    private static string Keyword(ReadOnlySpan<byte> line) => Encoding.Latin1.GetString(line).Split(' ')[0].ToUpperInvariant();
}

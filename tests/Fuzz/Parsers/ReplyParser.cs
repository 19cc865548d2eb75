using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Fuzz.Parsers;

/// <summary>Replies ([BP-4.3-11]) and the shares in them (spec 4.3).</summary>
internal static class ReplyParser
{
    public static void Run(ReadOnlySpan<byte> input)
    {
        var whole = ReadAll([input.ToArray()], out bool malformed, out int rest);
        var pieces = ReadAll(Cut.Anywhere(input.ToArray()), out bool alsoMalformed, out _);
        Invariant.That(malformed == alsoMalformed && whole.Count == pieces.Count, "replies come out whatever the cut");
        var octets = whole.SelectMany(r => r.ToOctets()).ToArray();
        Invariant.That(input.StartsWith(octets), "replies print as they came");
        Invariant.That(malformed || rest <= Limits.MaxEhloLine, "no more than a line waits");
        for (int i = 0; i < whole.Count; i++)
        {
            Invariant.Same(whole[i].ToOctets(), pieces[i].ToOctets(), "a reply is the same whatever the cut");
            Check(whole[i]);
        }
    }

    private static List<Reply> ReadAll(IEnumerable<byte[]> pieces, out bool malformed, out int rest)
    {
        var reader = new ReplyReader();
        var replies = new List<Reply>();
        byte[] waiting = [];
        foreach (var piece in pieces)
        {
            waiting = [.. waiting, .. piece];
            while (true)
            {
                var reply = reader.Read(waiting, out int consumed);
                waiting = waiting[consumed..];
                if (reply is null)
                {
                    break;
                }

                replies.Add(reply);
            }
        }

        malformed = reader.IsMalformed;
        rest = waiting.Length;
        return replies;
    }

    private static void Check(Reply reply)
    {
        Invariant.That(reply.Code is >= 200 and <= 599 && reply.Lines.Count is > 0 and <= Limits.MaxEhloLines,
            "a reply has a code and lines within the limits");
        if (KeyReply.Read(reply) is not { } share)
        {
            return;
        }

        Invariant.That(share.Length > 0 && reply.Lines.Count <= Limits.MaxShareLines,
            "a share is not empty and its lines are few [BP-4.3-5]");
        if (share.All(o => o < 128) && share.Length <= Limits.MaxShareLines * Limits.ShareFragment)
        {
            var printed = new Reply(reply.Code, KeyReply.Create(reply.Code, Encoding.ASCII.GetString(share)));
            Invariant.Same(KeyReply.Read(printed), share, "a share printed reads back [BP-4.3-4]");
            Invariant.That(new ReplyReader().Read(printed.ToOctets(), out int used) is not null && used == printed.ToOctets().Length,
                "a share printed is a reply");
        }
    }
}

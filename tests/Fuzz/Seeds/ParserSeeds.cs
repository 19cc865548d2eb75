using System.Text;
using BlackPony.Hosting;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;

namespace BlackPony.Fuzz.Seeds;

/// <summary>What the parsers parse, out of transcripts.</summary>
internal static class ParserSeeds
{
    public static IEnumerable<(char Parser, byte[] Seed)> Of(IReadOnlyList<TranscriptItem> transcript)
    {
        var reply = new List<byte>();
        foreach (var item in transcript)
        {
            if (item is { Kind: ':', IsClient: true } && item.Text.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase))
            {
                yield return ('C', item.Line[..^2]);
                yield return ('B', Encoding.ASCII.GetBytes(item.Text.Split(' ')[^1]));
            }
            else if (item is { Kind: ':', IsClient: true } && item.Text.StartsWith("RCPT TO:", StringComparison.OrdinalIgnoreCase))
            {
                yield return ('A', item.Line[8..^2]);
            }
            else if (item is { Kind: ':', IsClient: false })
            {
                reply.AddRange(item.Line);
                if (item.Text.Length > 4 && item.Text[4..].StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase))
                {
                    yield return ('O', item.Line[4..^2]);
                }

                if (item.Text.Length < 4 || item.Text[3] != '-')
                {
                    yield return ('R', [.. reply]);
                    yield return ('E', [.. reply]);
                    reply.Clear();
                }
            }
            else if (item is { Kind: '>' or '+' })
            {
                yield return ('P', Convert.FromHexString(item.Text)[..Math.Min(item.Text.Length / 2, 300)]);
            }
            else if (item is { Kind: '}', Type: "ident" })
            {
                yield return ('I', [1, .. item.Content]);
            }
        }

        yield return ('I', [2]);
        var memory = new ServerMemory(Given.Time);
        memory.Good("mx.b.test", 25, [new PeerIdent(new string('0', 64), isWithdrawn: false)]);
        memory.Good("mx.b.test", 25, [new PeerIdent(new string('1', 64), false), new PeerIdent(new string('0', 64), isWithdrawn: true)]);
        memory.Good("b.test", ServerMemory.OfDomain, []);
        memory.Good("192.0.2.1", 2525, []);
        memory.Failing("192.0.2.1", 2525);
        yield return ('M', Encoding.ASCII.GetBytes(MemoryText.Of(memory)));
    }
}

using System.Text;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Negotiation;

/// <summary>The XBLACKPONY line of an EHLO reply (spec 4.1).</summary>
public sealed class Offer
{
    /// <summary>The keyword and verb.</summary>
    public const string Keyword = "XBLACKPONY";

    /// <summary>The version that this implementation speaks.</summary>
    public const string Version = "V1";

    private Offer(byte[] octets, IReadOnlyList<Suite> suites)
    {
        Octets = octets;
        Suites = suites;
    }

    /// <summary>
    /// The line from the keyword's first octet up to and not including CRLF, as it goes into the transcript hash ([BP-6.1-1]).
    /// </summary>
    public ReadOnlyMemory<byte> Octets { get; }

    /// <summary>The suites that the line lists and this implementation knows, in the server's order.</summary>
    public IReadOnlyList<Suite> Suites { get; }

    /// <summary>Makes the offer of a server ([BP-4.1-3]).</summary>
    /// <param name="suites">The suites, in order of preference.</param>
    /// <param name="random">Draws two octets for a grease token ([BP-4.1-7]); null for none.</param>
    internal static Offer Create(IReadOnlyList<Suite> suites, IRandomSource? random)
    {
        var line = new StringBuilder(Keyword).Append(' ').Append(Version);
        foreach (var suite in suites)
            line.Append(' ').Append(suite.Name);

        if (random is not null)
        {
            Span<byte> grease = stackalloc byte[2];
            random.Fill(grease);
            line.Append(" G-").Append(Convert.ToHexString(grease));
        }

        return new Offer(Encoding.ASCII.GetBytes(line.ToString()), suites);
    }

    /// <summary>Reads one line of an EHLO reply, without code, separator and CRLF.</summary>
    /// <returns>Null if it is no usable offer ([BP-4.1-13]).</returns>
    public static Offer? Parse(ReadOnlySpan<byte> line)
    {
        // "250-" and CRLF belong to the reply line's length.
        if (!IsKeyword(line) || line.Length + 6 > Limits.MaxReplyLine || line.ContainsAnyExceptInRange((byte)32, (byte)126))
            return null;

        var tokens = Encoding.ASCII.GetString(line).Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).ToList();
        var suites = tokens.Select(SuiteRegistry.Find).OfType<Suite>().Distinct().ToList();
        bool version = tokens.Contains(Version, StringComparer.OrdinalIgnoreCase);
        return version && suites.Count > 0 ? new Offer(line.ToArray(), suites) : null;
    }

    /// <summary>The offer in an EHLO reply's first XBLACKPONY line after the server's name ([BP-4.1-11], [BP-4.1-16]).</summary>
    /// <returns>Null if there is none, or it is not usable.</returns>
    public static Offer? Find(Reply reply)
    {
        for (int i = 1; i < reply.Lines.Count; i++)
        {
            if (IsKeyword(reply.Text(i)))
                return Parse(reply.Text(i));
        }

        return null;
    }

    /// <summary>Whether an EHLO reply's line (without code and separator) has the keyword XBLACKPONY.</summary>
    internal static bool IsKeyword(ReadOnlySpan<byte> line) =>
        line.Length >= Keyword.Length && Ascii.EqualsIgnoreCase(line[..Keyword.Length], "XBLACKPONY"u8)
        && (line.Length == Keyword.Length || line[Keyword.Length] == ' ');

    /// <summary>The suites that both sides have, in the client's order of preference ([BP-4.8-1], [BP-4.8-2]).</summary>
    /// <param name="preferred">The client's suites; ROT only if its user named it ([BP-5.5-9]).</param>
    public IEnumerable<Suite> Common(IEnumerable<Suite> preferred) => preferred.Where(p => Suites.Any(s => s.Name == p.Name));
}

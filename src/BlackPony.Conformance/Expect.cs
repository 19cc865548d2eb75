using System.Buffers;
using System.Text;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Conformance;

/// <summary>What cases say about what came.</summary>
internal static class Expect
{
    // Printable US-ASCII but for the backslash.
    private static readonly SearchValues<byte> AsTheyAre =
        SearchValues.Create([.. Enumerable.Range(32, 95).Select(i => (byte)i).Where(b => b != (byte)'\\')]);

    /// <summary>Fails unless it holds; with <paramref name="isWarning"/> it warns.</summary>
    public static void That(bool holds, string finding, string? requirement = null, bool isWarning = false)
    {
        if (!holds)
            throw new CaseFailedException(finding, requirement) { IsWarning = isWarning };
    }

    /// <summary>Octets as a reader can look at them: quoted, escaped, and not too long.</summary>
    public static string Show(ReadOnlySpan<byte> octets, int most = 100) =>
        $"\"{Escape(octets[..Math.Min(octets.Length, most)])}{(octets.Length > most ? "…" : "")}\"";

    /// <summary>Text as a reader can look at it.</summary>
    public static string Show(string text) => Show(Encoding.Latin1.GetBytes(text));

    /// <summary>How many octets, and the first of them in hexadecimal.</summary>
    public static string ShowHex(ReadOnlySpan<byte> octets, int most = 40) =>
        $"{octets.Length} octets, {Convert.ToHexStringLower(octets[..Math.Min(octets.Length, most)])}{(octets.Length > most ? "…" : "")}";

    /// <summary>Where octets differ: the first line that does, as it was expected and as it came; nothing if they are the same.</summary>
    public static string Difference(string expected, string actual)
    {
        if (expected == actual)
            return "";

        var (right, came) = (expected.Split("\r\n"), actual.Split("\r\n"));
        int line = right.Zip(came).TakeWhile(p => p.First == p.Second).Count();
        var (a, b) = (line < right.Length ? right[line] : null, line < came.Length ? came[line] : null);
        int octet = (a ?? "").Zip(b ?? "").TakeWhile(p => p.First == p.Second).Count();
        return $"The first difference is octet {octet + 1} of line {line + 1}:\n- {Side(a)}\n+ {Side(b)}";

        static string Side(string? text) => text is null ? "(the end)" : Show(text);
    }

    /// <summary>Escapes as the specification's Appendix D does.</summary>
    public static string Escape(ReadOnlySpan<byte> octets)
    {
        if (octets.IndexOfAnyExcept(AsTheyAre) < 0)
            return Encoding.Latin1.GetString(octets);

        var text = new StringBuilder(octets.Length + 16);
        foreach (byte b in octets)
        {
            if (AsTheyAre.Contains(b))
                text.Append((char)b);
            else
                text.Append(b switch { (byte)'\r' => "\\r", (byte)'\n' => "\\n", _ => $"\\x{b:X2}" });
        }

        return text.ToString();
    }

    /// <summary>The text lines of a reply, without code and separator.</summary>
    public static IEnumerable<string> Texts(this Reply reply) =>
        Enumerable.Range(0, reply.Lines.Count).Select(i => Encoding.Latin1.GetString(reply.Text(i)));

    /// <summary>Whether an EHLO reply has a keyword.</summary>
    public static bool HasKeyword(this Reply reply, string keyword) =>
        reply.Texts().Skip(1).Any(t => t.Split(' ')[0].Equals(keyword, StringComparison.OrdinalIgnoreCase));
}

using System.Text;
using System.Text.RegularExpressions;

namespace BlackPony.Fuzz.Seeds;

/// <summary>An item of a transcript (spec Appendix D).</summary>
/// <param name="IsClient">Whether the client sent it.</param>
/// <param name="Kind"><c>:</c> a plaintext line, <c>&gt;</c> a record, <c>}</c> what it holds, <c>+</c> raw octets,
/// <c>!</c> the end.</param>
/// <param name="Text">The rest of the line.</param>
internal sealed record TranscriptItem(bool IsClient, char Kind, string Text)
{
    /// <summary>A plaintext line with its CRLF.</summary>
    public byte[] Line => [.. Unescape(Text), .. "\r\n"u8];

    /// <summary>The type of what a record holds.</summary>
    public string Type => Text.Split(' ')[0];

    /// <summary>What it holds behind the type.</summary>
    public byte[] Content => Text.Length <= Type.Length
        ? []
        : Type == "data" ? Unescape(Text[(Type.Length + 1)..]) : Convert.FromHexString(Text[(Type.Length + 1)..]);

    private static byte[] Unescape(string text) => Encoding.Latin1.GetBytes(Regex.Replace(text, @"\\(x[0-9A-F]{2}|r|n)", m => m.Value switch
    {
        "\\r" => "\r",
        "\\n" => "\n",
        _ => ((char)Convert.ToInt32(m.Value[2..], 16)).ToString(),
    }));
}

/// <summary>Reads transcripts.</summary>
internal static class Transcript
{
    public static IReadOnlyList<TranscriptItem> Read(string file) =>
    [
        .. File.ReadLines(file)
            .Where(l => l is ['C' or 'S', ':' or '>' or '}' or '+' or '!', ..])
            .Select(l => new TranscriptItem(l[0] == 'C', l[1], l.Length > 3 ? l[3..] : "")),
    ];
}

using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Reference;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>An item of a transcript that went over the wire.</summary>
/// <param name="Sender">Who sent it.</param>
/// <param name="Kind"><c>:</c> a plaintext line, <c>&gt;</c> a record, <c>}</c> what it holds, <c>+</c> raw octets,
/// <c>!</c> the end.</param>
/// <param name="Text">The rest of the line.</param>
internal sealed record WireItem(Role Sender, char Kind, string Text)
{
    /// <summary>The octets of an escaped text.</summary>
    public byte[] Unescaped => Encoding.Latin1.GetBytes(Regex.Replace(Text, @"\\(x[0-9A-F]{2}|r|n)", m => m.Value switch
    {
        "\\r" => "\r",
        "\\n" => "\n",
        _ => ((char)Convert.ToInt32(m.Value[2..], 16)).ToString(),
    }));
}

/// <summary>A transcript as anybody reads it from its file (spec Appendix D).</summary>
internal sealed record TranscriptFile(string Name, IReadOnlyDictionary<string, string> Parameters,
    IReadOnlyList<WireItem> Items, bool Tampered)
{
    public static string Folder { get; } = Repository.At("spec", "transcripts");

    public static IEnumerable<string> Names => Directory.GetFiles(Folder, "*.txt")
        .Where(f => !f.EndsWith(".received.txt", StringComparison.Ordinal)).Select(f => Path.GetFileNameWithoutExtension(f))
        .Order(StringComparer.Ordinal);

    public static TranscriptFile Read(string name)
    {
        var lines = File.ReadAllLines(Path.Combine(Folder, name + ".txt"));
        Assert.Equal("# BlackPony transcript 1", lines[0]);
        return new TranscriptFile(
            name,
            lines.Where(l => l.StartsWith("@ ", StringComparison.Ordinal)).Select(l => l.Split(' ', 3)).ToDictionary(f => f[1], f => f[2]),
            [.. lines.Where(l => l is ['C' or 'S', ':' or '>' or '}' or '+' or '!', ..])
                .Select(l => new WireItem(l[0] == 'C' ? Role.Client : Role.Server, l[1], l.Length > 3 ? l[3..] : ""))],
            lines.Any(l => l == "# changed on the way"));
    }

    /// <summary>A parameter in hexadecimal.</summary>
    public byte[] Octets(string key) => Parameters.TryGetValue(key, out var hex) ? Convert.FromHexString(hex) : [];
}

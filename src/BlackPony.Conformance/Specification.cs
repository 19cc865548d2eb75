using System.Text.RegularExpressions;

namespace BlackPony.Conformance;

/// <summary>A document that the suite checks against, embedded: its requirements, each a line that begins with its identifier.</summary>
public sealed partial class Specification
{
    private readonly string _prefix;

    private Specification(string prefix, params IEnumerable<string> documents)
    {
        _prefix = prefix + "-";
        Text = string.Concat(documents.Select(Read));
        Requirements = Requirement().Matches(Text).Where(m => m.Groups[1].Value.StartsWith(_prefix, StringComparison.Ordinal))
            .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        Version = VersionLine().Match(Text).Groups[1].Value;
    }

    /// <summary>The specification of BlackPony: the protocol, then the relay.</summary>
    public static Specification BlackPony { get; } = new("BP", "blackpony.md", "relay.md");

    /// <summary>The catalogue of what RFC 3207 and the RFCs around it ask.</summary>
    public static Specification StartTls { get; } = new("TLS", "starttls.md");

    /// <summary>The whole text.</summary>
    public string Text { get; }

    /// <summary>Its version.</summary>
    public string Version { get; }

    /// <summary>The requirements by their identifiers, in the documents' order.</summary>
    public IReadOnlyDictionary<string, string> Requirements { get; }

    /// <summary>The section of a requirement: <c>4.2</c> for <c>BP-4.2-3</c>.</summary>
    public static string Section(string id) => id.Split('-')[1];

    /// <summary>The text of a requirement of any specification; null for what is none.</summary>
    public static string? Find(string id) => Of(id).Requirements.GetValueOrDefault(id);

    /// <summary>What to read about a requirement: <c>Section 4.2</c>, or <c>RFC 5321 Section 4.2</c> for <c>TLS-5321.4.2-1</c>.</summary>
    public static string Place(string id)
    {
        var section = Section(id);
        if (Of(id) == BlackPony)
            return $"Section {section}";

        var parts = section.Split('.', 2);
        return parts[0].Length > 2 ? $"RFC {parts[0]} Section {parts[1]}" : $"RFC 3207 Section {section}";
    }

    /// <summary>The heading of a section; empty if there is none.</summary>
    public string Heading(string section)
    {
        var line = Text.Split('\n').FirstOrDefault(l => l.StartsWith($"### {section}. ", StringComparison.Ordinal));
        return line is null ? "" : line[(section.Length + 6)..];
    }

    private static Specification Of(string id) => id.StartsWith(StartTls._prefix, StringComparison.Ordinal) ? StartTls : BlackPony;

    private static string Read(string name)
    {
        using var reader = new StreamReader(typeof(Specification).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"^- \[([A-Z]+-[0-9A-Z.]+-[0-9]+)\] (.*)$", RegexOptions.Multiline)]
    private static partial Regex Requirement();

    [GeneratedRegex(@"^# .*, version ([0-9.]+)$", RegexOptions.Multiline)]
    private static partial Regex VersionLine();
}

using System.Text.RegularExpressions;

namespace BlackPony.Conformance;

/// <summary>The specification that the suite checks: its documents, embedded.</summary>
public static partial class Specification
{
    static Specification()
    {
        Text = Read("blackpony.md") + Read("relay.md");
        Requirements = Requirement().Matches(Text).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        Version = VersionLine().Match(Text).Groups[1].Value;
    }

    /// <summary>The protocol, then the relay.</summary>
    public static string Text { get; }

    /// <summary>The version of the specification.</summary>
    public static string Version { get; }

    /// <summary>The requirements by their identifiers, in the documents' order.</summary>
    public static IReadOnlyDictionary<string, string> Requirements { get; }

    /// <summary>The section of a requirement: <c>4.2</c> for <c>BP-4.2-3</c>.</summary>
    public static string Section(string id) => id.Split('-')[1];

    private static string Read(string name)
    {
        using var reader = new StreamReader(typeof(Specification).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"^- \[(BP-[0-9A-Z.]+-[0-9]+)\] (.*)$", RegexOptions.Multiline)]
    private static partial Regex Requirement();

    [GeneratedRegex(@"^# .*, version ([0-9.]+)$", RegexOptions.Multiline)]
    private static partial Regex VersionLine();
}

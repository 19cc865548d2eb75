using System.Text;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>
/// Which cases fail with each faulty implementation, and what each reports: the whole product of both, which takes long and is
/// therefore kept in a file.
/// </summary>
internal sealed class FailingCases
{
    private static readonly string File = Repository.At("tests", "Conformance", "Faulty", "failing-cases.tsv");

    /// <summary>What a case reports that had no answer.</summary>
    public const string NoAnswer = "no-answer";

    private readonly SortedDictionary<string, IReadOnlyDictionary<string, string>> _lines;

    private FailingCases(SortedDictionary<string, IReadOnlyDictionary<string, string>> lines) => _lines = lines;

    /// <summary>The names of the faulty implementations.</summary>
    public IEnumerable<string> Names => _lines.Keys;

    /// <summary>The file.</summary>
    public static FailingCases Read() => new(new SortedDictionary<string, IReadOnlyDictionary<string, string>>(
        System.IO.File.ReadLines(File).Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split('\t')).ToDictionary(
            f => f[0],
            f => (IReadOnlyDictionary<string, string>)f[1].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(c => c.Split('='))
                .ToDictionary(c => c[0], c => c[1])),
        StringComparer.Ordinal));

    /// <summary>What is reported: by case, the requirement.</summary>
    public IReadOnlyDictionary<string, string> Of(IFaultyImplementation fault) => _lines[fault.Name];

    /// <summary>Notes what was reported.</summary>
    public void Set(IFaultyImplementation fault, IReadOnlyDictionary<string, string> reported) => _lines[fault.Name] = reported;

    /// <summary>Keeps only these.</summary>
    public void Only(IEnumerable<string> names)
    {
        foreach (var name in _lines.Keys.Except(names).ToList())
        {
            _lines.Remove(name);
        }
    }

    /// <summary>Writes the file.</summary>
    public void Write()
    {
        var text = new StringBuilder(
            "# The cases that fail with each faulty implementation, and the requirement that each reports. Written by BLACKPONY_DEEP=1, "
                + "see CONTRIBUTING.md.\n");
        foreach (var (name, reported) in _lines)
        {
            text.Append(name).Append('\t')
                .AppendJoin(' ', reported.OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => $"{r.Key}={r.Value}")).Append('\n');
        }

        System.IO.File.WriteAllText(File, text.ToString());
    }
}

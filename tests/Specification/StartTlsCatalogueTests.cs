using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Conformance.Cases;
using BlackPony.Tests.Conformance.StartTls;

namespace BlackPony.Tests.Specification;

/// <summary>The catalogue of STARTTLS (spec/starttls.md) is sound, and spec/coverage-starttls.md says what stands behind each
/// requirement.</summary>
public partial class StartTlsCatalogueTests
{
    private static readonly BlackPony.Conformance.Specification Catalogue = BlackPony.Conformance.Specification.StartTls;

    [Fact]
    public void Each_requirement_has_one_keyword_and_a_row_with_its_role_and_source()
    {
        Assert.True(Catalogue.Requirements.Count > 120);
        Assert.All(Catalogue.Requirements, r =>
        {
            Assert.True(Keyword().Count(r.Value) == 1, r.Key);
            Assert.True(Row(r.Key) is [_, "server" or "client", ..], r.Key);
            Assert.StartsWith(Row(r.Key)[1] == "server" ? "A server" : "A client", r.Value, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Each_requirement_stands_in_its_section()
    {
        string section = "";
        foreach (var line in Catalogue.Text.Split('\n'))
        {
            section = line.StartsWith("### ", StringComparison.Ordinal) ? line.Split(' ')[1].TrimEnd('.') : section;
            if (line.StartsWith("- [TLS-", StringComparison.Ordinal))
            {
                Assert.Equal(section, line.Split('-')[2]);
            }
        }
    }

    [Theory]
    [InlineData("TLS-4.2-3", "RFC 3207 Section 4.2")]
    [InlineData("TLS-2-1", "RFC 3207 Section 2")]
    [InlineData("TLS-5321.4.1.1.1-1", "RFC 5321 Section 4.1.1.1")]
    [InlineData("TLS-9846.F.5-1", "RFC 9846 Section F.5")]
    [InlineData("BP-4.2-3", "Section 4.2")]
    public void A_requirement_names_the_place_to_read(string id, string place) =>
        Assert.Equal(place, BlackPony.Conformance.Specification.Place(id));

    [Fact]
    public void The_coverage_is_not_stale()
    {
        var file = Path.Combine(SpecificationFile.Folder, "coverage-starttls.md");
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            File.WriteAllText(file, Coverage());
        }

        Assert.Equal(File.ReadAllText(file), Coverage());
    }

    private static string Coverage()
    {
        var text = new StringBuilder($"""
            # STARTTLS: requirements traceability

            Generated from the [catalogue](starttls.md), the cases, and the faulty servers and clients;
            a test fails when it is stale (`BLACKPONY_WRITE=1` writes it).
            A faulty server or client is the embedded one with only that requirement broken.
            The cases after it catch it: each reports that requirement.

            """);
        Table(text, "server", [.. StartTlsServerCases.All.Select(c => c.Info)],
            StartTlsFaults.All.ToLookup(f => f.Breaks, f => $"{f.Does}: {f.CaughtBy}"));
        Table(text, "client", [.. StartTlsClientCases.All.Select(c => c.Info)],
            MailClientFaults.All.ToLookup(f => f.Breaks, f => $"{f.Does}: {f.CaughtBy}"));
        return text.ToString();
    }

    private static void Table(StringBuilder text, string role, IReadOnlyList<BlackPony.Conformance.CaseInfo> all,
        ILookup<string, string> faults)
    {
        var cases = all.SelectMany(c => c.Requirements.Select(r => (r, c.Id))).ToLookup(c => c.r, c => c.Id);
        var requirements = Catalogue.Requirements.Keys.Where(r => Row(r)[1] == role).ToList();
        text.Append($"""

            ## {char.ToUpperInvariant(role[0])}{role[1..]}s

            {requirements.Count(r => cases[r].Any())} of the {requirements.Count} requirements of {role}s have a case.
            There are {all.Count} cases and {faults.Sum(f => f.Count())} faulty {role}s.

            | requirement | cases | faulty {role}: cases that catch it |
            |---|---|---|

            """);
        foreach (var requirement in requirements)
        {
            text.Append($"| {requirement} | {string.Join(' ', cases[requirement])} | {string.Join("<br>", faults[requirement])} |\n");
        }
    }

    private static string[] Row(string requirement) =>
        Catalogue.Text.Split('\n').Single(l => l.StartsWith($"| {requirement} |", StringComparison.Ordinal))
            .Split('|', StringSplitOptions.TrimEntries)[1..^1];

    [GeneratedRegex(@"\b(?:MUST NOT|MUST|SHOULD NOT|SHOULD|MAY)\b")]
    private static partial Regex Keyword();
}

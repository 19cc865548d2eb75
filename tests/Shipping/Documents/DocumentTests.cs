using System.Globalization;
using System.Text.RegularExpressions;

namespace BlackPony.Tests.Shipping.Documents;

/// <summary>The documents for people: short, linked, and with commands and numbers that are those of the programs.</summary>
public sealed partial class DocumentTests
{
    private const int MostLinesOfReadme = 130;

    private static readonly string[] Folders = [".", "docs", "spec", "tools/trace-replayer", "tests/Mutation"];
    private static readonly string Specification =
        Repository.Read("spec", "blackpony.md") + Repository.Read("spec", "relay.md");

    public static TheoryData<string> Documents =>
    [
        .. Folders.SelectMany(f => Directory.EnumerateFiles(Repository.At(f), "*.md"))
            .Select(f => Path.GetRelativePath(Repository.Root, f)).Where(f => f is not ("spec/blackpony.md" or "spec/coverage.md"))
            .Order(StringComparer.Ordinal),
    ];

    [Fact]
    public void The_README_is_short() => Assert.InRange(Read("README.md").TrimEnd('\n').Split('\n').Length, 1, MostLinesOfReadme);

    [Fact]
    public void The_README_links_to_every_page_of_docs_and_to_every_document_beside_it()
    {
        var links = Link().Matches(Read("README.md")).Select(m => m.Groups[1].Value.Split('#')[0]).ToHashSet();
        var pages = Directory.EnumerateFiles(Repository.At("docs"), "*.md").Concat(Directory.EnumerateFiles(Repository.Root, "*.md"))
            .Select(f => Path.GetRelativePath(Repository.Root, f)).Where(f => f != "README.md").ToList();
        Assert.True(pages.Count > 7);
        Assert.All(pages, p => Assert.Contains(p, links));
    }

    /// <summary>Each command, and each of its options, is in the program's own help.</summary>
    [Theory]
    [MemberData(nameof(Documents))]
    public async Task Every_documented_command_and_option_exists(string document)
    {
        foreach (var words in Code(document).SelectMany(Commands))
        {
            var program = words[0];
            var command = words.Length > 1 && Word().IsMatch(words[1]) ? words[1] : null;
            var said = string.Join(' ', words);
            string[] one = command is null or "man" ? [] : [command];
            var run = await Run.ProgramAsync(ShippedPrograms.Built(program), [.. one, "--help"]);

            // Where there is no such command, it is the help of the program.
            var usage = string.Join(' ', one.Prepend($"  {program}"));
            Assert.True(run.Code == 0 && run.Output.Contains(usage, StringComparison.Ordinal), $"{document}: '{said}': {run.Error}");
            var options = words.Where(w => Option().IsMatch(w)).Select(w => w.Split('=')[0]);
            Assert.All(options, o => Assert.True(Regex.IsMatch(run.Output, $@"(?<![\w-]){o}(?![\w-])"), $"{document}: '{said}': no {o}"));
        }
    }

    /// <summary>Options that are named without their command.</summary>
    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/mail-servers.md")]
    [InlineData("docs/operations.md")]
    [InlineData("spec/porting.md")]
    [InlineData("tools/trace-replayer/README.md")]
    public async Task Every_option_that_a_document_names_exists(string document)
    {
        var help = "";
        foreach (var program in ShippedPrograms.Names)
        {
            foreach (var command in (string[])["", "listen", "mailer", "relay", "check", "setup", "inspect", "replay", "convert"])
            {
                string[] arguments = command.Length == 0 ? ["--help"] : [command, "--help"];
                help += (await Run.ProgramAsync(ShippedPrograms.Built(program), arguments)).Output;
            }
        }

        var options = Code(document).Where(c => c.StartsWith("--", StringComparison.Ordinal)).Select(c => c.Split(' ', '=')[0]).ToList();
        Assert.NotEmpty(options);
        Assert.All(options, o => Assert.Matches($@"(?<![\w-]){o}(?![\w-])", help));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_path_in_a_command_exists(string document)
    {
        foreach (var text in Code(document))
        {
            foreach (var path in text.Split((char[])[' ', '(', ')', '\'', '"', ',', ';', '`', '\n'], StringSplitOptions.RemoveEmptyEntries))
            {
                var start = path.Split('/')[0];
                if (start is "tools" or "tests" or "spec" or "src" or "docs" or ".ci" && PlainPath().IsMatch(path)
                    && !path.Contains("/bin/", StringComparison.Ordinal))
                {
                    var full = Repository.At(path.TrimEnd('.', ':'));
                    Assert.True(File.Exists(full) || Directory.Exists(full), $"{document}: {path}");
                }
            }
        }
    }

    [Fact]
    public void The_program_is_installed_where_the_units_and_sendmail_look_for_it()
    {
        foreach (var document in (string[])["README.md", "docs/mail-servers.md"])
        {
            Assert.Contains("install artifacts/publish/linux-x64/blackpony /usr/local/bin/", Read(document), StringComparison.Ordinal);
        }

        const string Here = "/usr/local/bin/blackpony";
        foreach (var service in (string[])["listen", "relay"])
        {
            var unit = Read($"tools/blackpony/systemd/blackpony-{service}.service").Split('\n');
            Assert.Contains($"ExecStart={Here} {service} --config /etc/blackpony/{service}.conf", unit);
            Assert.Contains("install -m 644 -D -t /etc/blackpony listen.conf relay.conf", Read("docs/operations.md"),
                StringComparison.Ordinal);
        }

        Assert.Contains($"P={Here},", Read("tools/blackpony/sendmail/blackpony.mc"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_README_shows_as_many_cases_as_there_are()
    {
        var list = await Run.ProgramAsync(ShippedPrograms.Built("blackpony-conformance"), ["--list"]);
        var cases = CaseCount().Match(list.Error);
        Assert.True(cases.Success, list.Error);
        Assert.Contains($"\n    {cases.Groups[1].Value} passed, 0 failed, 0 warned, ", Read("README.md"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DrainTimeout", "`--drain` seconds ({0} by default)")]
    [InlineData("MaxSessions", "Above `--max-sessions` ({0:N0})")]
    [InlineData("CrowdedTimeout", "if that is {0} seconds or more")]
    [InlineData("MemoryLifetime", "for {0} days after the last good session")]
    [InlineData("MemoryPatience", "is deferred for {0} hours")]
    [InlineData("MaxMemoryEntries", "It holds {0:N0} servers")]
    [InlineData("MaxMemoryPerOwner", "and {0} of one owner")]
    public void Limits_in_the_documents_are_those_of_the_specification(string name, string text)
    {
        var value = Regex.Match(Specification, $@"^\| `{name}` \| (\d+)", RegexOptions.Multiline).Groups[1].Value;
        Assert.Contains(string.Format(CultureInfo.InvariantCulture, text, int.Parse(value, CultureInfo.InvariantCulture)),
            Read("docs/operations.md"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_operations_page_names_every_metric()
    {
        var source = Read("src/BlackPony.Hosting/Telemetry.cs");
        var metrics = Instrument().Matches(source).Select(m => m.Groups[1].Value.Replace('.', '_')).ToList();
        Assert.True(metrics.Count > 8);
        Assert.All(metrics, m => Assert.Contains($"| `{m}", Read("docs/operations.md"), StringComparison.Ordinal));
    }

    private static string Read(string document) => Repository.Read(document);

    /// <summary>Indented blocks, a line each, and code within text.</summary>
    private static IEnumerable<string> Code(string document) =>
        Read(document).Split('\n').SelectMany(l => l.StartsWith("    ", StringComparison.Ordinal)
            ? [l.Trim()] : Inline().Matches(l).Select(m => m.Groups[1].Value));

    // A line may have several, as in a pipe. What follows # is a comment.
    private static IEnumerable<string[]> Commands(string text) =>
        text.Split(" # ")[0].Split((char[])['|', '&', ';']).Select(c => c.Trim().Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(w => w.SkipWhile(x => x is "$").ToArray())
            .Where(w => w.Length > 1 && ShippedPrograms.Names.Contains(w[0]));

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Inline();

    [GeneratedRegex("\"(blackpony\\.[a-z.]+)\"")]
    private static partial Regex Instrument();

    [GeneratedRegex(@"^(\d+) cases\s*$")]
    private static partial Regex CaseCount();

    [GeneratedRegex("^[a-z]+$")]
    private static partial Regex Word();

    [GeneratedRegex("^--[a-z][a-z-]*(=.*)?$")]
    private static partial Regex Option();

    [GeneratedRegex(@"^[\w./-]+$")]
    private static partial Regex PlainPath();
}

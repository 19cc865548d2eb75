using System.Reflection;
using BlackPony.Reference;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;
using BlackPony.Smtp.Outbound;
using NetArchTest.Rules;

namespace BlackPony.Tests.Specification.House;

/// <summary>The house as docs/layout.md describes it.</summary>
public class HouseTests
{
    private const int Columns = 140;

    private static readonly string[] Order = ["Keys", "Suites", "Records", "Negotiation", "Policy"];

    private static readonly Assembly Reference = typeof(Limits).Assembly;

    public static TheoryData<string> Folders => [.. Order];

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_of_the_reference_uses_only_those_before_it(string folder)
    {
        string[] later = [.. Order.SkipWhile(f => f != folder).Skip(1).Select(f => $"BlackPony.Reference.{f}")];
        if (later.Length == 0)
        {
            later = ["BlackPony.Smtp"];
        }

        var types = Types.InAssembly(Reference).That().ResideInNamespace($"BlackPony.Reference.{folder}");
        Assert.NotEmpty(types.GetTypes());
        Assert.Empty(types.ShouldNot().HaveDependencyOnAny(later).GetResult().FailingTypeNames ?? []);
    }

    [Fact]
    public void Reference_and_sessions_use_no_sockets() =>
        Assert.All((Assembly[])[Reference, typeof(InboundSession).Assembly], a =>
            Assert.Empty(
                Types.InAssembly(a).ShouldNot().HaveDependencyOnAny("System.Net.Sockets", "BlackPony.Hosting", "BlackPony.Conformance")
                .GetResult().FailingTypeNames ?? []));

    [Theory]
    [InlineData("BlackPony.Reference", 2000, 300)]
    [InlineData("BlackPony.Smtp", 1900, 350)]
    public void It_can_be_read_in_one_sitting(string project, int lines, int ofFile)
    {
        var files = Sources(Path.Combine("src", project)).ToList();
        Assert.InRange(files.Sum(Lines), 1000, lines);
        Assert.DoesNotContain(files, f => Lines(f) > ofFile);
    }

    /// <summary>Every session keeps the contract with its host, and adds to it only what its own host needs.</summary>
    [Fact]
    public void Each_session_keeps_the_contract_with_its_host()
    {
        Type[] sessions = [typeof(InboundSession), typeof(MailerSession), typeof(OutboundSession)];
        Assert.Equal(sessions, typeof(ISession).Assembly.GetTypes()
            .Where(t => t is { IsClass: true, IsAbstract: false } && t.IsAssignableTo(typeof(ISession)))
            .OrderBy(t => t.Name, StringComparer.Ordinal));
    }

    [Fact]
    public void The_library_has_few_public_members()
    {
        var folder = Repository.At("src", "BlackPony.Reference");
        var members = Directory.GetFiles(folder, "PublicAPI.*.txt").SelectMany(File.ReadLines).Where(l => l != "#nullable enable");
        Assert.InRange(members.Count(), 100, 220);
    }

    [Fact]
    public void The_README_is_short() =>
        Assert.InRange(File.ReadLines(Repository.At("README.md")).Count(), 50, 130);

    [Fact]
    public void No_line_is_longer_than_140_columns()
    {
        var files = ((string[])["src", "tools", "tests", "spec"]).SelectMany(Sources).ToList();
        Assert.True(files.Count > 300);
        var longLines = files.SelectMany(f => File.ReadLines(f).Select((line, i) => (Place: $"{f}:{i + 1}", line.Length)))
            .Where(l => l.Length > Columns).Select(l => l.Place).ToList();
        Assert.True(longLines.Count == 0, string.Join('\n', longLines));
    }

    // Written by hand: not what the compiler generates into obj.
    private static IEnumerable<string> Sources(string folder) =>
        Directory.GetFiles(Repository.At(folder), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(p => p is "obj" or "bin"));

    // Neither blank nor a comment.
    private static int Lines(string file) =>
        File.ReadLines(file).Select(l => l.Trim()).Count(l => l.Length > 0 && !l.StartsWith("//", StringComparison.Ordinal));
}

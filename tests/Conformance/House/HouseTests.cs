using System.Reflection;
using BlackPony.Reference;
using BlackPony.Smtp.Inbound;
using NetArchTest.Rules;

namespace BlackPony.Tests.Conformance.House;

/// <summary>The house as docs/layout.md describes it.</summary>
public class HouseTests
{
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
            Assert.Empty(Types.InAssembly(a).ShouldNot().HaveDependencyOnAny("System.Net.Sockets", "BlackPony.Hosting", "BlackPony.Conformance")
                .GetResult().FailingTypeNames ?? []));

    [Fact]
    public void The_reference_can_be_read_in_one_sitting()
    {
        var files = Directory.GetFiles(Path.Combine(RepositoryRoot.Folder, "src", "BlackPony.Reference"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)).ToList();
        Assert.InRange(files.Sum(Lines), 1000, 2000);
        Assert.DoesNotContain(files, f => Lines(f) > 300);
    }

    // Neither blank nor a comment.
    private static int Lines(string file) =>
        File.ReadLines(file).Select(l => l.Trim()).Count(l => l.Length > 0 && !l.StartsWith("//", StringComparison.Ordinal));
}

using System.Text.Json;

namespace BlackPony.Tests.Shipping.Supply;

/// <summary>No program has a package that its authors call unfinished, unless there is a reason to have it.</summary>
public sealed class PrereleaseTests
{
    /// <summary>Each prerelease that may be in a program, and why.</summary>
    private static readonly Dictionary<string, string> Argued = [];

    public static TheoryData<string> Programs => [.. ShippedPrograms.Names];

    [Theory]
    [MemberData(nameof(Programs))]
    public void A_program_has_no_prerelease_package_but_those_that_are_argued_for(string program)
    {
        var packages = Shipped(program);
        Assert.NotEmpty(packages);
        Assert.DoesNotContain(packages, p => IsPrerelease(p.Version) && !Argued.ContainsKey(p.Id));
    }

    [Fact]
    public void Nothing_is_argued_for_that_is_not_there()
    {
        var shipped = ShippedPrograms.Names.SelectMany(Shipped).Where(p => IsPrerelease(p.Version)).Select(p => p.Id).ToList();
        Assert.All(Argued.Keys, id => Assert.Contains(id, shipped));
    }

    private static bool IsPrerelease(string version) => version.Contains('-', StringComparison.Ordinal);

    /// <summary>What the native program is compiled from, and what the .NET program has beside it.</summary>
    private static List<(string Id, string Version)> Shipped(string program)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(ShippedPrograms.Built(program) + ".deps.json"));
        var built = json.RootElement.GetProperty("libraries").EnumerateObject()
            .Where(l => l.Value.GetProperty("type").GetString() == "package").Select(l => l.Name.Split('/')).Select(n => (n[0], n[1]));
        return [.. LockFile.Read(LockFile.Native(program)).Select(p => (p.Id, p.Version)).Concat(built).Distinct()];
    }
}

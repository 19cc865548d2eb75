using System.Security.Cryptography;
using System.Text.Json;

namespace BlackPony.Tests.Shipping.Supply;

/// <summary>Checksums and bills of materials, as <c>tools/publish</c> wrote them, are of the files that are there.</summary>
public sealed class BillOfMaterialsTests
{
    private static readonly string Published = Repository.At("artifacts", "publish");

    public static TheoryData<string> Programs => [.. ShippedPrograms.Names];

    [Fact]
    public async Task Every_file_has_its_checksum()
    {
        _ = ShippedPrograms.Native("blackpony");
        (await Run.ProgramAsync("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], Published)).Good();
        var listed = File.ReadLines(Path.Combine(Published, "SHA256SUMS")).Select(l => l[66..]).ToList();
        string[] folders = ["linux-x64", "packages", "debian", "oci", "man", "completion", "spec", "sbom"];
        var there = folders.Select(f => Path.Combine(Published, f)).Where(Directory.Exists)
            .SelectMany(f => Directory.EnumerateFiles(f, "*", SearchOption.AllDirectories)).Select(f => Path.GetRelativePath(Published, f));
        Assert.Equal(there.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task A_bill_names_every_package_of_the_program_the_runtime_and_the_file_itself(string program)
    {
        var file = await File.ReadAllBytesAsync(ShippedPrograms.Native(program), TestContext.Current.CancellationToken);
        var written = Path.Combine(Published, "sbom", $"{program}.linux-x64.cdx.json");
        Assert.SkipUnless(File.Exists(written), "Needs a bill of materials, which tools/publish writes where jq is installed.");
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(written, TestContext.Current.CancellationToken));
        var bill = json.RootElement;
        Assert.Equal("CycloneDX", bill.GetProperty("bomFormat").GetString());

        var self = bill.GetProperty("metadata").GetProperty("component");
        Assert.Equal(program, self.GetProperty("name").GetString());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(file)), self.GetProperty("hashes")[0].GetProperty("content").GetString());

        var packages = bill.GetProperty("components").EnumerateArray().Where(c => c.TryGetProperty("purl", out _))
            .ToDictionary(c => c.GetProperty("purl").GetString()!, StringComparer.Ordinal);
        Assert.Equal(Locked(program).Order(StringComparer.Ordinal), packages.Keys.Order(StringComparer.Ordinal));
        Assert.All(packages.Values, p => Assert.NotEmpty(p.GetProperty("licenses").EnumerateArray()));
        var dependencies = bill.GetProperty("dependencies").EnumerateArray().Select(d => d.GetProperty("ref").GetString()!).ToHashSet();
        Assert.All(packages.Keys, p => Assert.Contains(p, dependencies));
    }

    /// <summary>Each package that was locked for the program; the library's analyzers are in its own lock file alone.</summary>
    private static IEnumerable<string> Locked(string program)
    {
        var runtime = File.ReadLines(Repository.At("RuntimePacks.lock")).Select(l => l.Split(' '))
            .Single(p => p[0].Contains("NativeAOT", StringComparison.Ordinal));
        var library = LockFile.Read(Repository.At("src", "BlackPony.Reference", LockFile.NativeName));
        return LockFile.Read(LockFile.Native(program)).Concat(library)
            .Append(new(runtime[0], runtime[1], runtime[2])).Select(p => $"pkg:nuget/{p.Id}@{p.Version}").Distinct();
    }
}

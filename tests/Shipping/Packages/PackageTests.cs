using System.IO.Compression;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace BlackPony.Tests.Shipping.Packages;

/// <summary>The packages as their users meet them: installed in a clean folder.</summary>
public sealed partial class PackageTests(PackedFixture packed)
{
    private const int MostLines = 15;

    public static TheoryData<string> Programs => [.. ShippedPrograms.Names];

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task A_tool_installs_and_runs(string program)
    {
        await packed.PackedAsync();
        (await Run.ProgramAsync("dotnet",
            ["tool", "install", program, "--tool-path", "bin", "--version", packed.Version, "--configfile", "nuget.config"], packed.Folder,
            packed.Environment)).Good();
        Assert.Equal(await Run.GoodAsync(ShippedPrograms.Built(program), "--version"),
            await Run.GoodAsync(Path.Combine(packed.Folder, "bin", program), "--version"));
        if (program == "blackpony-conformance")
        {
            Assert.Contains(" passed, 0 failed", await Run.GoodAsync(Path.Combine(packed.Folder, "bin", program), "--select", "S-4.1-*"),
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_library_has_comments_symbols_a_readme_and_no_dependency_but_BouncyCastle()
    {
        await packed.PackedAsync();
        await using var package = await ZipFile.OpenReadAsync(Path.Combine(packed.Packages, $"BlackPony.Reference.{packed.Version}.nupkg"),
            TestContext.Current.CancellationToken);
        var files = package.Entries.Select(e => e.FullName).ToList();
        Assert.Contains("lib/net10.0/BlackPony.Reference.dll", files);
        Assert.Contains("lib/net10.0/BlackPony.Reference.xml", files);
        Assert.Contains("README.md", files);
        await using var nuspec = await package.GetEntry("BlackPony.Reference.nuspec")!.OpenAsync(TestContext.Current.CancellationToken);
        var metadata =
            (await XDocument.LoadAsync(nuspec, LoadOptions.None, TestContext.Current.CancellationToken)).Root!.Elements().Single();
        string Of(string name) => metadata.Elements().Single(e => e.Name.LocalName == name).Value;
        Assert.Equal(["BouncyCastle.Cryptography"],
            metadata.Descendants().Where(e => e.Name.LocalName == "dependency").Select(d => d.Attribute("id")!.Value));
        Assert.Equal("MIT", Of("license"));
        Assert.Equal("README.md", Of("readme"));
        Assert.NotEmpty(Of("description"));

        await using var symbols = await ZipFile.OpenReadAsync(Path.Combine(packed.Packages, $"BlackPony.Reference.{packed.Version}.snupkg"),
            TestContext.Current.CancellationToken);
        Assert.Contains("lib/net10.0/BlackPony.Reference.pdb", symbols.Entries.Select(e => e.FullName));
    }

    /// <summary>The README's own code block, with the package in a new project.</summary>
    [Fact]
    public async Task The_sample_of_the_README_compiles_and_says_what_the_README_says()
    {
        var readme = await File.ReadAllTextAsync(Repository.At("README.md"), TestContext.Current.CancellationToken);
        var sample = Sample().Match(readme);
        Assert.True(sample.Success, "The README has no C# block with its output behind it.");
        var lines = sample.Groups[1].Value.Split('\n')
            .Where(l => l.Trim().Length > 0 && !l.StartsWith("using BlackPony", StringComparison.Ordinal)
                && !l.StartsWith("using System", StringComparison.Ordinal)).ToList();
        Assert.True(lines.Count <= MostLines, $"The sample has {lines.Count} lines.");

        await packed.PackedAsync();
        var folder = Directory.CreateDirectory(Path.Combine(packed.Folder, "sample")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "sample.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="BlackPony.Reference" Version="{packed.Version}" /></ItemGroup>
            </Project>
            """, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), sample.Groups[1].Value, TestContext.Current.CancellationToken);
        var run = await Run.ProgramAsync("dotnet", ["run", "--project", folder], folder, packed.Environment);
        Assert.Equal(sample.Groups[2].Value.Trim(), run.Good().Trim());
    }

    [GeneratedRegex(@"```csharp\n(.*?)```\n+[^\n]*\n+((?:    [^\n]+\n)+)", RegexOptions.Singleline)]
    private static partial Regex Sample();
}

using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
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

    [Theory]
    [InlineData("BlackPony.Reference", "BouncyCastle.Cryptography")]
    [InlineData("BlackPony.Streams", "BlackPony.Reference", "BouncyCastle.Cryptography")]
    public async Task A_library_has_comments_symbols_a_readme_and_few_dependencies(string name, params string[] dependencies)
    {
        await packed.PackedAsync();
        await using var package = await ZipFile.OpenReadAsync(Path.Combine(packed.Packages, $"{name}.{packed.Version}.nupkg"),
            TestContext.Current.CancellationToken);
        var files = package.Entries.Select(e => e.FullName).ToList();
        Assert.Contains($"lib/net10.0/{name}.dll", files);
        Assert.Contains($"lib/net10.0/{name}.xml", files);
        Assert.Contains("README.md", files);
        await using var nuspec = await package.GetEntry($"{name}.nuspec")!.OpenAsync(TestContext.Current.CancellationToken);
        var metadata =
            (await XDocument.LoadAsync(nuspec, LoadOptions.None, TestContext.Current.CancellationToken)).Root!.Elements().Single();
        string Of(string element) => metadata.Elements().Single(e => e.Name.LocalName == element).Value;
        Assert.Equal(dependencies,
            metadata.Descendants().Where(e => e.Name.LocalName == "dependency").Select(d => d.Attribute("id")!.Value));
        Assert.Equal("MIT", Of("license"));
        Assert.Equal("README.md", Of("readme"));
        Assert.NotEmpty(Of("description"));

        await using var symbols = await ZipFile.OpenReadAsync(Path.Combine(packed.Packages, $"{name}.{packed.Version}.snupkg"),
            TestContext.Current.CancellationToken);
        Assert.Contains($"lib/net10.0/{name}.pdb", symbols.Entries.Select(e => e.FullName));
    }

    /// <summary>A debugger finds them by the id that the assembly has of them.</summary>
    [Theory]
    [InlineData("BlackPony.Reference", 1)]
    [InlineData("BlackPony.Streams", 2)]
    [InlineData("blackpony", 5)]
    [InlineData("blackpony-conformance", 6)]
    [InlineData("blackpony-replay", 3)]
    public async Task Each_assembly_of_ours_has_its_symbols(string name, int assemblies)
    {
        await packed.PackedAsync();
        var files = new Dictionary<string, byte[]>();
        foreach (var path in Directory.GetFiles(packed.Packages, $"{name}.{packed.Version}.*nupkg"))
        {
            await using var package = await ZipFile.OpenReadAsync(path, TestContext.Current.CancellationToken);
            foreach (var entry in package.Entries.Where(e => e.FullName.EndsWith(".dll", StringComparison.Ordinal)
                || e.FullName.EndsWith(".pdb", StringComparison.Ordinal)))
            {
                await using var from = await entry.OpenAsync(TestContext.Current.CancellationToken);
                using var octets = new MemoryStream();
                await from.CopyToAsync(octets, TestContext.Current.CancellationToken);
                files[entry.FullName] = octets.ToArray();
            }
        }

        var ours = files.Keys.Where(f => f.EndsWith(".dll", StringComparison.Ordinal)
            && Path.GetFileName(f).StartsWith("blackpony", StringComparison.OrdinalIgnoreCase)).ToList();
        Assert.Equal(assemblies, ours.Count);
        foreach (var assembly in ours)
        {
            using var image = new PEReader(new MemoryStream(files[assembly]));
            var id = image.ReadCodeViewDebugDirectoryData(
                image.ReadDebugDirectory().Single(e => e.Type == DebugDirectoryEntryType.CodeView));
            Assert.Contains(Path.ChangeExtension(assembly, ".pdb"), files.Keys);
            using var symbols = MetadataReaderProvider.FromPortablePdbStream(
                new MemoryStream(files[Path.ChangeExtension(assembly, ".pdb")]));
            Assert.Equal(id.Guid, new BlobContentId(symbols.GetMetadataReader().DebugMetadataHeader!.Id).Guid);
        }
    }

    /// <summary>What nuget.org shows of a package: its links lead to other sites, because a package has no other files.</summary>
    [Theory]
    [InlineData("BlackPony.Reference")]
    [InlineData("BlackPony.Streams")]
    [InlineData("blackpony")]
    [InlineData("blackpony-conformance")]
    [InlineData("blackpony-replay")]
    public async Task A_package_has_an_icon_tags_a_repository_and_a_readme_whose_links_work(string name)
    {
        await packed.PackedAsync();
        await using var package = await ZipFile.OpenReadAsync(Path.Combine(packed.Packages, $"{name}.{packed.Version}.nupkg"),
            TestContext.Current.CancellationToken);
        await using var nuspec = await package.GetEntry($"{name}.nuspec")!.OpenAsync(TestContext.Current.CancellationToken);
        var metadata =
            (await XDocument.LoadAsync(nuspec, LoadOptions.None, TestContext.Current.CancellationToken)).Root!.Elements().Single();
        XElement Of(string element) => metadata.Elements().Single(e => e.Name.LocalName == element);
        Assert.Contains(" smtp ", $" {Of("tags").Value} ", StringComparison.Ordinal);
        Assert.Equal("git", Of("repository").Attribute("type")!.Value);
        var icon = new byte[24];
        await using (var file = await package.GetEntry(Of("icon").Value)!.OpenAsync(TestContext.Current.CancellationToken))
            await file.ReadExactlyAsync(icon, TestContext.Current.CancellationToken);

        // A PNG of 128 by 128.
        Assert.Equal("89504E470D0A1A0A0000000D494844520000008000000080", Convert.ToHexString(icon));
        using var readme = new StreamReader(await package.GetEntry("README.md")!.OpenAsync(TestContext.Current.CancellationToken));
        var text = await readme.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith($"# {name}\n", text, StringComparison.Ordinal);
        Assert.All(Link().Matches(text).Select(m => m.Groups[1].Value), l => Assert.StartsWith("https://", l, StringComparison.Ordinal));
    }

    /// <summary>The README's own code block, with the packages in a new project; the stream's package is used before it.</summary>
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
              <ItemGroup><PackageReference Include="BlackPony.Streams" Version="{packed.Version}" /></ItemGroup>
            </Project>
            """, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), sample.Groups[1].Value, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "Streams.cs"), """
            using System.Net;
            using System.Net.Sockets;
            using BlackPony.Streams;

            internal static class Streams
            {
                [System.Runtime.CompilerServices.ModuleInitializer]
                internal static void Run()
                {
                    using var listener = new TcpListener(IPAddress.Loopback, 0);
                    listener.Start();
                    using var here = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);
                    using var there = listener.AcceptTcpClient();
                    var client = BlackPonyStream.AuthenticateAsClientAsync(here.GetStream(), new() { ClientName = "a.test" });
                    using var server = BlackPonyStream.AuthenticateAsServerAsync(there.GetStream(), new()).Result;
                    server.Write("250 ok\r\n"u8);
                    if (!client.Result.IsEncrypted)
                        throw new InvalidOperationException("It is not encrypted.");
                }
            }
            """, TestContext.Current.CancellationToken);
        var run = await Run.ProgramAsync("dotnet", ["run", "--project", folder], folder, packed.Environment);
        Assert.Equal(sample.Groups[2].Value.Trim(), run.Good().Trim());
    }

    /// <summary>Each line of code in the stream's readme stands in a sample, which the tests in tests/Interop run.</summary>
    [Fact]
    public void The_readme_of_the_stream_shows_the_code_of_the_samples()
    {
        var code = Block().Matches(Repository.Read("src", "BlackPony.Streams", "README.md")).SelectMany(m => m.Groups[1].Value.Split('\n'))
            .Where(l => l.Length > 0).ToList();
        var samples = ((string[])["MailKit/BlackPonySmtpClient.cs", "SmtpServer/BlackPonyListenerFactory.cs"])
            .SelectMany(f => File.ReadLines(Repository.At("samples", f))).Select(l => l.Trim()).ToHashSet();
        Assert.Equal(6, code.Count);
        Assert.All(code, l => Assert.Contains(l, samples));
    }

    [GeneratedRegex(@"\]\(([^)]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"```csharp\n(.*?)```\n+[^\n]*\n+((?:    [^\n]+\n)+)", RegexOptions.Singleline)]
    private static partial Regex Sample();
}

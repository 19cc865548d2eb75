using System.Globalization;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using BlackPony.Tests.Shipping.Packages;

namespace BlackPony.Tests.Shipping.Supply;

/// <summary>The same octets from any folder: of what is quickly built; <c>tools/reproduce</c> shows it of everything.</summary>
public sealed class ReproducibleTests(PackedFixture packed)
{
    private static readonly string[] Needed =
    [
        "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "global.json", "nuget.config",
        "README.md", ".editorconfig", "src/icon.png",
    ];

    [Fact]
    public async Task The_library_has_the_same_octets_from_two_folders()
    {
        var folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
        try
        {
            var first = await PackAsync(Path.Combine(folder, "a"));
            var second = await PackAsync(Path.Combine(folder, "another longer path", "b"));
            Assert.Equal(2, first.Count);
            Assert.Equal(first, second);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task No_path_of_this_machine_is_in_what_is_shipped()
    {
        Assert.SkipUnless(Repository.Configuration == "Release", "Of a release alone.");
        var assemblies = ShippedPrograms.Names
            .SelectMany(p => Directory.EnumerateFiles(Path.GetDirectoryName(ShippedPrograms.Built(p))!, "*.dll"))
            .Where(f => Path.GetFileName(f).StartsWith("blackpony", StringComparison.OrdinalIgnoreCase)).ToList();
        Assert.True(assemblies.Count >= 7);
        foreach (var file in assemblies)
        {
            await HasNoPathAsync(file);
            var documents = Documents(Path.ChangeExtension(file, ".pdb"));
            Assert.NotEmpty(documents);
            Assert.All(documents, d => Assert.StartsWith("/_/", d, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("blackpony")]
    [InlineData("blackpony-conformance")]
    [InlineData("blackpony-replay")]
    public async Task No_path_of_this_machine_is_in_a_native_program(string program) =>
        await HasNoPathAsync(ShippedPrograms.Native(program));

    [Fact]
    public async Task Every_file_of_a_package_has_the_time_of_the_release()
    {
        Assert.SkipUnless(Repository.Configuration == "Release", "Of a release alone.");
        var date = XDocument.Load(Repository.At("Directory.Build.props")).Descendants("ReleaseDate").Single().Value;
        var release = DateTime.Parse(date, CultureInfo.InvariantCulture);
        await packed.PackedAsync();
        foreach (var file in Directory.EnumerateFiles(packed.Packages))
        {
            await using var package = await ZipFile.OpenReadAsync(file, TestContext.Current.CancellationToken);
            Assert.All(package.Entries, e => Assert.Equal(release, e.LastWriteTime.DateTime));
        }
    }

    /// <summary>Copies the sources, packs, and says the checksum of each package.</summary>
    private static async Task<SortedDictionary<string, string>> PackAsync(string folder)
    {
        var source = Repository.At("src", "BlackPony.Reference");
        var files = Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetRelativePath(source, f).Split(Path.DirectorySeparatorChar)[0] is not ("bin" or "obj"))
            .Concat(Needed.Select(n => Repository.At(n)));
        foreach (var file in files)
        {
            var copy = Path.Combine(folder, Path.GetRelativePath(Repository.Root, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        var packages = Path.Combine(folder, "packages");
        var project = Path.Combine(folder, "src", "BlackPony.Reference");
        (await Run.ProgramAsync("dotnet", ["pack", project, "-c", "Release", "-o", packages, "-v", "quiet", "-nodeReuse:false"])).Good();
        var sums = Directory.EnumerateFiles(packages)
            .ToDictionary(f => Path.GetFileName(f), f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))));
        return new(sums, StringComparer.Ordinal);
    }

    /// <summary>Neither the repository's folder nor the home is in it, in eight or in sixteen bits.</summary>
    private static async Task HasNoPathAsync(string file)
    {
        var content = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        string[] paths = [Repository.Root + "/", Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + "/"];
        foreach (var path in paths.Where(p => p.Length > 2))
        {
            Assert.True(content.AsSpan().IndexOf(Encoding.UTF8.GetBytes(path)) < 0, $"{file} has {path} in it.");
            Assert.True(content.AsSpan().IndexOf(Encoding.Unicode.GetBytes(path)) < 0, $"{file} has {path} in it.");
        }
    }

    private static List<string> Documents(string symbols)
    {
        using var stream = File.OpenRead(symbols);
        using var provider = MetadataReaderProvider.FromPortablePdbStream(stream);
        var reader = provider.GetMetadataReader();
        return [.. reader.Documents.Select(d => reader.GetString(reader.GetDocument(d).Name))];
    }
}

using BlackPony.Tests.Shipping.Packages;

[assembly: AssemblyFixture(typeof(PackedFixture))]

namespace BlackPony.Tests.Shipping.Packages;

/// <summary>The packages, packed once into a folder of their own, under a version that no cache has seen.</summary>
public sealed class PackedFixture : IAsyncLifetime
{
    private readonly Lazy<Task> _packed;

    public PackedFixture()
    {
        _packed = new(PackAsync);
    }

    /// <summary>The version of the packages.</summary>
    public string Version { get; } = $"0.0.0-test.{Guid.NewGuid():N}";

    /// <summary>A clean folder, with the packages in <c>packages</c>.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("blackpony-").FullName;

    /// <summary>Where the packages are.</summary>
    public string Packages => Path.Combine(Folder, "packages");

    /// <summary>What keeps the user's own cache clean: new packages go elsewhere, known ones come from there.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["NUGET_PACKAGES"] = Path.Combine(Folder, "cache"),
        ["CI"] = "",
    };

    /// <summary>Packs, if that was not yet done.</summary>
    public Task PackedAsync() => _packed.Value;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task PackAsync()
    {
        foreach (var project in (string[])["src/BlackPony.Reference", "src/BlackPony.Streams",
            .. ShippedPrograms.Names.Select(ShippedPrograms.Folder)])
        {
            (await Run.ProgramAsync("dotnet",
                ["pack", Repository.At(project), "-c", Repository.Configuration, "--no-build", "-o", Packages, "-v",
                    "quiet", $"-p:PackageVersion={Version}"])).Good();
        }

        var home = System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile);
        var known = System.Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(home, ".nuget", "packages");
        await File.WriteAllTextAsync(Path.Combine(Folder, "nuget.config"), $"""
            <configuration>
              <packageSources><add key="built" value="{Packages}" /></packageSources>
              <fallbackPackageFolders><add key="known" value="{known}" /></fallbackPackageFolders>
            </configuration>
            """);
    }
}

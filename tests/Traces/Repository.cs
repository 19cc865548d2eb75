namespace BlackPony.Tests.Traces;

/// <summary>Where things stand.</summary>
internal static class Repository
{
    public static string Root => RepositoryRoot.Folder;

    public static string Transcripts => Path.Combine(Root, "spec", "transcripts");

    /// <summary>Captures that others made, beside the repository: <c>BLACKPONY_TRACES</c>, or a folder shared/traces further up.</summary>
    public static string? SharedTraces { get; } =
        Environment.GetEnvironmentVariable("BLACKPONY_TRACES")
        ?? Upward(Root).Select(d => Path.Combine(d, "shared", "traces")).FirstOrDefault(Directory.Exists);

    public static string Zeek(string name) => Shared(Path.Combine("zeek", name));

    public static string Made(string name) => Shared(Path.Combine("made", name));

    public static string Shared(string name)
    {
        var path = SharedTraces is null ? null : Path.Combine(SharedTraces, name);
        Assert.SkipUnless(File.Exists(path), $"shared/traces/{name} is not beside the repository (BLACKPONY_TRACES names another folder)");
        return path!;
    }

    // The folder itself and those above it.
    private static IEnumerable<string> Upward(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            yield return at.FullName;
        }
    }
}

namespace BlackPony.Tests.Traces;

/// <summary>Captures that others made, beside the repository.</summary>
internal static class SharedCaptures
{
    /// <summary>Their folder: <c>BLACKPONY_TRACES</c>, or a folder shared/traces further up; null if there is none.</summary>
    public static string? Folder { get; } =
        Environment.GetEnvironmentVariable("BLACKPONY_TRACES")
        ?? Upward(Repository.Root).Select(d => Path.Combine(d, "shared", "traces")).FirstOrDefault(Directory.Exists);

    public static string Zeek(string name) => At(Path.Combine("zeek", name));

    public static string Made(string name) => At(Path.Combine("made", name));

    /// <summary>One of them, or a skipped test.</summary>
    public static string At(string name)
    {
        var path = Folder is null ? null : Path.Combine(Folder, name);
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

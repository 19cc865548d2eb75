namespace BlackPony.Tests.Traces;

/// <summary>Where things stand.</summary>
internal static class Repository
{
    public static string Root { get; } = Up(AppContext.BaseDirectory, d => File.Exists(Path.Combine(d, "BlackPony.sln")))!;

    public static string Transcripts => Path.Combine(Root, "spec", "transcripts");

    /// <summary>Captures that others made, beside the repository: <c>BLACKPONY_TRACES</c>, or a folder shared/traces further up.</summary>
    public static string? SharedTraces { get; } =
        Environment.GetEnvironmentVariable("BLACKPONY_TRACES")
        ?? (Up(Root, d => Directory.Exists(Path.Combine(d, "shared", "traces"))) is { } found ? Path.Combine(found, "shared", "traces") : null);

    public static string Zeek(string name)
    {
        var path = SharedTraces is null ? null : Path.Combine(SharedTraces, "zeek", name);
        Assert.SkipUnless(File.Exists(path), "shared/traces/zeek is not beside the repository (BLACKPONY_TRACES names another folder)");
        return path!;
    }

    private static string? Up(string folder, Func<string, bool> fits)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            if (fits(at.FullName))
            {
                return at.FullName;
            }
        }

        return null;
    }
}

namespace BlackPony.Tests.Shipping;

/// <summary>Where the repository and what was built of it are.</summary>
internal static class Repository
{
    public static string Root => RepositoryRoot.Folder;

    /// <summary>A file or folder of the repository.</summary>
    public static string At(params IEnumerable<string> path) => Path.Combine([Root, .. path]);

    /// <summary>How these tests and the programs were built.</summary>
    public static string Configuration => AppContext.BaseDirectory.Contains("Release", StringComparison.Ordinal) ? "Release" : "Debug";

    /// <summary>The programs, and the folders of their projects.</summary>
    public static IReadOnlyDictionary<string, string> Programs { get; } = new Dictionary<string, string>
    {
        ["blackpony"] = "blackpony",
        ["blackpony-conformance"] = "conformance-runner",
        ["blackpony-replay"] = "trace-replayer",
    };

    /// <summary>A program as it was built for these tests.</summary>
    public static string Built(string program) => Path.Combine(Root, "tools", Programs[program], "bin", Configuration, "net10.0", program);

    /// <summary>A program as <c>tools/publish programs</c> made it, or a skipped test.</summary>
    public static string Native(string program)
    {
        var file = Path.Combine(Root, "artifacts", "publish", "linux-x64", program);
        Assert.SkipUnless(File.Exists(file), $"Needs what 'tools/publish programs' makes: {file}.");
        return file;
    }
}

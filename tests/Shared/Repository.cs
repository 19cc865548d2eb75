namespace BlackPony.Tests;

/// <summary>The repository that the tests are part of, and what was built of it.</summary>
internal static class Repository
{
    /// <summary>The folder of <c>BlackPony.sln</c>, above the test's own.</summary>
    public static string Root { get; } = Find();

    /// <summary>How the tests and the programs were built: <c>Release</c> or <c>Debug</c>.</summary>
    public static string Configuration => AppContext.BaseDirectory.Contains("Release", StringComparison.Ordinal) ? "Release" : "Debug";

    /// <summary>A file or folder of the repository.</summary>
    public static string At(params IEnumerable<string> path) => Path.Combine([Root, .. path]);

    /// <summary>The text of a file of the repository.</summary>
    public static string Read(params IEnumerable<string> path) => File.ReadAllText(At(path));

    /// <summary>A file of a program as it was built for these tests, or changed by <c>tests/Mutation</c>.</summary>
    /// <param name="project">The folder of its project in <c>tools</c>.</param>
    /// <param name="file">The file's name.</param>
    public static string Built(string project, string file)
    {
        var own = At("tools", project, "bin", Configuration, "net10.0", file);
        return Environment.GetEnvironmentVariable("BLACKPONY_BUILT") is { } folder
            && Path.Combine(folder, project, file) is var changed && File.Exists(changed) ? changed : own;
    }

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "BlackPony.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("The tests stand nowhere below BlackPony.sln.");
        }

        return folder;
    }
}

using BlackPony.Tests;

namespace BlackPony.Benchmarks;

/// <summary>Where things stand in the checkout.</summary>
internal static class Where
{
    private static readonly DirectoryInfo Run = NewRun();
    private static int _folders;

    public static string Root => Repository.Root;

    /// <summary>The document that has the figures, with remarks on them.</summary>
    public static string Document => Path.Combine(Root, "docs/speed.md");

    /// <summary>The document that has the four figures that most users want.</summary>
    public static string Readme => Path.Combine(Root, "README.md");

    /// <summary>The peers' extracted packages.</summary>
    public static string Peers => Path.Combine(Root, "artifacts/servers/peers/root");

    /// <summary>The published program.</summary>
    public static string BlackPony =>
        Environment.GetEnvironmentVariable("BLACKPONY") ?? Path.Combine(Root, "artifacts/publish/linux-x64/blackpony");

    /// <summary>A new folder for one run's configurations.</summary>
    public static string NewFolder() => Run.CreateSubdirectory($"{Interlocked.Increment(ref _folders)}").FullName;

    /// <summary>Removes the folders.</summary>
    public static void Clean() => Run.Delete(recursive: true);

    // Postfix looks into its folders as another user.
    private static DirectoryInfo NewRun()
    {
        var run = Directory.CreateTempSubdirectory("blackpony-bench-");
        run.UnixFileMode |= UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        return run;
    }
}

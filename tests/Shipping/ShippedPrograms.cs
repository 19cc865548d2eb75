namespace BlackPony.Tests.Shipping;

/// <summary>The programs that are shipped.</summary>
internal static class ShippedPrograms
{
    private static readonly Dictionary<string, string> Projects = new()
    {
        ["blackpony"] = "blackpony",
        ["blackpony-conformance"] = "conformance-runner",
        ["blackpony-replay"] = "trace-replayer",
    };

    /// <summary>Their names.</summary>
    public static IReadOnlyCollection<string> Names => Projects.Keys;

    /// <summary>The folder of a program's project, from the repository's.</summary>
    public static string Folder(string program) => $"tools/{Projects[program]}";

    /// <summary>A program as it was built for these tests.</summary>
    public static string Built(string program) => Repository.Built(Projects[program], program);

    /// <summary>A program as <c>tools/publish programs</c> made it, or a skipped test.</summary>
    public static string Native(string program)
    {
        var file = Repository.At("artifacts", "publish", "linux-x64", program);
        Assert.SkipUnless(File.Exists(file), $"Needs what 'tools/publish programs' makes: {file}.");
        return file;
    }
}

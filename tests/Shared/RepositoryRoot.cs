namespace BlackPony.Tests;

/// <summary>The folder of <c>BlackPony.sln</c>, above the test's own.</summary>
internal static class RepositoryRoot
{
    public static string Folder { get; } = Find();

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

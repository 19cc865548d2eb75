namespace BlackPony.Tests.Conformance.Specification;

/// <summary>Where the specification is.</summary>
internal static class SpecificationFile
{
    public static string Folder { get; } = System.IO.Path.Combine(Root(), "spec");

    public static string Path { get; } = System.IO.Path.Combine(Root(), "spec", "blackpony.md");

    public static string Read() => File.ReadAllText(Path);

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(System.IO.Path.Combine(folder, "BlackPony.sln")))
        {
            folder = System.IO.Path.GetDirectoryName(folder)!;
        }

        return folder;
    }
}

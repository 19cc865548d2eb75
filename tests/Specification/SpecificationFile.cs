namespace BlackPony.Tests.Specification;

/// <summary>Where the specification is.</summary>
internal static class SpecificationFile
{
    public static string Folder { get; } = Repository.At("spec");

    public static string Path { get; } = System.IO.Path.Combine(Folder, "blackpony.md");

    public static string Read() => File.ReadAllText(Path);
}

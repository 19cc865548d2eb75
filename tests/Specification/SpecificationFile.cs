namespace BlackPony.Tests.Specification;

/// <summary>The documents of the specification.</summary>
internal static class SpecificationFile
{
    public static string Folder { get; } = Repository.At("spec");

    /// <summary>The protocol.</summary>
    public static string Path { get; } = System.IO.Path.Combine(Folder, "blackpony.md");

    public static string Read() => File.ReadAllText(Path);

    /// <summary>The protocol, then the relay.</summary>
    public static string ReadAll() => Read() + File.ReadAllText(System.IO.Path.Combine(Folder, "relay.md"));
}

using System.IO.Enumeration;

namespace BlackPony.Tools.TraceReplayer;

/// <summary>The files that the command line names: files as they are, folders with all that is in them.</summary>
internal static class InputFiles
{
    private static readonly EnumerationOptions Deep =
        new() { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.System };

    // A link to a folder may lead back to where it stands.
    private static FileSystemEnumerable<string> Files(string folder) =>
        new(folder, static (ref FileSystemEntry e) => e.ToSpecifiedFullPath(), Deep)
    {
        // What has no length is empty, or a pipe that nobody may ever write to.
        ShouldIncludePredicate = static (ref FileSystemEntry e) => !e.IsDirectory && e.Length > 0,
        ShouldRecursePredicate = static (ref FileSystemEntry e) => !e.Attributes.HasFlag(FileAttributes.ReparsePoint),
    };

    /// <summary>Each file, and whether the user named it and not only its folder.</summary>
    public static IReadOnlyList<(string Path, bool Named)> Find(IEnumerable<string> arguments) =>
    [
        .. arguments.SelectMany(a => !Arguments.IsStandardInput(a) && Directory.Exists(a)
            ? Files(a).Order(StringComparer.Ordinal).Select(f => (f, false))
            : [(a, true)]),
    ];
}

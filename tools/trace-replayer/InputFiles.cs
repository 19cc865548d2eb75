namespace BlackPony.Tools.TraceReplayer;

/// <summary>The files that the command line names: files as they are, folders with all that is in them.</summary>
internal static class InputFiles
{
    private static readonly EnumerationOptions Deep = new() { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.System };

    /// <summary>Each file, and whether the user named it and not only its folder.</summary>
    public static IReadOnlyList<(string Path, bool Named)> Find(IEnumerable<string> arguments) =>
    [
        .. arguments.SelectMany(a => Directory.Exists(a)
            ? Directory.EnumerateFiles(a, "*", Deep).Order(StringComparer.Ordinal).Select(f => (f, false))
            : [(a, true)]),
    ];
}

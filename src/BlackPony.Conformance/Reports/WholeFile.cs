namespace BlackPony.Conformance.Reports;

/// <summary>
/// A report is written whole or not at all: to a file beside it, which then takes its name. A device, such as <c>/dev/stdout</c>, is
/// written as it is.
/// </summary>
public static class WholeFile
{
    /// <summary>Finds out, before there is anything to write, whether it can be written.</summary>
    /// <exception cref="IOException">It cannot.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not.</exception>
    public static void Check(string file)
    {
        if (IsDevice(file))
            return;

        var (path, beside) = Names(file);
        if (Directory.Exists(path))
            throw new IOException($"{file} is a folder.");

        using (File.Create(beside))
        {
        }

        File.Delete(beside);
    }

    /// <summary>Writes it.</summary>
    /// <exception cref="IOException">It cannot be written; what stood there before still does.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static async Task WriteAsync(string file, string text)
    {
        if (IsDevice(file))
        {
            await File.WriteAllTextAsync(file, text);
            return;
        }

        var (path, beside) = Names(file);
        try
        {
            await File.WriteAllTextAsync(beside, text);
            if (File.Exists(path) && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(beside, File.GetUnixFileMode(path));

            File.Move(beside, path, overwrite: true);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
    }

    private static bool IsDevice(string file) => Path.GetFullPath(file) is var path
        && (path.StartsWith("/dev/", StringComparison.Ordinal) || path.StartsWith("/proc/", StringComparison.Ordinal));

    // A link stays: what it leads to is replaced.
    private static (string Path, string Beside) Names(string file)
    {
        // A relative link leads from its own folder: of a relative path .NET would take it from the root.
        var path = Path.GetFullPath(file);
        path = (File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true) : null)?.FullName ?? path;
        return (path, $"{path}.{Environment.ProcessId}.new");
    }
}

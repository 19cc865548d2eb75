namespace BlackPony.Hosting;

/// <summary>Files that only their owner reads.</summary>
public static class PrivateFile
{
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Reads a file that holds a secret.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read, or others than its owner may read or change it.</exception>
    public static string ReadSecret(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);

        // systemd gives credentials to one service alone, whatever their mode says (systemd.exec(5)).
        bool isCredential = Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY") is { Length: > 0 } credentials
            && Path.GetFullPath(path).StartsWith(Path.GetFullPath(credentials) + Path.DirectorySeparatorChar, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows() && !isCredential && (File.GetUnixFileMode(file.SafeFileHandle) & Others) != 0)
        {
            throw new UnauthorizedAccessException(
                $"{path} must be accessible to its owner only: run chmod 600, and make a new key if anyone may have read this one.");
        }

        using var reader = new StreamReader(file);
        return reader.ReadToEnd();
    }

    /// <summary>Opens a file; one that is made, or was there with another mode, is its owner's alone from here on.</summary>
    internal static FileStream Open(string path, FileMode mode, FileAccess access, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = access, Share = share };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

        var file = new FileStream(path, options);
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file.SafeFileHandle) & Others) != 0)
                File.SetUnixFileMode(file.SafeFileHandle, UnixFileMode.UserRead | UnixFileMode.UserWrite);

            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}

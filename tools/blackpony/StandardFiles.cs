using Microsoft.Win32.SafeHandles;

namespace BlackPony.Tools;

/// <summary>
/// The descriptors 0, 1 and 2 as the program got them. One that was closed is given to the next file or socket that is opened, and then
/// a peer would read the log, or its octets would be taken for the mail server's.
/// </summary>
internal static class StandardFiles
{
    // O_CLOEXEC: what was inherited cannot have it, what the runtime opens has it.
    private const int OwnFlag = 0x80000;

    private static readonly List<SafeFileHandle> Kept = [];

    /// <summary>Whether there is a standard input.</summary>
    public static bool HasInput { get; private set; } = true;

    /// <summary>Whether there is a standard output.</summary>
    public static bool HasOutput { get; private set; } = true;

    /// <summary>Puts /dev/null instead of those that are closed. To be called first.</summary>
    public static void Keep()
    {
        if (!OperatingSystem.IsLinux())
            return;

        HasInput = IsInherited(0);
        HasOutput = IsInherited(1);
        if (!HasOutput)
            Console.SetOut(TextWriter.Null);

        if (!IsInherited(2))
            Console.SetError(TextWriter.Null);

        for (int i = 0; i <= 2; i++)
        {
            SafeFileHandle handle;
            try
            {
                handle = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A root without /dev.
                return;
            }

            if (handle.DangerousGetHandle() > 2)
            {
                handle.Dispose();
                return;
            }

            Kept.Add(handle);
        }
    }

    private static bool IsInherited(int descriptor)
    {
        try
        {
            var flags = File.ReadLines($"/proc/self/fdinfo/{descriptor}").First(l => l.StartsWith("flags:", StringComparison.Ordinal));
            return (Convert.ToInt32(flags[6..].Trim(), 8) & OwnFlag) == 0;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            // Closed, or a system without /proc, where nothing is known.
            return !Directory.Exists("/proc/self/fdinfo");
        }
    }
}

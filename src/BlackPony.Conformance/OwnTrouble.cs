using System.ComponentModel;
using System.Net.Sockets;

namespace BlackPony.Conformance;

/// <summary>Tells trouble of the suite's own from what a target does.</summary>
internal static class OwnTrouble
{
    private const int ReadOnly = 30; // EROFS

    // errno, as .NET reports it for files: ENFILE, EMFILE, ENOSPC, EDQUOT.
    private static readonly int[] FileErrors = [23, 24, 28, 122];

    /// <summary>What is wrong and what to do; null if the target may have done it.</summary>
    public static string? Find(Exception e) => e switch
    {
        SocketException { SocketErrorCode: SocketError.TooManyOpenSockets or SocketError.ProcessLimit } => Descriptors(e),
        SocketException { SocketErrorCode: SocketError.NoBufferSpaceAvailable or SocketError.AddressNotAvailable } =>
            $"the system has no room for another connection ({e.Message}); lower --jobs.",
        SocketException => null,
        Win32Exception => $"a process could not be started ({e.Message}); lower --jobs, or raise the limits (ulimit -n, ulimit -u).",
        IOException when FileErrors.AsSpan(0, 2).Contains(e.HResult & 0xffff) => Descriptors(e),
        IOException when FileErrors.Contains(e.HResult & 0xffff) => $"a file could not be written ({e.Message}); make room for it.",
        _ when e is DirectoryNotFoundException or FileNotFoundException or UnauthorizedAccessException
            || (e is IOException && (e.HResult & 0xffff) == ReadOnly) =>
            $"a temporary file could not be made in {Path.GetTempPath()} ({e.Message}); set TMPDIR to a folder that can be written.",
        IOException { InnerException: { } inner } => Find(inner),
        _ => null,
    };

    private static string Descriptors(Exception e) =>
        $"the suite has no descriptor left ({e.Message}); raise the limit (ulimit -n), or lower --jobs.";
}

using System.Text;
using BlackPony.Reference.Keys;

namespace BlackPony.Hosting;

/// <summary>A key log file that only its owner reads ([BP-11.3-2]).</summary>
/// <param name="path">The file.</param>
/// <param name="warn">Called once if the file cannot be written: sessions then stay encrypted, and their lines are missing.</param>
public sealed class KeyLogFile(string path, Action<string>? warn = null) : IKeyLog
{
    private readonly Lock _lock = new();
    private bool _warned;

    /// <summary>Makes the file, or makes it private where it was not.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written or made private.</exception>
    public void Prepare() => Open().Dispose();

    /// <inheritdoc/>
    public void Log(string line)
    {
        lock (_lock)
        {
            try
            {
                using var file = Open();
                file.Write(Encoding.ASCII.GetBytes(line + "\n"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                if (!_warned)
                    warn?.Invoke($"the key log {path} cannot be written, and sessions go on without it: {e.Message}");

                _warned = true;
            }
        }
    }

    private FileStream Open() => PrivateFile.Open(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
}

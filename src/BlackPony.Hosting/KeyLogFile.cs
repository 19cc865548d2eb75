using System.Text;
using BlackPony.Reference.Keys;

namespace BlackPony.Hosting;

/// <summary>A key log file that only its owner reads ([BP-11.3-2]).</summary>
/// <param name="path">The file.</param>
public sealed class KeyLogFile(string path) : IKeyLog
{
    private readonly Lock _lock = new();

    /// <summary>Makes the file, or makes it private where it was not.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written or made private.</exception>
    public void Prepare() => Open().Dispose();

    /// <inheritdoc/>
    public void Log(string line)
    {
        lock (_lock)
        {
            using var file = Open();
            file.Write(Encoding.ASCII.GetBytes(line + "\n"));
        }
    }

    private FileStream Open() => PrivateFile.Open(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
}

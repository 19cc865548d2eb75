using System.Text;
using BlackPony.Reference.Keys;

namespace BlackPony.Hosting;

/// <summary>A key log file that only its owner reads ([BP-11.3-2]).</summary>
public sealed class KeyLogFile(string path) : IKeyLog
{
    private readonly Lock _lock = new();

    /// <inheritdoc/>
    public void Log(string line)
    {
        lock (_lock)
        {
            using var file = PrivateFile.Open(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
            file.Write(Encoding.ASCII.GetBytes(line + "\n"));
        }
    }
}

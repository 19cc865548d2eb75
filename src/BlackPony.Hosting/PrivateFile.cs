using System.Text;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;

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

/// <summary>The memory's file (spec 9.4): read at the beginning, and at the end changed as a whole, by one process at a time.</summary>
public sealed class MemoryFile
{
    // By it a file that was cut short, or emptied, is told from a memory with few servers in it.
    private const string LastLine = "# end\n";

    // A process waits for itself without a bound, and without a file.
    private static readonly SemaphoreSlim InProcess = new(1, 1);

    private readonly string _path;
    private readonly TimeProvider _time;

    /// <summary>Reads the memory; a file that is not there is an empty one.</summary>
    /// <exception cref="IOException">The file can't be read: a temporary failure of delivery ([BP-9.4-12]).</exception>
    /// <exception cref="FormatException">The file is not a memory.</exception>
    public MemoryFile(string path, TimeProvider time)
    {
        _path = path;
        _time = time;
        Memory = Read();
    }

    /// <summary>The memory.</summary>
    public ServerMemory Memory { get; }

    /// <summary>Brings what changed into the file, beside what other processes brought into it meanwhile.</summary>
    /// <exception cref="IOException">The file can't be written.</exception>
    public async Task SaveAsync()
    {
        await InProcess.WaitAsync().ConfigureAwait(false);
        try
        {
            using var turn = await TakeTurnAsync().ConfigureAwait(false);
            Write();
        }
        finally
        {
            InProcess.Release();
        }
    }

    private void Write()
    {
        var latest = Read();
        Memory.CopyChangesTo(latest);
        var fresh = _path + ".new";
        using (var file = PrivateFile.Open(fresh, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(Encoding.ASCII.GetBytes(latest + LastLine));
            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, _path, overwrite: true);
    }

    private ServerMemory Read()
    {
        string text;
        try
        {
            text = File.ReadAllText(_path);
        }
        catch (FileNotFoundException)
        {
            return new ServerMemory(_time);
        }

        return text.EndsWith('\n' + LastLine, StringComparison.Ordinal)
            ? ServerMemory.Parse(text[..^LastLine.Length], _time)
            : throw new FormatException($"{_path} is not a whole memory: its last line is missing. Bring back a copy, or remove it if every server may be met anew.");
    }

    private async Task<FileStream> TakeTurnAsync()
    {
        for (int tries = 0; ; tries++)
        {
            try
            {
                return PrivateFile.Open(_path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (tries < 100)
            {
                await Task.Delay(50).ConfigureAwait(false);
            }
        }
    }
}

internal static class PrivateFile
{
    public static FileStream Open(string path, FileMode mode, FileAccess access, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = access, Share = share };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }
}

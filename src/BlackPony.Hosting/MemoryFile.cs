using System.Text;
using BlackPony.Reference.Policy;

namespace BlackPony.Hosting;

/// <summary>The memory's file (spec 9.4): read at the beginning, and changed as a whole before any mail flows ([BP-9.4-2]), by one process at a time.</summary>
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
    public async Task SaveAsync(CancellationToken cancel = default)
    {
        await InProcess.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            using var turn = await TakeTurnAsync(cancel).ConfigureAwait(false);
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

    private async Task<FileStream> TakeTurnAsync(CancellationToken cancel)
    {
        for (int tries = 0; ; tries++)
        {
            try
            {
                return PrivateFile.Open(_path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (tries < 100 && IsLocked(e))
            {
                await Task.Delay(50, cancel).ConfigureAwait(false);
            }
        }
    }

    // By another process: EWOULDBLOCK, or Windows' sharing violation. Waiting helps against nothing else.
    private static bool IsLocked(IOException e) => e.HResult is 11 or unchecked((int)0x80070020);
}

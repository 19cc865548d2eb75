using System.Buffers;
using System.Globalization;
using System.Text;
using BlackPony.Reference.Policy;

namespace BlackPony.Hosting;

/// <summary>
/// The memory's file (spec 9.4): read at the beginning; what a delivery changes is appended before any mail flows ([BP-9.4-2]), by one
/// process at a time. Now and then the file is written again. A process parses what it has not yet read (<see cref="MemoryFileText"/>):
/// its first delivery costs a parse of the whole file, and each later one a comparison with it.
/// </summary>
/// <remarks>
/// The text is that of <see cref="MemoryText"/>, where the last line of a server counts, and times of "-" forget it.
/// Beside it stands a file with the ending .lock. It is the lock, and while lines are appended it holds the length up to which the memory
/// was whole before, so that a machine that loses power then goes on with what it knew.
/// </remarks>
public sealed class MemoryFile : IStoredMemory
{
    // It distinguishes a memory with few servers from a file that was cut short or emptied.
    private const string LastLine = "# end\n";

    // Lines that count no more: so many, and as many as those that count, are kept until the file is written again.
    private const int MostStale = 1000;

    // A process waits for itself without a bound, and without a file.
    private static readonly SemaphoreSlim InProcess = new(1, 1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly MemoryFileText.Parsed _read;

    /// <summary>Reads the memory; a file that is not there is an empty one.</summary>
    /// <exception cref="IOException">The file can't be read or written: a temporary failure ([BP-9.4-12], [BP-9.4-18]).</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    /// <exception cref="FormatException">The file is not a memory.</exception>
    public MemoryFile(string path, TimeProvider time)
        : this(path, time, isWritten: true)
    {
    }

    private MemoryFile(string path, TimeProvider time, bool isWritten)
    {
        _path = path;
        _time = time;
        if (isWritten)
            CheckWritable(path);

        _read = Read();
    }

    private string Lock => _path + ".lock";

    /// <summary>The memory.</summary>
    public ServerMemory Memory => _read.Memory;

    /// <summary>What is wrong with the file: a warning for each line that is no entry, and was left out ([BP-9.4-14]).</summary>
    public IReadOnlyList<string> Warnings => _read.Warnings;

    /// <summary>Reads a memory that will not be written: no file is created beside it.</summary>
    /// <exception cref="IOException">The file can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    /// <exception cref="FormatException">The file is not a memory.</exception>
    public static ServerMemory Read(string path, TimeProvider time) => new MemoryFile(path, time, isWritten: false).Memory;

    /// <summary>Looks whether a memory can be written.</summary>
    /// <exception cref="IOException">It can't.</exception>
    /// <exception cref="UnauthorizedAccessException">It can't.</exception>
    public static void CheckWritable(string path)
    {
        if (Directory.Exists(path))
            throw new IOException($"The memory {path} is a folder.");

        try
        {
            using var turn = PrivateFile.Open(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
            using var file = File.Exists(path) ? Open(path, FileAccess.ReadWrite) : null;
        }
        catch (IOException e) when (IsLocked(e))
        {
            // Somebody writes it just now.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The memory {path} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Brings what changed into the file, beside what other processes brought into it meanwhile.</summary>
    /// <exception cref="IOException">The file can't be written, or has no room for a server ([BP-9.4-17]).</exception>
    /// <exception cref="FormatException">The file is not a memory any more.</exception>
    public async Task SaveAsync(CancellationToken cancel = default)
    {
        await InProcess.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            using var turn = await TakeTurnAsync(cancel).ConfigureAwait(false);
            Write(turn);
        }
        finally
        {
            InProcess.Release();
        }
    }

    private void Write(FileStream turn)
    {
        var now = Read(turn);

        // Nothing is to be merged if no other process has changed it.
        bool isSame = now.State == _read.State;
        var latest = isSame ? Memory : now.Memory;
        var refused = isSame ? [] : MemoryText.CopyChanges(Memory, latest);
        if (now.State is null || now.Warnings.Count > 0 || now.Lines > (2 * latest.Count) + MostStale)
            WriteAgain(latest);
        else if (latest.Changes.Count > 0)
            Append(turn, now.Length, Encoding.ASCII.GetBytes(MemoryText.OfChanges(latest) + LastLine));

        if (refused.Count > 0)
            throw new IOException($"no room for {string.Join(", ", refused)}; an entry is removed only when it expires");
    }

    private void WriteAgain(ServerMemory memory)
    {
        var fresh = _path + ".new";
        using (var file = PrivateFile.Open(fresh, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(Encoding.ASCII.GetBytes(MemoryText.Of(memory) + LastLine));
            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, _path, overwrite: true);

        // The new name is on the disk too, before any mail flows.
        using var moved = Open(_path, FileAccess.ReadWrite);
        moved.Flush(flushToDisk: true);
    }

    private void Append(FileStream turn, int length, byte[] octets)
    {
        turn.SetLength(0);
        turn.Write(Encoding.ASCII.GetBytes(length.ToString(CultureInfo.InvariantCulture) + "\n"));
        turn.Flush(flushToDisk: true);
        using (var file = Open(_path, FileAccess.ReadWrite))
        {
            try
            {
                RandomAccess.Write(file.SafeFileHandle, octets, length);
                file.SetLength(length + octets.Length);
                file.Flush(flushToDisk: true);
            }
            catch (IOException)
            {
                // No room on the disk, mostly: back to what it was.
                RandomAccess.Write(file.SafeFileHandle, Encoding.ASCII.GetBytes(LastLine), length);
                file.SetLength(length + LastLine.Length);
                throw;
            }
        }

        turn.SetLength(0);
    }

    // What the file has up to its last line.
    private MemoryFileText.Parsed Read(FileStream? turn = null)
    {
        IReadOnlyList<string> doubted = [];
        for (int tries = 0; ; tries++)
        {
            byte[] octets = [];
            try
            {
                if (ReadOctets(ref octets) is not { } length)
                    return new MemoryFileText.Parsed(new ServerMemory(_time), [], 0, 0, null);

                // Else a process is appending, or could not finish.
                if (octets.AsSpan(0, length).EndsWith("\n# end\n"u8))
                {
                    // Read during an append, the former end and a part of the new lines look like lines that are no entries.
                    var parsed = Parse(octets.AsSpan(0, length - LastLine.Length));
                    if (turn is not null || parsed.Warnings.Count == 0 || parsed.Warnings.SequenceEqual(doubted))
                        return parsed;

                    doubted = parsed.Warnings;
                    continue;
                }

                bool isNoted = TryNote(turn, out int whole);
                if (isNoted || tries >= 500)
                {
                    return whole > 0 && whole <= length && octets[whole - 1] == '\n' ? Parse(octets.AsSpan(0, whole))
                        : throw new FormatException($"{_path} is incomplete: its last line is missing. Restore a copy, or remove it and "
                            + $"{_path}.lock to start again.");
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(octets);
            }

            Thread.Sleep(Pause);
        }
    }

    // How many octets there are; null if there is no file.
    private int? ReadOctets(ref byte[] octets)
    {
        try
        {
            using var file = Open(_path, FileAccess.Read);
            int length = 0, count;
            do
            {
                if (length == octets.Length)
                    Grow(ref octets, length, file.CanSeek ? file.Length : 0);

                length += count = file.Read(octets, length, octets.Length - length);
            }
            while (count > 0);
            return length;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private static void Grow(ref byte[] octets, int used, long wanted)
    {
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(wanted + 1, (2 * used) + 1));
        octets.AsSpan(0, used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(octets);
        octets = larger;
    }

    // Up to where it was whole before lines were appended; 0 if none were. False while somebody appends.
    private bool TryNote(FileStream? turn, out int length)
    {
        length = 0;
        try
        {
            using var own = turn is null ? new FileStream(Lock, FileMode.Open, FileAccess.Read, FileShare.ReadWrite) : null;
            var file = turn ?? own!;
            file.Position = 0;
            using var reader = new StreamReader(file, Encoding.ASCII, leaveOpen: true);
            var text = reader.ReadToEnd();
            if (text.EndsWith('\n'))
                _ = int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out length);

            return true;
        }
        catch (IOException e) when (IsLocked(e))
        {
            return false;
        }
        catch (FileNotFoundException)
        {
            return true;
        }
    }

    private MemoryFileText.Parsed Parse(ReadOnlySpan<byte> octets)
    {
        try
        {
            return MemoryFileText.Parse(_path, octets, _time);
        }
        catch (FormatException e)
        {
            throw new FormatException(
                $"{_path} cannot be used: {e.Message} Restore a copy, or remove it to start with an empty memory.", e);
        }
    }

    private static FileStream Open(string path, FileAccess access) =>
        new(path, FileMode.Open, access, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private async Task<FileStream> TakeTurnAsync(CancellationToken cancel)
    {
        for (int tries = 0; ; tries++)
        {
            try
            {
                return PrivateFile.Open(Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (tries < 3000 && IsLocked(e))
            {
                await Task.Delay(Pause, cancel).ConfigureAwait(false);
            }
        }
    }

    // By another process: EWOULDBLOCK, or Windows' sharing violation. Waiting helps against nothing else.
    private static bool IsLocked(IOException e) => e.HResult is 11 or unchecked((int)0x80070020);
}

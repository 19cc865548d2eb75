using System.Globalization;
using System.Text;
using BlackPony.Reference.Policy;

namespace BlackPony.Hosting;

/// <summary>
/// The memory's file (spec 9.4): read at the beginning; what a delivery changes is appended before any mail flows ([BP-9.4-2]), by one
/// process at a time, so that a delivery costs the same however many servers are remembered. Now and then the file is written again.
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
    private const string Forgotten = " - - - -";

    // Lines that count no more: so many, and as many as those that count, are kept until the file is written again.
    private const int MostStale = 1000;

    // A process waits for itself without a bound, and without a file.
    private static readonly SemaphoreSlim InProcess = new(1, 1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly string? _read;

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

        _read = ReadWhole();
        Memory = Parse(_read, out var warnings);
        Warnings = warnings;
    }

    private string Lock => _path + ".lock";

    /// <summary>The memory.</summary>
    public ServerMemory Memory { get; }

    /// <summary>What is wrong with the file: a warning for each line that is no entry, and was left out ([BP-9.4-14]).</summary>
    public IReadOnlyList<string> Warnings { get; }

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
        var text = ReadWhole(turn);
        var (lines, length) = (text?.AsSpan().Count('\n') ?? 0, text?.Length ?? 0);

        // If nobody else has changed it, it need not be parsed again.
        var warnings = Warnings;
        var latest = text == _read ? Memory : Parse(text, out warnings);
        var refused = latest == Memory ? [] : MemoryText.CopyChanges(Memory, latest);
        if (text is null || warnings.Count > 0 || lines > (2 * latest.Count) + MostStale)
            WriteAgain(latest);
        else if (latest.Changes.Count > 0)
            Append(turn, length, Encoding.ASCII.GetBytes(MemoryText.OfChanges(latest) + LastLine));

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

    // The file's text up to its last line; null if there is no file.
    private string? ReadWhole(FileStream? turn = null)
    {
        for (int tries = 0; ; tries++)
        {
            string text;
            try
            {
                using var file = Open(_path, FileAccess.Read);
                using var reader = new StreamReader(file, Encoding.Latin1);
                text = reader.ReadToEnd();
            }
            catch (FileNotFoundException)
            {
                return null;
            }

            if (text.EndsWith('\n' + LastLine, StringComparison.Ordinal))
                return text[..^LastLine.Length];

            // Somebody appends just now, or could not finish it.
            if (!TryNote(turn, out int whole) && tries < 500)
            {
                Thread.Sleep(Pause);
            }
            else if (whole > 0 && whole <= text.Length && text[whole - 1] == '\n')
            {
                return text[..whole];
            }
            else
            {
                throw new FormatException(
                    $"{_path} is incomplete: its last line is missing. Restore a copy, or remove it and {_path}.lock to start again.");
            }
        }
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

    private ServerMemory Parse(string? text, out IReadOnlyList<string> warnings)
    {
        bool forgets = text?.Contains(Forgotten + "\n", StringComparison.Ordinal) == true;
        try
        {
            return MemoryText.Parse(forgets ? WithoutForgotten(text!) : text ?? "", _time, out warnings);
        }
        catch (FormatException e)
        {
            throw new FormatException(
                $"{_path} cannot be used: {e.Message} Restore a copy, or remove it to start with an empty memory.", e);
        }
    }

    // What stands before a line that forgets its server is left out, and every other line stays where it is.
    private static string WithoutForgotten(string text)
    {
        var lines = text.Split('\n');
        var last = new Dictionary<string, int>();
        for (int i = 1; i < lines.Length; i++)
        {
            if (lines[i].EndsWith(Forgotten, StringComparison.Ordinal))
                last[lines[i][..^Forgotten.Length]] = i;
        }

        for (int i = 1; i < lines.Length; i++)
        {
            if (last.TryGetValue(Key(lines[i]), out int forgotten) && i <= forgotten)
                lines[i] = "";
        }

        return string.Join('\n', lines);
    }

    private static FileStream Open(string path, FileAccess access) =>
        new(path, FileMode.Open, access, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private static string Key(string line) => string.Join(' ', line.Split(' ', 3).Take(2));

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

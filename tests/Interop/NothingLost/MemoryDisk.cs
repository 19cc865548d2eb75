using System.Diagnostics;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>The memory's file on a disk of its own: 64 kB where a tmpfs can be mounted, so that it can be filled.</summary>
internal sealed class MemoryDisk : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
    private string? _good;

    public MemoryDisk() => IsSmall = Run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", _folder);

    /// <summary>Whether the disk is so small that it can be filled.</summary>
    public bool IsSmall { get; }

    /// <summary>The memory.</summary>
    public string File => Path.Combine(_folder, "memory");

    /// <summary>Leaves no room for another octet.</summary>
    public void Fill()
    {
        using var filler = new FileStream(Path.Combine(_folder, "filler"), FileMode.Create);
        try
        {
            while (true)
            {
                filler.Write(new byte[4096]);
                filler.Flush();
            }
        }
        catch (IOException)
        {
        }
    }

    /// <summary>Makes room again.</summary>
    public void Empty() => System.IO.File.Delete(Path.Combine(_folder, "filler"));

    /// <summary>Harms the memory: empties it, cuts it short, or writes over its beginning.</summary>
    public void Corrupt(Random random)
    {
        _good = System.IO.File.ReadAllText(File);
        System.IO.File.WriteAllText(File, random.Next(3) switch
        {
            0 => "",
            1 => _good[..random.Next(_good.Length)],
            _ => new string('\0', 20) + _good[20..],
        });
    }

    /// <summary>Brings the good memory back, as who looks after the machine does.</summary>
    public void Restore() => System.IO.File.WriteAllText(File, _good);

    public void Dispose()
    {
        if (IsSmall)
        {
            Run("umount", _folder);
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}

using System.Runtime.InteropServices;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Tests.Interop.NothingLost;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>The memory's file on bad days.</summary>
public sealed class MemoryFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_memory_that_is_cut_short_anywhere_is_never_taken_for_one_that_knows_less() // [BP-9.4-12]
    {
        var path = System.IO.Path.Combine(_folder, "memory");
        var memory = new MemoryFile(path, TimeProvider.System);
        memory.Memory.Good("a.test", 25, [new byte[32]]);
        memory.Memory.Good("b.test", 25, []);
        memory.Save();
        var whole = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal(2, new MemoryFile(path, TimeProvider.System).Memory.Count);
        for (int length = 0; length < whole.Length; length++)
        {
            await File.WriteAllBytesAsync(path, whole[..length], TestContext.Current.CancellationToken);
            Assert.Throws<FormatException>(() => new MemoryFile(path, TimeProvider.System));
        }
    }

    [Fact]
    public async Task With_no_room_for_the_memory_the_mail_goes_on_and_the_memory_stays_as_it_was() // 9.4
    {
        using var disk = new MemoryDisk();
        Assert.SkipUnless(disk.IsSmall, "Needs root, to mount a small disk.");
        await using var server = new EmbeddedServer();
        Assert.Equal(0, (await MailAsync()).Code);
        var before = await File.ReadAllTextAsync(disk.File, TestContext.Current.CancellationToken);
        disk.Fill();
        var (replies, code) = await MailAsync();
        Assert.Contains("354", replies, StringComparison.Ordinal);
        Assert.Equal(0, code);
        Assert.Equal(2, server.Sink.Messages.Count);
        Assert.Equal(before, await File.ReadAllTextAsync(disk.File, TestContext.Current.CancellationToken));
        disk.Empty();
        Assert.Equal(0, (await MailAsync()).Code);
        Assert.Equal(["memory", "memory.lock"], Directory.EnumerateFiles(System.IO.Path.GetDirectoryName(disk.File)!).Select(System.IO.Path.GetFileName).Order());

        Task<(string Replies, int Code)> MailAsync() => BlackPonyProgram.MailAsync("--port", $"{server.Port}", "--policy", "remembered", "--memory", disk.File, "[127.0.0.1]");
    }

    [Fact]
    public async Task Key_log_and_memory_are_the_owners_alone_even_where_files_are_everybodys() // [BP-11.3-2]
    {
        int mask = Umask(0);
        try
        {
            await using var sink = new MailSink();
            int port = Repository.FreePort();
            string keys = System.IO.Path.Combine(_folder, "keys"), more = System.IO.Path.Combine(_folder, "more"), memory = System.IO.Path.Combine(_folder, "memory");
            using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--keylog", keys);
            await BlackPonyProgram.MailAsync("--port", $"{port}", "--policy", "remembered", "--memory", memory, "--keylog", more, "[127.0.0.1]");
            Assert.All((string[])[keys, more, memory, memory + ".lock"], f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
        }
        finally
        {
            _ = Umask(mask);
        }
    }

    [DllImport("libc", EntryPoint = "umask"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Umask(int mask);
}

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
        var path = Path.Combine(_folder, "memory");
        var memory = new MemoryFile(path, TimeProvider.System);
        memory.Memory.Good("a.test", 25, [new byte[32]]);
        memory.Memory.Good("b.test", 25, []);
        await memory.SaveAsync(TestContext.Current.CancellationToken);
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
        Assert.Equal(["memory", "memory.lock"], Directory.EnumerateFiles(Path.GetDirectoryName(disk.File)!).Select(Path.GetFileName).Order());

        Task<(string Replies, int Code)> MailAsync() => BlackPonyProgram.MailAsync("--port", $"{server.Port}", "--policy", "remembered", "--memory", disk.File, "[127.0.0.1]");
    }

    [Fact]
    public async Task Key_log_and_memory_are_the_owners_alone_even_where_files_are_everybodys() // [BP-11.3-2]
    {
        await using var sink = new MailSink();
        int port = Repository.FreePort();
        string keys = Path.Combine(_folder, "keys"), more = Path.Combine(_folder, "more"), memory = Path.Combine(_folder, "memory");
        using var listen = BlackPonyProgram.StartUnmasked("listen", "--listen", $"127.0.0.1:{port}", "--backend", $"127.0.0.1:{sink.Port}", "--keylog", keys);
        await listen.ListensAsync(port);
        int relayPort = Repository.FreePort();
        using var relay = BlackPonyProgram.StartUnmasked("relay", "--listen", $"127.0.0.1:{relayPort}", "--route", $"*=[127.0.0.1]:{port}", "--policy", "remembered", "--memory", memory, "--keylog", more);
        using var person = await Repository.RetryAsync(() => Person.ConnectAsync(relayPort));
        await person.SayAsync("EHLO x.test", "250");
        await person.SayAsync("MAIL FROM:<a@x.test>", "250");
        await person.SayAsync("RCPT TO:<b@sink.test>", "250");
        Assert.All((string[])[keys, more, memory, memory + ".lock"], f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
    }

    [Fact]
    public async Task A_server_is_remembered_before_any_mail_goes_to_it_whatever_becomes_of_the_mailer() // [BP-9.4-2], [BP-9.4-4]
    {
        await using var server = new EmbeddedServer();
        var memory = Path.Combine(_folder, "memory");
        int port = Repository.FreePort();
        using var relay = BlackPonyProgram.Start("relay", "--listen", $"127.0.0.1:{port}", "--route", $"*=[127.0.0.1]:{server.Port}", "--policy", "remembered", "--memory", memory);
        using var person = await Repository.RetryAsync(() => Person.ConnectAsync(port));
        await person.SayAsync("EHLO x.test", "250");
        await person.SayAsync("MAIL FROM:<a@x.test>", "250");
        await person.SayAsync("RCPT TO:<b@sink.test>", "250");
        relay.Kill();
        Assert.Contains($"127.0.0.1 {server.Port} ", await File.ReadAllTextAsync(memory, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}

using System.Diagnostics;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Tests.Interop.NothingLost;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Time.Testing;

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
    public async Task A_full_memory_is_not_written_again_for_each_delivery_and_forgets_nobody() // [BP-9.4-13], [BP-9.4-15]
    {
        var path = Path.Combine(_folder, "memory");
        var cancel = TestContext.Current.CancellationToken;
        var first = new MemoryFile(path, TimeProvider.System);
        for (int i = 0; i < Limits.MaxMemoryEntries; i++)
        {
            Assert.True(first.Memory.Good($"mx.a{i}.test", 25, []));
        }

        await first.SaveAsync(cancel);
        var before = await File.ReadAllBytesAsync(path, cancel);
        for (int i = 0; i < 40; i++)
        {
            var delivery = new MemoryFile(path, TimeProvider.System);
            Assert.True(delivery.Memory.Good($"mx.a{i}.test", 25, [new byte[32]]));
            Assert.False(delivery.Memory.Good($"mx.stranger{i}.test", 25, []));
            await delivery.SaveAsync(cancel);
        }

        var after = await File.ReadAllBytesAsync(path, cancel);
        Assert.Equal(before[..^6], after[..(before.Length - 6)]);
        Assert.InRange(after.Length, before.Length + 40, before.Length + (40 * 200));
        var last = new MemoryFile(path, TimeProvider.System).Memory;
        Assert.Equal(Limits.MaxMemoryEntries, last.Count);
        Assert.Equal((1, 0), (last.Find("mx.a39.test", 25, out _)!.Idents.Count, last.Find("mx.a40.test", 25, out _)!.Idents.Count));
    }

    [Fact]
    public async Task A_delivery_parses_only_what_has_come_since_the_last_one()
    {
        var path = Path.Combine(_folder, "memory");
        var first = new MemoryFile(path, TimeProvider.System);
        for (int i = 0; i < Limits.MaxMemoryEntries - 10; i++)
            first.Memory.Good($"mx.a{i}.test", 25, []);

        await first.SaveAsync(TestContext.Current.CancellationToken);
        long whole = Allocated(() => Assert.Equal(Limits.MaxMemoryEntries - 10, new MemoryFile(path, TimeProvider.System).Memory.Count));
        long again = long.MaxValue;

        // A process keeps one memory. A test that reads another one meanwhile takes this one out, so the least of several counts.
        for (int i = 0; i < 8; i++)
        {
            var name = $"mx.b{i}.test";
            var next = new MemoryFile(path, TimeProvider.System);
            next.Memory.Good(name, 25, []);
            await next.SaveAsync(TestContext.Current.CancellationToken);
            again = Math.Min(again, Allocated(() =>
                Assert.NotNull(new MemoryFile(path, TimeProvider.System).Memory.Find(name, 25, out _))));
        }

        Assert.InRange(again, 0, whole / 4);

        static long Allocated(Action act)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            act();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Theory]
    [InlineData("mx.a.test", "mx.c.test")]
    [InlineData("# end", "mx.c.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n# end")]
    [InlineData("mx.b.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n", "")]
    [InlineData("mx.b.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n", "mx.b.test 25 - - - -\n")]
    public async Task A_change_by_hand_counts_for_the_next_delivery_whatever_the_files_time_is(string old, string changed) // [BP-9.4-2]
    {
        var path = Path.Combine(_folder, "memory");
        var text = "# BlackPony memory 2: name port first-good last-good failing-since keys\n"
            + "mx.a.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n"
            + "mx.b.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n# end\n";
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 23, 13, 0, 0, TimeSpan.Zero));
        var cancel = TestContext.Current.CancellationToken;
        await File.WriteAllTextAsync(path, text, cancel);
        var time = File.GetLastWriteTimeUtc(path);
        var known = new MemoryFile(path, clock);
        Assert.Equal(2, known.Memory.Count);
        await using (var same = new FileStream(path, FileMode.Open, FileAccess.Write))
        {
            var octets = Encoding.ASCII.GetBytes(text.Replace(old, changed, StringComparison.Ordinal));
            await same.WriteAsync(octets, cancel);
            same.SetLength(octets.Length);
        }

        File.SetLastWriteTimeUtc(path, time);
        var next = new MemoryFile(path, clock);
        var (a, b, c) = (Knows(next, "mx.a.test"), Knows(next, "mx.b.test"), Knows(next, "mx.c.test"));
        Assert.Equal((old != "mx.a.test", changed.Length > 0 && !changed.EndsWith("- - - -\n", StringComparison.Ordinal),
            changed.StartsWith("mx.c", StringComparison.Ordinal)), (a, b, c));

        // A process that read it before keeps what is there now.
        known.Memory.Good("mx.d.test", 25, []);
        await known.SaveAsync(cancel);
        next = new MemoryFile(path, clock);
        Assert.Equal((a, b, c), (Knows(next, "mx.a.test"), Knows(next, "mx.b.test"), Knows(next, "mx.c.test")));
        Assert.True(Knows(next, "mx.d.test"));

        static bool Knows(MemoryFile file, string name) => file.Memory.Find(name, 25, out _) is not null;
    }

    [Fact]
    public async Task A_read_during_an_append_is_repeated() // [BP-9.4-14]
    {
        const string Entry = " 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n";
        const string Before = $"# BlackPony memory 2: name port first-good last-good failing-since keys\nmx.a.test{Entry}";
        const string Appended = $"mx.b.test{Entry}# end\n";
        var path = Path.Combine(_folder, "memory");
        using (var make = Process.Start("mkfifo", [path]))
            await make.WaitForExitAsync(TestContext.Current.CancellationToken);

        // The former end as far as a first system call read it, and what a second one read after the append.
        foreach (int first in (int[])[1, 3, 6])
        {
            var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 23, 13, 0, 0, TimeSpan.Zero));
            var reading = Task.Run(() => MemoryFile.Read(path, clock));
            await WriteAsync(Before + "# end\n"[..first] + Appended[first..]);
            await WriteAsync(Before + Appended);
            var memory = await reading.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
            Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        }

        // To one reading alone: the one before has closed the file, and this one has opened it.
        async Task WriteAsync(string text)
        {
            await IsOpenAsync(0);
            await Task.Run(async () =>
            {
                await using var pipe = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                await IsOpenAsync(2);
                await pipe.WriteAsync(Encoding.ASCII.GetBytes(text), TestContext.Current.CancellationToken);
            }).WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        }

        Task IsOpenAsync(int times) => Wait.RetryAsync(() => Task.FromResult(
            Directory.GetFiles("/proc/self/fd").Count(f => new FileInfo(f).LinkTarget == path) == times ? ""
                : throw new IOException($"It is not open {times} times.")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(40)]
    public async Task A_machine_that_loses_power_while_it_writes_goes_on_with_what_it_knew(int written) // [BP-9.4-12]
    {
        var path = Path.Combine(_folder, "memory");
        var cancel = TestContext.Current.CancellationToken;
        var first = new MemoryFile(path, TimeProvider.System);
        first.Memory.Good("mx.a.test", 25, []);
        await first.SaveAsync(cancel);
        var text = (await File.ReadAllTextAsync(path, cancel))[..^6];
        await File.WriteAllTextAsync(path + ".lock", $"{text.Length}\n", cancel);
        await File.WriteAllTextAsync(path, text + "mx.b.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n# end\n"[..written], cancel);
        var second = new MemoryFile(path, TimeProvider.System);
        Assert.Equal((1, true), (second.Memory.Count, second.Memory.Find("mx.a.test", 25, out _) is not null));
        second.Memory.Good("mx.c.test", 25, []);
        await second.SaveAsync(cancel);
        Assert.Equal(2, new MemoryFile(path, TimeProvider.System).Memory.Count);
        Assert.Equal("", await File.ReadAllTextAsync(path + ".lock", cancel));
    }

    [Fact]
    public async Task A_server_that_is_forgotten_stays_so_until_it_shows_itself_again() // [BP-9.4-10]
    {
        var path = Path.Combine(_folder, "memory");
        var cancel = TestContext.Current.CancellationToken;
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 23, 12, 0, 0, TimeSpan.Zero));
        await DoAsync(m => m.Good("mx.a.test", 25, []));
        await DoAsync(m => m.Good("mx.b.test", 25, []));
        await DoAsync(m => m.Failing("mx.a.test", 25));
        clock.Advance(Limits.MemoryPatience + TimeSpan.FromSeconds(1));
        await DoAsync(m =>
        {
            Assert.Null(m.Find("mx.a.test", 25, out bool gaveUp));
            Assert.True(gaveUp);
        });
        await DoAsync(m =>
        {
            Assert.Null(m.Find("mx.a.test", 25, out bool gaveUp));
            Assert.Equal((false, 1), (gaveUp, m.Count));
        });
        await DoAsync(m => m.Good("mx.a.test", 25, []));
        await DoAsync(m => Assert.Equal((true, 2), (m.Find("mx.a.test", 25, out _) is not null, m.Count)));

        async Task DoAsync(Action<BlackPony.Reference.Policy.ServerMemory> act)
        {
            var file = new MemoryFile(path, clock);
            act(file.Memory);
            await file.SaveAsync(cancel);
        }
    }

    [Fact]
    public async Task A_server_for_which_there_is_no_room_gets_its_mail_and_the_log_a_warning() // [BP-9.4-16], [BP-9.4-17]
    {
        var path = Path.Combine(_folder, "memory");
        var file = new MemoryFile(path, TimeProvider.System);
        for (int i = 1; i <= Limits.MaxMemoryPerOwner; i++)
        {
            file.Memory.Good("127.0.0.1", i, []);
        }

        await file.SaveAsync(TestContext.Current.CancellationToken);
        var before = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        await using var server = new EmbeddedServer();
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(
            port, "--route", $"*=[127.0.0.1]:{server.Port}", "--policy", "remembered", "--memory", path);
        using (var person = await SmtpUser.ConnectAsync(port))
        {
            await person.BeginMessageAsync("r@b.test");
            await person.SayAsync("Subject: s\r\n.", "250");
            await person.SayAsync("QUIT", "221");
        }

        // The route has a host; the warning names the domain, as the mail server's log does.
        await relay.SaysAsync($"not remembered: the memory has no room for 127.0.0.1:{server.Port}, which may get plaintext next time "
            + "to=b.test");
        Assert.Equal(before, await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Lines_that_count_no_more_do_not_pile_up()
    {
        var path = Path.Combine(_folder, "memory");
        var line = "mx.a.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n";
        var lines = string.Concat(Enumerable.Repeat(line, 5000));
        var text = $"# BlackPony memory 2: name port first-good last-good failing-since keys\n{lines}# end\n";
        await File.WriteAllTextAsync(path, text, TestContext.Current.CancellationToken);
        var file = new MemoryFile(path, TimeProvider.System);
        file.Memory.Good("mx.b.test", 25, []);
        await file.SaveAsync(TestContext.Current.CancellationToken);
        Assert.Equal(4, (await File.ReadAllLinesAsync(path, TestContext.Current.CancellationToken)).Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5000)]
    public async Task Two_processes_that_read_the_memory_before_either_wrote_it_keep_what_both_met(int stale) // [BP-9.4-2]
    {
        var path = Path.Combine(_folder, "memory");
        var cancel = TestContext.Current.CancellationToken;
        var earlier = new MemoryFile(path, TimeProvider.System);
        earlier.Memory.Good("mx.a.test", 25, [new byte[32]]);
        await earlier.SaveAsync(cancel);
        var text = await File.ReadAllTextAsync(path, cancel);
        var lines = text.Split('\n');
        await File.WriteAllTextAsync(path, $"{lines[0]}\n{string.Concat(Enumerable.Repeat(lines[1] + "\n", 1 + stale))}# end\n", cancel);
        var (first, second) = (new MemoryFile(path, TimeProvider.System), new MemoryFile(path, TimeProvider.System));
        first.Memory.Good("mx.b.test", 25, []);
        second.Memory.Good("mx.c.test", 25, []);
        second.Memory.Failing("mx.a.test", 25);
        await first.SaveAsync(cancel);
        await second.SaveAsync(cancel);
        var after = new MemoryFile(path, TimeProvider.System).Memory;
        Assert.Equal(3, after.Count);
        Assert.Equal(
            (1, true), (after.Find("mx.a.test", 25, out _)!.Idents.Count, after.Find("mx.a.test", 25, out _)!.FailingSince is not null));
        Assert.NotNull(after.Find("mx.b.test", 25, out _));
        Assert.NotNull(after.Find("mx.c.test", 25, out _));
    }

    [Fact]
    public async Task A_process_that_writes_the_memory_again_keeps_what_others_brought_in_meanwhile() // [BP-9.4-2]
    {
        var path = Path.Combine(_folder, "memory");
        var cancel = TestContext.Current.CancellationToken;
        await File.WriteAllTextAsync(path, Text("mx.a.test"), cancel);
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 23, 13, 0, 0, TimeSpan.Zero));
        var late = new MemoryFile(path, clock);
        late.Memory.Good("mx.c.test", 25, []);

        // So many lines that count no more that the file is due to be written again.
        await File.WriteAllTextAsync(path, Text([.. Enumerable.Repeat("mx.a.test", 5000), "mx.b.test"]), cancel);
        await late.SaveAsync(cancel);
        var after = new MemoryFile(path, clock).Memory;
        Assert.Equal(3, after.Count);
        Assert.All((string[])["mx.a.test", "mx.b.test", "mx.c.test"], n => Assert.NotNull(after.Find(n, 25, out _)));
        Assert.Equal(5, (await File.ReadAllLinesAsync(path, cancel)).Length);

        static string Text(params string[] names) => "# BlackPony memory 2: name port first-good last-good failing-since keys\n"
            + string.Concat(names.Select(n => $"{n} 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n")) + "# end\n";
    }

    [Fact]
    public async Task Deliveries_at_one_time_all_bring_in_what_they_met() // [BP-9.4-2]
    {
        var path = Path.Combine(_folder, "memory");
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(async () =>
        {
            var file = new MemoryFile(path, TimeProvider.System);
            file.Memory.Good($"mx.a{i}.test", 25, []);
            await file.SaveAsync(TestContext.Current.CancellationToken);
        })));
        Assert.Equal(20, new MemoryFile(path, TimeProvider.System).Memory.Count);
    }

    [Fact]
    public async Task With_no_room_for_the_memory_the_mail_goes_on_and_the_memory_stays_as_it_was() // 9.4, [BP-9.4-26], [BP-9.4-27]
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
        Assert.Equal(["memory", "memory.lock"],
            Directory.EnumerateFiles(Path.GetDirectoryName(disk.File)!).Select(Path.GetFileName).Order());

        Task<(string Replies, int Code)> MailAsync() =>
            BlackPonyProgram.MailAsync("--port", $"{server.Port}", "--policy", "remembered", "--memory", disk.File, "[127.0.0.1]");
    }

    [Fact]
    public async Task Key_log_and_memory_are_the_owners_alone_even_where_files_are_everybodys() // [BP-11.3-2]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        string keys = Path.Combine(_folder, "keys"), more = Path.Combine(_folder, "more"), memory = Path.Combine(_folder, "memory");
        using var listen = BlackPonyProgram.StartUnmasked("listen", "--listen", $"127.0.0.1:{port}", "--backend", $"127.0.0.1:{sink.Port}",
            "--keylog", keys);
        await listen.ListensAsync(port);
        int relayPort = FreePorts.Next();
        using var relay = BlackPonyProgram.StartUnmasked("relay", "--listen", $"127.0.0.1:{relayPort}", "--route", $"*=[127.0.0.1]:{port}",
            "--policy", "remembered", "--memory", memory, "--keylog", more);
        using var person = await Wait.RetryAsync(() => SmtpUser.ConnectAsync(relayPort));
        await person.SayAsync("EHLO x.test", "250");
        await person.SayAsync("MAIL FROM:<a@x.test>", "250");
        await person.SayAsync("RCPT TO:<b@sink.test>", "250");
        Assert.All((string[])[keys, more, memory, memory + ".lock"],
            f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
    }

    [Fact]
    public async Task A_server_is_remembered_before_any_mail_goes_to_it_whatever_becomes_of_the_mailer() // [BP-9.4-2], [BP-9.4-4]
    {
        await using var server = new EmbeddedServer();
        var memory = Path.Combine(_folder, "memory");
        int port = FreePorts.Next();
        using var relay = BlackPonyProgram.Start("relay", "--listen", $"127.0.0.1:{port}", "--route", $"*=[127.0.0.1]:{server.Port}",
            "--policy", "remembered", "--memory", memory);
        using var person = await Wait.RetryAsync(() => SmtpUser.ConnectAsync(port));
        await person.SayAsync("EHLO x.test", "250");
        await person.SayAsync("MAIL FROM:<a@x.test>", "250");
        await person.SayAsync("RCPT TO:<b@sink.test>", "250");
        relay.Kill();
        Assert.Contains($"127.0.0.1 {server.Port} ", await File.ReadAllTextAsync(memory, TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }
}

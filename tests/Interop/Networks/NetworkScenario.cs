using System.Diagnostics;
using System.Net;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Win32.SafeHandles;

namespace BlackPony.Tests.Interop.Networks;

/// <summary>
/// Two network namespaces and a wire between them. In the near one, which has its own resolv.conf and hosts file, the programs run; in
/// the far one the test's
/// name servers and mail servers listen. Nothing of it can be reached from elsewhere, and all of it goes with the test.
/// </summary>
internal sealed class NetworkScenario : IAsyncDisposable
{
    /// <summary>The near side's addresses, and those of the far one if nothing else is said.</summary>
    public const string Near4 = "192.0.2.1", Near6 = "2001:db8::1", NearLink = "fe80::b1ac",
        Dns = "192.0.2.53", Good = "192.0.2.10", Trap = "192.0.2.66",
        Good6 = "2001:db8::10";

    private static readonly string[] Far = [Dns, "192.0.2.54", Good, Trap, "2001:db8::53", Good6];
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
    private readonly List<IDisposable> _servers = [];
    private readonly List<IAsyncDisposable> _sinks = [];
    private Process? _far;
    private Process? _near;

    private NetworkScenario()
    {
    }

    /// <summary>Builds a world, or skips the test where none can be.</summary>
    /// <param name="resolvConf">The near side's resolv.conf.</param>
    /// <param name="hosts">Its hosts file.</param>
    /// <param name="near">Its addresses, with the prefix's length; none for no network.</param>
    public static async Task<NetworkScenario> StartAsync(string resolvConf = $"nameserver {Dns}", string hosts = "", params string[] near)
    {
        var world = new NetworkScenario();
        try
        {
            await world.BuildAsync(resolvConf, hosts, near.Length == 0 ? [Near4 + "/24", Near6 + "/64"] : near);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>A name server on the far side.</summary>
    public NameServer NameServer(string zone, string address = Dns)
    {
        var server = InFar(() => new NameServer(new IPEndPoint(IPAddress.Parse(address), 53), zone));
        _servers.Add(server);
        return server;
    }

    /// <summary>A mail server on the far side's port 25.</summary>
    public MailSink MailServer(string address = Good)
    {
        var sink = InFar(() => new MailSink(new IPEndPoint(IPAddress.Parse(address), 25)));
        _sinks.Add(sink);
        return sink;
    }

    /// <summary>Sends one message by <c>blackpony mailer</c> on the near side.</summary>
    public async Task<(string Replies, int Code, string Log)> MailAsync(params string[] arguments)
    {
        var start = Start(["mailer", .. arguments]);
        (start.RedirectStandardInput, start.RedirectStandardOutput) = (true, true);
        using var process = Process.Start(start)!;
        var log = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var replies = new List<string>();
        try
        {
            foreach (var text in (string[])["", "EHLO queue.test", "MAIL FROM:<a@queue.test>", "RCPT TO:<b@b.test>", "DATA",
                "Subject: s\r\n\r\nhello\r\n.", "QUIT"])
            {
                await process.StandardInput.WriteAsync(text.Length == 0 ? "" : text + "\r\n");
                await process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
                string? line;
                do
                {
                    line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
                    replies.Add(line ?? "");
                }
                while (line is [_, _, _, '-', ..]);
                if (line is null or ['4' or '5', ..])
                {
                    break;
                }
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2),
            TestContext.Current.CancellationToken);
        return (string.Join('\n', replies), process.ExitCode, await log);
    }

    /// <summary>Starts <c>blackpony listen</c> on the near side.</summary>
    public BlackPonyProgram Listen(params string[] arguments) => BlackPonyProgram.StartWithin(Within(), ["listen", .. arguments]);

    /// <summary>Does something on the near side that makes sockets, or looks at the network.</summary>
    public T InNear<T>(Func<T> make) => In(_near!, make);

    /// <summary>Asks <c>blackpony relay</c> on the near side for recipients, each in a transaction of its own.</summary>
    /// <returns>The reply to each RCPT.</returns>
    public async Task<string[]> RecipientsAsync(string[] options, params string[] recipients)
    {
        using var relay = Process.Start(Start(["relay", "--listen", "127.0.0.1:2526", .. options]))!;
        relay.ErrorDataReceived += (_, _) => { };
        relay.BeginErrorReadLine();
        try
        {
            using var person = new SmtpUser(await Wait.RetryAsync(() =>
                Task.FromResult(InNear(() => new System.Net.Sockets.TcpClient("127.0.0.1", 2526)))));
            await person.ExpectAsync("220");
            await person.SayAsync("EHLO a.test", "250");
            var replies = new List<string>();
            foreach (var recipient in recipients)
            {
                await person.SayAsync("MAIL FROM:<s@a.test>", "250");
                replies.Add(await person.SayAsync($"RCPT TO:<{recipient}>", ""));
                await person.SayAsync("RSET", "250");
            }

            return [.. replies];
        }
        finally
        {
            relay.Kill();
            await relay.WaitForExitAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _servers.ForEach(s => s.Dispose());
        foreach (var sink in _sinks)
        {
            await sink.DisposeAsync();
        }

        foreach (var holder in (Process?[])[_near, _far])
        {
            holder?.Kill();
            holder?.WaitForExit();
            holder?.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    // With the root directory of this process, which may be another than the mount namespace's.
    private string[] Within() => ["nsenter", "-t", $"{_near!.Id}", "-n", "-m", "-r", "--"];

    private ProcessStartInfo Start(string[] arguments) =>
        new("nsenter", [.. Within()[1..], BlackPonyProgram.File, .. arguments])
        {
            RedirectStandardError = true,
        };

    private async Task BuildAsync(string resolvConf, string hosts, string[] near)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.UserName == "root" && File.Exists("/etc/resolv.conf"),
            "Needs root on Linux, for network namespaces.");
        _far = await HoldAsync("-n", "ip link set lo up");
        Assert.SkipWhen(_far.HasExited, "Needs ip(8) and unshare(1), and a system that allows network namespaces.");
        await File.WriteAllTextAsync(Path.Combine(_folder, "resolv.conf"), resolvConf);
        await File.WriteAllTextAsync(Path.Combine(_folder, "hosts"), hosts);
        var commands = new List<string> { "set -e", "ip link set lo up", $"mount --bind {_folder}/resolv.conf /etc/resolv.conf",
            $"mount --bind {_folder}/hosts /etc/hosts" };
        if (near is not ["none"])
        {
            // A neighbour that never answers, and is no error either: nobody has that link address.
            commands.AddRange([$"ip link add near type veth peer name far netns {_far.Id}", .. near
                .Select(a => $"ip addr add {a} dev near {Flags(a)}"), "ip link set near up"]);
            commands.AddRange(Far
                .Select(a =>
                    $"nsenter -t {_far.Id} -n ip addr add {a}{(a.Contains(':', StringComparison.Ordinal) ? "/64" : "/24")} dev far "
                        + $"{Flags(a)}"));
            commands.Add($"nsenter -t {_far.Id} -n ip link set far up");
        }

        _near = await HoldAsync("-n -m --propagation private", string.Join('\n', commands));
        Assert.False(_near.HasExited, "The near side was not built.");
    }

    // IPv6 addresses are there at once.
    private static string Flags(string address) => address.Contains(':', StringComparison.Ordinal) ? "nodad" : "";

    // A process that holds namespaces until it is killed, or this one ends.
    private static async Task<Process> HoldAsync(string namespaces, string commands)
    {
        var holder = Process.Start(new ProcessStartInfo("/bin/sh",
            ["-c", $"exec unshare {namespaces} /bin/sh -c '{commands}\necho ready\nexec cat'"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        if (await holder.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is null)
        {
            await holder.WaitForExitAsync();
        }

        return holder;
    }

    private T InFar<T>(Func<T> make) => In(_far!, make);

    // A socket belongs to the namespace of the thread that makes it; this thread ends afterwards.
    private static T In<T>(Process holder, Func<T> make)
    {
        T made = default!;
        ExceptionDispatchInfo? failed = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var space = File.OpenHandle($"/proc/{holder.Id}/ns/net");
                made = SetNs(space, 0) == 0 ? made : throw new IOException("setns failed.");
                made = make();
            }
            catch (Exception e)
            {
                failed = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failed?.Throw();
        return made;
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNs(SafeFileHandle space, int type);
}

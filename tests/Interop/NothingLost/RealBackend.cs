using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>A real mail server that is killed at random points, with all its processes, and started again.</summary>
internal abstract partial class RealBackend(Ledger ledger, Random random) : IBackend
{
    private readonly List<DateTime> _kills = [];

    /// <inheritdoc/>
    public string Domain => "b.test";

    /// <inheritdoc/>
    public abstract int Port { get; }

    /// <inheritdoc/>
    public string? Refusal => null;

    /// <inheritdoc/>
    public IEnumerable<(string Name, Func<Task> Make)> Troubles => [("backend killed", KillAsync)];

    /// <summary>Where its mail ends up, a file for each message.</summary>
    protected abstract string Mailbox { get; }

    /// <inheritdoc/>
    public void Begin()
    {
    }

    /// <inheritdoc/>
    public async Task<string> DeliverAsync()
    {
        await FlushAsync();
        int own = 0;
        foreach (var copies in Directory.EnumerateFiles(Mailbox, "*").Select(Read).GroupBy(c => (c.Queued, c.Name)))
        {
            // Taken once, delivered more than once: it was killed between delivery and its note of it.
            var inOrder = copies.OrderBy(c => c.Time).ToList();
            foreach (var (one, next) in inOrder.Zip(inOrder.Skip(1)))
            {
                Assert.Equal(one.Octets, next.Octets);
                Assert.True(_kills.Any(k => k >= one.Time && k <= next.Time), $"Attempt {copies.Key.Name} is there twice, and the server was not killed in between.");
                own++;
            }

            ledger.Keep(inOrder[0].Octets);
        }

        return $", {own} delivered twice by the server itself, killed in between";
    }

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();

    /// <summary>Ends all its processes by SIGKILL.</summary>
    protected abstract Task EndAsync();

    /// <summary>Starts it again.</summary>
    protected abstract Task StartAgainAsync();

    /// <summary>Delivers all that is in its queue.</summary>
    protected abstract Task FlushAsync();

    private async Task KillAsync()
    {
        await Task.Delay(random.Next(50));
        _kills.Add(DateTime.UtcNow);
        await EndAsync();
        await StartAgainAsync();
    }

    // The message as it was sent, without the server's header fields.
    private static (string Queued, string Name, DateTime Time, byte[] Octets) Read(string file)
    {
        var text = Encoding.Latin1.GetString(File.ReadAllBytes(file));
        text = text.Contains("\r\n", StringComparison.Ordinal) ? text : text.Replace("\n", "\r\n", StringComparison.Ordinal);
        int body = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var head = text[..(body + 2)];
        var own = string.Concat(head.Split("\r\n").Where(l => l.StartsWith("X-Attempt: ", StringComparison.Ordinal) || l.StartsWith("Subject: ", StringComparison.Ordinal)).Select(l => l + "\r\n"));
        return (QueueId().Match(head).Groups[1].Value, own[..own.IndexOf('\r', StringComparison.Ordinal)], File.GetLastWriteTimeUtc(file), Encoding.Latin1.GetBytes(own + text[(body + 2)..]));
    }

    [GeneratedRegex(@"\bwith ESMTP id (\w+)")]
    private static partial Regex QueueId();
}

/// <summary>Postfix, which delivers while it is killed, into a maildir.</summary>
internal sealed class PostfixBackend : RealBackend
{
    private readonly Postfix _postfix;

    private PostfixBackend(Ledger ledger, Random random, Postfix postfix)
        : base(ledger, random) => _postfix = postfix;

    public override int Port => _postfix.Port;

    protected override string Mailbox => Path.Combine(_postfix.Folder, "mail", "box", "new");

    public static async Task<IBackend> StartAsync(string folder, Ledger ledger, Random random)
    {
        Lab.Need("postfix");
        var mail = Path.Combine(folder, "mail");
        await Repository.ShellAsync($"mkdir -p {mail} && chmod 777 {mail}");
        // No log: a postlogd that warns of something before it listens waits for itself if all others have written to it already.
        return new PostfixBackend(ledger, random, await Postfix.StartAsync(
            folder, "mx.b.test", "b.test",
            $"""
            mynetworks = 127.0.0.1/32
            virtual_transport = virtual
            virtual_mailbox_base = {mail}
            virtual_mailbox_maps = static:box/
            virtual_minimum_uid = 1
            virtual_uid_maps = static:8
            virtual_gid_maps = static:8
            queue_run_delay = 1s
            minimal_backoff_time = 1s
            maximal_backoff_time = 1s
            transport_retry_time = 1s
            service_throttle_time = 1s
            maillog_file =
            smtpd_error_sleep_time = 0
            """,
            p => $"127.0.0.1:{p} inet n - n - - smtpd\nvirtual unix - n n - - virtual"));
    }

    public override ValueTask DisposeAsync()
    {
        _postfix.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override Task EndAsync() => _postfix.KillAsync();

    protected override Task StartAgainAsync() => _postfix.StartAgainAsync();

    protected override async Task FlushAsync()
    {
        // A message moves between these folders: it was not overlooked twice.
        for (int empty = 0, i = 0; empty < 2; i++)
        {
            Assert.True(i < 600, "Postfix's queue does not empty.");
            empty = Queued() ? 0 : empty + 1;
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }

        // A file that is not executable is one whose message never came whole.
        bool Queued() => ((string[])["deferred", "incoming", "active"]).SelectMany(f => Directory.EnumerateFiles(Path.Combine(_postfix.Folder, "queue", f), "*", SearchOption.AllDirectories)).Any(f =>
        {
            try
            {
                return File.GetUnixFileMode(f).HasFlag(UnixFileMode.UserExecute);
            }
            catch (FileNotFoundException)
            {
                return true;
            }
        });
    }
}

/// <summary>sendmail, which keeps all in its queue until the end.</summary>
internal sealed class SendmailBackend : RealBackend
{
    private readonly Sendmail _sendmail;
    private readonly int _port;

    private SendmailBackend(Ledger ledger, Random random, Sendmail sendmail, int port)
        : base(ledger, random) => (_sendmail, _port) = (sendmail, port);

    public override int Port => _port;

    protected override string Mailbox => Path.Combine(_sendmail.Folder, "box");

    public static async Task<IBackend> StartAsync(string folder, Ledger ledger, Random random)
    {
        Sendmail.Need();
        int port = Repository.FreePort();
        return new SendmailBackend(ledger, random, await Sendmail.StartAsync(folder, "mx.b.test", "b.test", port, options: "-O DeliveryMode=queueonly"), port);
    }

    public override ValueTask DisposeAsync()
    {
        _sendmail.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override Task EndAsync() => _sendmail.KillAsync();

    protected override Task StartAgainAsync() => _sendmail.StartAgainAsync();

    protected override async Task FlushAsync()
    {
        // Who was killed with a session open may still hold a message.
        for (int i = 0; ; i++)
        {
            var said = await _sendmail.FlushAsync();
            // A control file that is still empty is none yet: sendmail was killed as it made it, and removes it after ten minutes. The ledger says whether a message was lost so.
            if (said.Contains($"Total requests: {said.Split("(no control file").Length - 1}\n", StringComparison.Ordinal))
            {
                break;
            }

            Assert.True(i < 20, $"sendmail's queue does not empty: {said[^Math.Min(3000, said.Length)..]}");
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }

        foreach (var envelope in Directory.EnumerateFiles(Mailbox, "*.env"))
        {
            File.Delete(envelope);
        }
    }
}

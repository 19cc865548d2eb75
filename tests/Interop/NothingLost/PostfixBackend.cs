using System.Diagnostics;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>Postfix, which delivers while it is killed, into a maildir.</summary>
internal sealed class PostfixBackend : RealBackend
{
    private readonly Postfix _postfix;

    private PostfixBackend(AttemptLog ledger, Random random, Postfix postfix)
        : base(ledger, random, postfix, postfix.KillAsync, postfix.StartAgainAsync) => _postfix = postfix;

    public override int Port => _postfix.Port;

    protected override string Mailbox => Path.Combine(_postfix.Folder, "mail", "box", "new");

    public static Task<IBackend> StartAsync(string folder, AttemptLog ledger, Random random) => StartAsync(folder, ledger, random, "");

    /// <summary>Starts one that 127.0.0.1 tells the clients' addresses.</summary>
    public static Task<IBackend> StartXClientAsync(string folder, AttemptLog ledger, Random random) =>
        StartAsync(folder, ledger, random, " -o smtpd_authorized_xclient_hosts=127.0.0.1");

    private static async Task<IBackend> StartAsync(string folder, AttemptLog ledger, Random random, string smtpd)
    {
        ServerInstall.Need("postfix");
        var mail = Path.Combine(folder, "mail");
        await Shell.RunAsync($"mkdir -p {mail} && chmod 777 {mail}");
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
            p => $"127.0.0.1:{p} inet n - n - - smtpd{smtpd}\nvirtual unix - n n - - virtual"));
    }

    protected override async Task FlushAsync()
    {
        // A message moves between these folders: it was not overlooked twice.
        var began = Stopwatch.StartNew();
        for (int empty = 0; empty < 2;)
        {
            Assert.True(began.Elapsed < Wait.HangGuard, "Postfix's queue does not empty.");
            empty = Queued() ? 0 : empty + 1;
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }

        // A file that is not executable is one whose message never came whole.
        bool Queued() => ((string[])["deferred", "incoming", "active"])
            .SelectMany(f => Directory.EnumerateFiles(Path.Combine(_postfix.Folder, "queue", f), "*", SearchOption.AllDirectories)).Any(f =>
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

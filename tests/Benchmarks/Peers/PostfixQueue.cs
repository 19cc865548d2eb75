namespace BlackPony.Benchmarks.Peers;

/// <summary>A Postfix with a queue of held mail, which it delivers to one server on request.</summary>
internal sealed class PostfixQueue : IDisposable
{
    private readonly string _folder;
    private readonly Child _postfix;

    private PostfixQueue(string folder, Child postfix) => (_folder, _postfix) = (folder, postfix);

    /// <summary>Starts one.</summary>
    /// <param name="server">The port of the server that gets the mail.</param>
    /// <param name="level">smtp_tls_security_level: none, encrypt.</param>
    public static async Task<PostfixQueue> StartAsync(int server, string level)
    {
        var folder = Where.NewFolder();
        return new PostfixQueue(folder, await Servers.PostfixAsync(
            folder,
            $"relayhost = [127.0.0.1]:{server}\nsmtp_tls_security_level = {level}\nmynetworks = 127.0.0.0/8\n"
                + "smtpd_recipient_restrictions = check_recipient_access static:HOLD\n",
            ""));
    }

    /// <summary>Puts messages of 10 kB into the queue.</summary>
    public Task FillAsync(int messages) =>
        Child.RunAsync(Path.Combine(Where.Peers, "usr/sbin/smtp-source"), "-c", "-d", "-s", "10", "-l", "10000", "-m", $"{messages}",
            "-f", "source@mail.test", "-t", "sink@mail.test", $"inet:127.0.0.1:{_postfix.Port}");

    /// <summary>Begins to deliver what is in the queue.</summary>
    public async Task DeliverAsync()
    {
        await Child.RunAsync(Path.Combine(Where.Peers, "usr/sbin/postsuper"), "-c", _folder, "-H", "ALL");
        await Child.RunAsync(Path.Combine(Where.Peers, "usr/sbin/postqueue"), "-c", _folder, "-f");
    }

    public void Dispose() => _postfix.Dispose();
}

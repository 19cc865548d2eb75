using System.Text;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.Matrix;

/// <summary>
/// Every sender and every receiver, started once, and the mail between each two of them: the cells. They are delivered a few at a time
/// when the first one is asked for.
/// </summary>
public sealed class Matrix : IAsyncLifetime
{
    /// <summary>Behind each name, whether it speaks BlackPony, and whether it uses TLS where it finds it.</summary>
    public static readonly IReadOnlyList<(string Name, bool BlackPony, bool Tls)> Senders =
    [
        ("sendmail", false, true), ("sendmail with `mailer`", true, true), ("Postfix", false, true), ("Postfix with `relay`", true, true),
        ("Exim", false, true), ("Exim with `relay`", true, true), ("OpenSMTPD", false, false),
        ("swaks", false, false), ("msmtp", false, true), ("MailKit", false, true), ("smtp-source", false, false),
    ];

    /// <summary>Behind each name its domain, whether it speaks BlackPony, and whether it has TLS.</summary>
    public static readonly IReadOnlyList<(string Name, string Domain, bool BlackPony, bool Tls)> Receivers =
    [
        ("sendmail", "sendmail.test", false, true), ("`listen`, sendmail", "listen-sendmail.test", true, true),
        ("Postfix", "postfix.test", false, true), ("`listen`, Postfix", "listen-postfix.test", true, true),
        ("Exim", "exim.test", false, true), ("`listen`, Exim", "listen-exim.test", true, true),
        ("OpenSMTPD", "opensmtpd.test", false, false), ("`listen`, OpenSMTPD", "listen-opensmtpd.test", true, false),
    ];

    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);
    private readonly List<IDisposable> _programs = [];
    private readonly Dictionary<(string Sender, string Receiver), WireTap> _wires = [];
    private readonly Dictionary<string, SendAsync> _send = [];
    private readonly Dictionary<string, Mailbox> _boxes = [];
    private readonly Dictionary<string, int> _doors = [];
    private readonly SemaphoreSlim _turns = new(3);
    private readonly Lock _lock = new();
    private readonly Lazy<Task> _started;
    private Dictionary<(string Sender, string Receiver), Task<string>>? _cells;

    /// <summary>Starts nothing yet.</summary>
    public Matrix() => _started = new(StartAsync);

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Starts all servers, if that was not yet done. Called within a test, because a fixture cannot skip tests.</summary>
    public Task StartedAsync() => _started.Value;

    private async Task StartAsync()
    {
        ServerInstall.Need("sendmail", "postfix", "exim", "opensmtpd", "swaks", "msmtp");
        await Task.WhenAll(SendmailReceivesAsync(), PostfixReceivesAsync(), EximReceivesAsync(), OpenSmtpdReceivesAsync());
        foreach (var (sender, _, _) in Senders)
        {
            foreach (var (receiver, domain, _, _) in Receivers)
            {
                _wires[(sender, receiver)] = new WireTap(_doors[domain]);
            }
        }

        await Task.WhenAll(SendmailSendsAsync(), PostfixSendsAsync(), EximSendsAsync(), OpenSmtpdSendsAsync());
        _send["swaks"] = (m, p, r) => Sending.SwaksAsync(_folder, m, p, r);
        _send["msmtp"] = (m, p, r) => Sending.MsmtpAsync(_folder, m, p, r, tls: !r[0].EndsWith("opensmtpd.test", StringComparison.Ordinal));
        _send["MailKit"] = Sending.MailKitAsync;
        _send["smtp-source"] = (m, p, r) => Sending.SmtpSourceAsync(_folder, m, p, r);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var program in Enumerable.Reverse(_programs))
        {
            program.Dispose();
        }

        foreach (var wire in _wires.Values)
        {
            await wire.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>What became of the mail from one to the other.</summary>
    /// <returns>How it crossed the wire: <c>BlackPony</c>, <c>TLS</c> or <c>plain</c>.</returns>
    public Task<string> CellAsync(string sender, string receiver)
    {
        lock (_lock)
        {
            _cells ??= Senders.SelectMany(s => Receivers.Select(r => (s.Name, r.Name)))
                .ToDictionary(c => c, c => Task.Run(() => InTurnAsync(c)));
            return _cells[(sender, receiver)];
        }
    }

    /// <summary>What became of an extension in sessions with a server, through <c>listen</c>, in plaintext and inside BlackPony.</summary>
    /// <param name="server">The server's name, one that stands behind <c>listen</c>.</param>
    /// <param name="keyword">The extension's keyword.</param>
    /// <returns><c>kept</c>; a dash if the server itself does not offer it.</returns>
    public async Task<string> FeatureAsync(string server, string keyword)
    {
        var (_, domain, _, _) = Receivers.Single(r => r.Name == server);
        var (own, door) = (_doors[domain["listen-".Length..]], _doors[domain]);
        string offer;
        using (var direct = await SmtpUser.ConnectAsync(own))
        {
            if (Offer(await direct.SayAsync("EHLO client.test", "250"), keyword) is not { } line)
            {
                return "–";
            }

            offer = line;
        }

        using var inside = new TlsFront(door);
        foreach (var port in (int[])[door, inside.Port])
        {
            using (var session = await SmtpUser.ConnectAsync(port))
            {
                Assert.Equal(offer, Offer(await session.SayAsync("EHLO client.test", "250"), keyword));
                await session.SayAsync("QUIT", "221");
            }

            var name = keyword.ToLowerInvariant();
            try
            {
                await Features.All.Single(f => f.Keyword == keyword)
                    .Try(new Place(_folder, port, $"{name}@{domain}", $"{name}-s@{domain}", _boxes[domain]));
            }
            catch (TimeoutException e)
            {
                throw WithLogs(e);
            }
        }

        return "kept";
    }

    /// <summary>The table of all extensions, for docs/interop.md.</summary>
    public async Task<string> FeatureTableAsync()
    {
        var servers = Receivers.Where(r => r.BlackPony).Select(r => r.Name).ToList();
        var text = new StringBuilder(
            $"| through | {string.Join(" | ", Features.All.Select(f => f.Keyword))} |\n|---|"
                + $"{string.Concat(Features.All.Select(_ => "---|"))}\n");
        foreach (var server in servers)
        {
            text.Append($"| {server} |");
            foreach (var (keyword, _) in Features.All)
            {
                text.Append($" {await FeatureAsync(server, keyword)} |");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    // The passwords are for PLAIN.
    private static string? Offer(string ehlo, string keyword) =>
        ehlo.Split('\n').Where(l => l.Length > 4).Select(l => l[4..])
            .FirstOrDefault(l => l.Split(' ')[0] == keyword && (keyword != "AUTH" || l.Contains("PLAIN", StringComparison.Ordinal)));

    /// <summary>The table of all cells, for docs/interop.md.</summary>
    public async Task<string> TableAsync()
    {
        var text = new StringBuilder(
            $"| from \\ to | {string.Join(" | ", Receivers.Select(r => r.Name))} |\n|---|{string.Concat(Receivers.Select(_ => "---|"))}\n");
        foreach (var sender in Senders)
        {
            text.Append($"| {sender.Name} |");
            foreach (var receiver in Receivers)
            {
                var how = await CellAsync(sender.Name, receiver.Name);
                text.Append(how == "BlackPony" ? " **BlackPony** |" : $" {how} |");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    private TimeoutException WithLogs(TimeoutException e) =>
        new(e.Message + string.Concat(_programs.OfType<MailServer>().Select(p => $"\n--- {p.Folder}\n{p.Log}")), e);

    private async Task<string> InTurnAsync((string Sender, string Receiver) cell)
    {
        await _turns.WaitAsync();
        try
        {
            return await DeliverAsync(cell);
        }
        catch (TimeoutException e)
        {
            throw WithLogs(e);
        }
        finally
        {
            _turns.Release();
        }
    }

    private async Task<string> DeliverAsync((string Sender, string Receiver) cell)
    {
        var domain = Receivers.Single(r => r.Name == cell.Receiver).Domain;
        var token = $"{Senders.ToList().FindIndex(s => s.Name == cell.Sender)}-{domain}";
        string[] recipients = [$"one-{token}@{domain}", $"two-{token}@{domain}"];
        var mark = $"The mark {token} and what follows is nobody's business.";

        // MailKit encodes 8 bits and long lines in a message of its own making.
        var rest = cell.Sender == "MailKit" ? "ASCII" : $"8 bits: \x80\xFF\r\n{new string('x', 900)}";
        var body = $"{mark}\r\n.\r\n..\r\n.dot\r\nFrom here\r\n{rest}\r\n\r\n";
        var head = $"From: {Sending.From}\r\nTo: undisclosed\r\nSubject: {token}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
            + "charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
        var wire = _wires[cell];
        await _send[cell.Sender](Encoding.Latin1.GetBytes(head + body), wire.Port, recipients);
        foreach (var recipient in recipients)
        {
            var received = await _boxes[domain].ReceivedAsync(recipient);
            Assert.Equal(body, received[(received.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        }

        bool clear = wire.Saw(mark);
        Assert.Equal(clear, wire.Saw($"<{recipients[0]}>"));
        var how = wire.Saw("\r\n220 K=") || wire.Saw("\r\n220-K=") ? "BlackPony" : wire.Saw("STARTTLS\r\n") && !clear ? "TLS" : "plain";
        Assert.Equal(how == "plain", clear);
        return how;
    }

    private (string Domain, int Port)[] Routes(string sender) => [.. Receivers.Select(r => (r.Domain, _wires[(sender, r.Name)].Port))];

    private async Task<int> RelayAsync(string sender)
    {
        int port = FreePorts.Next();
        _programs.Add(
            await BlackPonyProgram.RelayAsync(port,
                [.. Routes(sender).SelectMany(r => (string[])["--route", $"{r.Domain}=[127.0.0.1]:{r.Port}"])]));
        return port;
    }

    private async Task OpenAsync(string name, int backend, Mailbox box, params string[] more)
    {
        int door = FreePorts.Next();
        var listen = await BlackPonyProgram.ListenAsync(door, backend, more);
        lock (_lock)
        {
            _programs.Add(listen);
            (_doors[$"{name}.test"], _doors[$"listen-{name}.test"]) = (backend, door);
            _boxes[$"{name}.test"] = _boxes[$"listen-{name}.test"] = box;
        }
    }

    private T Keep<T>(T program)
        where T : IDisposable
    {
        lock (_lock)
        {
            _programs.Add(program);
        }

        return program;
    }

    private async Task SendmailReceivesAsync()
    {
        int port = FreePorts.Next();
        var server = Keep(
            await Sendmail.StartAsync(Path.Combine(_folder, "sendmail"), "mx.sendmail.test", "sendmail.test listen-sendmail.test",
                port, tls: true));
        await OpenAsync("sendmail", port, server.Mailbox);
    }

    private async Task PostfixReceivesAsync()
    {
        var server = Keep(await Postfix.StartAsync(
            Path.Combine(_folder, "postfix"), "mx.postfix.test", "postfix.test, listen-postfix.test",
            Postfix.Snippets(0, 2526).Main + Keep(new PasswordServer()).Main, p => Postfix.Snippets(p, 2526).Master));
        await OpenAsync("postfix", server.Port, server.Mailbox, "--xclient");
    }

    private async Task EximReceivesAsync()
    {
        var server = Keep(await Exim.StartAsync(Path.Combine(_folder, "exim"), "mx.exim.test", ["exim.test", "listen-exim.test"]));
        await OpenAsync("exim", server.Port, server.Mailbox);
    }

    private async Task OpenSmtpdReceivesAsync()
    {
        var server = Keep(
            await OpenSmtpd.StartAsync(Path.Combine(_folder, "opensmtpd"), "mx.opensmtpd.test",
                ["opensmtpd.test", "listen-opensmtpd.test"], []));
        await OpenAsync("opensmtpd", server.Port, server.Mailbox);
    }

    private async Task SendmailSendsAsync()
    {
        foreach (var (name, mailer) in (List<(string, string?)>)[("sendmail", null),
            ("sendmail with `mailer`", $"{BlackPonyProgram.Script(_folder)} mailer")])
        {
            var sender = Keep(
                await Sendmail.RouterAsync(Path.Combine(_folder, mailer is null ? "sendmail-a" : "mailer-a"), "mail.a.test",
                    Routes(name), mailer));
            _send[name] = async (message, _, recipients) =>
                Assert.DoesNotContain("Deferred", await sender.SendAsync(message, recipients), StringComparison.Ordinal);
        }
    }

    private async Task PostfixSendsAsync()
    {
        var plain = Keep(await Postfix.StartAsync(
            Path.Combine(_folder, "postfix-a"), "mail.a.test", "none.invalid",
            $"transport_maps = inline:{{ "
                + $"{string.Join(", ", Routes("Postfix").Select(r => $"{{ {r.Domain} = smtp:[127.0.0.1]:{r.Port} }}"))} }}"));
        _send["Postfix"] = (message, _, recipients) => Sending.SubmitAsync(plain.Port, message, recipients);
        int relay = await RelayAsync("Postfix with `relay`");
        var relayed = Keep(
            await Postfix.StartAsync(Path.Combine(_folder, "postfix-r"), "mail.a.test", "none.invalid", Postfix.Snippets(0, relay).Main,
                p => Postfix.Snippets(p, relay).Master));
        _send["Postfix with `relay`"] = (message, _, recipients) => Sending.SubmitAsync(relayed.Port, message, recipients);
    }

    private async Task EximSendsAsync()
    {
        var plain = Keep(await Exim.StartAsync(
            Path.Combine(_folder, "exim-a"), "mail.a.test", [],
            "each:\n  driver = manualroute\n  transport = direct\n  route_list = "
                + $"{string.Join(" ; ", Routes("Exim").Select(r => $"{r.Domain} 127.0.0.1::{r.Port}"))}\n  self = send\n",
            "direct:\n  driver = smtp\n  allow_localhost\n"));
        _send["Exim"] = (message, _, recipients) => Sending.SubmitAsync(plain.Port, message, recipients);
        int relay = await RelayAsync("Exim with `relay`");
        var relayed = Keep(
            await Exim.StartAsync(Path.Combine(_folder, "exim-r"), "mail.a.test", [], Exim.Snippet("router", 0, relay),
                Exim.Snippet("transport", 0, relay)));
        _send["Exim with `relay`"] = (message, _, recipients) => Sending.SubmitAsync(relayed.Port, message, recipients);
    }

    private async Task OpenSmtpdSendsAsync()
    {
        var sender = Keep(await OpenSmtpd.StartAsync(Path.Combine(_folder, "opensmtpd-a"), "mail.a.test", [], Routes("OpenSMTPD")));
        _send["OpenSMTPD"] = (message, _, recipients) => Sending.SubmitAsync(sender.Port, message, recipients);
    }
}

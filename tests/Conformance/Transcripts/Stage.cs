using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>
/// The reference's client and server without sockets, the mail servers at both ends, and the wire between, which is written down.
/// A scenario lets both play, or plays the client itself (<see cref="Say"/> and its like) or the server (<see cref="Answer"/> and its
/// like).
/// </summary>
internal sealed class Stage : IDisposable
{
    private static readonly byte[] IdentSeed = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    private readonly Scenario _scenario;
    private readonly Transcript _transcript = new();
    private readonly RecordingRandom _clientRandom;
    private readonly RecordingRandom _serverRandom;
    private readonly MailerSession _mailer;
    private readonly Queue<string> _queue = new();
    private readonly StringBuilder _toQueue = new();
    private readonly List<string> _parameters = [];
    private WireObserver _wire;
    private InboundSession? _relay;
    private Backend _backend;
    private HandClient? _hand;
    private bool _mailerPlays;
    private bool _clientEnded;
    private bool _serverEnded;
    private SessionReport _mailerReport = new();
    private SessionReport _relayReport = new();

    public Stage(Scenario scenario)
    {
        _scenario = scenario;
        _clientRandom = new RecordingRandom(scenario.Name, Role.Client);
        _serverRandom = new RecordingRandom(scenario.Name, Role.Server);
        _wire = new WireObserver(_transcript);
        _backend = new Backend(scenario.Extensions);
        var memory = new ServerMemory(TimeProvider.System);
        if (scenario.Remembered)
        {
            memory.Good("mx.b.test", 25, scenario.KnownIdent ? [new IdentKey(IdentSeed).PublicKey] : []);
        }

        var options = new MailerOptions(Rsa(Role.Client))
        {
            Policy = scenario.Policy,
            Memory = memory,
            Suites = Find(scenario.ClientSuites),
            Shift = scenario.Shift,
            KeyLog = new Log(this, Role.Client),
        };
        _mailer = new MailerSession(options, _clientRandom);
    }

    /// <summary>An attacker in the path: changes what a side sent.</summary>
    public Func<Role, byte[], byte[]>? InPath { get; set; }

    /// <summary>The client that the scenario plays.</summary>
    public HandClient Client => _hand ??= new HandClient(this, _clientRandom, Rsa(Role.Client));

    // ---------------------------------------------------------------- the reference plays

    /// <summary>The server listens.</summary>
    public void OpenServer()
    {
        _wire = new WireObserver(_transcript);
        _backend = new Backend(_scenario.Extensions);
        var options = new ServerOptions(Rsa(Role.Server))
        {
            Suites = Find(_scenario.ServerSuites),
            Idents = _scenario.Ident ? [new IdentKey(IdentSeed)] : [],
            KeyLog = new Log(this, Role.Server),
        };
        _relay?.Dispose();
        _relay = new InboundSession(options, _serverRandom, "mail.a.test");
        (_relayReport, _serverEnded, _clientEnded) = (_relay.Report, false, false);
        _relay.BackendReady("220 mx.b.test ESMTP\r\n"u8);
        Pump();
    }

    /// <summary>The client's mail server says these, each after the reply to the one before.</summary>
    public void Queue(params string[] said)
    {
        said.ToList().ForEach(_queue.Enqueue);
        if (!_mailerPlays)
        {
            _mailerPlays = true;
            _mailer.Connected("mx.b.test", 25, moreTargets: false);
        }

        Pump();
    }

    /// <summary>The client delivers a message to the server.</summary>
    /// <param name="transaction">From MAIL on; by default a usual one.</param>
    public void Deliver(params string[] transaction)
    {
        string[] usual = ["MAIL FROM:<alice@a.test>\r\n", "RCPT TO:<bob@b.test>\r\n", "DATA\r\n",
            "Subject: hello\r\n\r\nNobody else reads this.\r\n..dot\r\n.\r\n"];
        Queue(["EHLO mail.a.test\r\n", .. transaction.Length > 0 ? transaction : usual, "QUIT\r\n"]);
        OpenServer();
    }

    /// <summary>A time-out goes by at the server.</summary>
    public void TimeOut(string limit)
    {
        _transcript.Comment($"{limit} goes by at the server");
        _relay!.TimedOut();
        Pump();
    }

    // ---------------------------------------------------------------- the scenario plays

    /// <summary>The client sends a line.</summary>
    public void Say(string line) => Send(Encoding.Latin1.GetBytes(line + "\r\n"));

    /// <summary>The client sends octets as they are.</summary>
    public void Send(params byte[][] octets)
    {
        Pass(Role.Client, [.. octets.SelectMany(o => o)]);
        Pump();
    }

    /// <summary>The client ends its direction.</summary>
    public void EndClient()
    {
        EndOf(Role.Client);
        Pump();
    }

    /// <summary>The server says lines of its own.</summary>
    public void Answer(params string[] lines)
    {
        Pass(Role.Server, Encoding.Latin1.GetBytes(string.Concat(lines.Select(l => l + "\r\n"))));
        Pump();
    }

    /// <summary>The server ends its direction.</summary>
    public void EndServer()
    {
        EndOf(Role.Server);
        Pump();
    }

    /// <summary>Tells the reader something.</summary>
    public void Note(string text) => _transcript.Comment(text);

    // ---------------------------------------------------------------- between

    /// <summary>The secret under which the client that the scenario plays seals.</summary>
    internal void ClientSecret(byte[] traffic) => _wire.Secret(Role.Client, traffic);

    /// <summary>The transcript, with the parameters that reproduce it.</summary>
    public string Finish()
    {
        Pump();
        _wire.Flush(Role.Client);
        _wire.Flush(Role.Server);
        var head = new Transcript();
        head.Comment(_scenario.Title);
        head.Parameter("suite", string.Join(' ', _relay is null ? _scenario.ClientSuites : _scenario.ServerSuites));
        if (_mailerPlays)
        {
            head.Parameter("policy", _scenario.Policy.ToString().ToLowerInvariant());
        }

        foreach (var (key, octets) in (List<(string, byte[])>)[("client-random", _clientRandom.Drawn),
            ("server-random", _serverRandom.Drawn), ("ident", _scenario.Ident ? IdentSeed : [])])
        {
            if (octets.Length > 0)
            {
                head.Parameter(key, Convert.ToHexStringLower(octets));
            }
        }

        _parameters.ForEach(p => head.Parameter(p.Split(' ')[0], p.Split(' ')[1]));
        return $"{head}\n{_transcript.ToString()["# BlackPony transcript 1\n".Length..]}";
    }

    public void Dispose()
    {
        _mailer.Dispose();
        _relay?.Dispose();
        _hand?.Dispose();
    }

    private static List<Suite> Find(IEnumerable<string> names) => [.. names.Select(n => SuiteRegistry.Find(n)!)];

    // A key pair that is used is a parameter of the transcript.
    private RsaKeys Rsa(Role role) => new(TimeProvider.System, () =>
    {
        var rsa = TestRsaKeys.Open(role.ToString().ToLowerInvariant());
        _parameters.Add($"{role.ToString().ToLowerInvariant()}-rsa {Convert.ToBase64String(rsa.ExportPkcs8PrivateKey())}");
        _parameters.Sort(StringComparer.Ordinal);
        return rsa;
    });

    private void Pass(Role sender, byte[] octets)
    {
        var passed = InPath?.Invoke(sender, octets) ?? octets;
        _wire.Sent(sender, passed, passed.AsSpan().SequenceEqual(octets) ? null : octets);
        if (sender == Role.Client)
        {
            _relay?.FromClient(passed);
        }
        else if (_mailerPlays)
        {
            _mailer.FromServer(passed);
        }
        else
        {
            _hand?.Receive(passed);
        }

        Report();
    }

    private void EndOf(Role sender)
    {
        ref bool ended = ref sender == Role.Client ? ref _clientEnded : ref _serverEnded;
        if (ended)
        {
            return;
        }

        ended = true;
        _wire.Ended(sender);
        if (sender == Role.Client)
        {
            _relay?.ClientEnded();
        }
        else if (_mailerPlays)
        {
            _mailer.ServerEnded();
        }

        Report();
    }

    private void Pump()
    {
        while (Move())
        {
        }
    }

    // Moves one thing that waits.
    private bool Move()
    {
        if (Taken(_relay?.ToServer) is { } forBackend)
        {
            _relay!.FromServer(_backend.Take(forBackend));
            if (_backend.SaidQuit)
            {
                _relay.ServerEnded();
            }

            while (_backend.Messages.TryDequeue(out _))
            {
                _transcript.Event("delivered server");
            }

            return true;
        }

        if (_relay is { Request: SessionRequest.Connect })
        {
            _relay.BackendReady("220 mx.b.test ESMTP\r\n"u8);
            return true;
        }

        if (Taken(_relay?.ToClient) is { } forClient)
        {
            Pass(Role.Server, forClient);
            return true;
        }

        if (Taken(_mailer.ToServer) is { } forServer)
        {
            Pass(Role.Client, forServer);
            return true;
        }

        if (_mailerPlays && MoveMailer())
        {
            return true;
        }

        if (_relay is { Request: SessionRequest.Close } && !_serverEnded)
        {
            EndOf(Role.Server);
            return true;
        }

        return false;
    }

    private bool MoveMailer()
    {
        if (Taken(_mailer.ToClient) is { } forQueue)
        {
            _toQueue.Append(Encoding.Latin1.GetString(forQueue));
        }

        if (_mailer.WantsClient && _queue.Count > 0 && Whole(_toQueue.ToString()))
        {
            _toQueue.Clear();
            _mailer.FromClient(Encoding.Latin1.GetBytes(_queue.Dequeue()));
            Report();
            return true;
        }

        if (_mailer.Request == SessionRequest.Reconnect)
        {
            EndOf(Role.Client);
            Report();
            _transcript.Comment("a fresh connection");
            _mailer.Connected("mx.b.test", 25, moreTargets: false);
            if (_relay is not null)
            {
                OpenServer();
            }
            else
            {
                (_wire, _serverEnded, _clientEnded) = (new WireObserver(_transcript), false, false);
            }

            return true;
        }

        if (_mailer.Request == SessionRequest.Close && !_clientEnded)
        {
            EndOf(Role.Client);
            return true;
        }

        return false;
    }

    // Whether the last line ends a reply: to several commands in one group one whole reply is enough to go on.
    private static bool Whole(string replies) =>
        replies.EndsWith("\r\n", StringComparison.Ordinal) && replies[..^2].Split("\r\n")[^1] is [_, _, _, not '-', ..] or [_, _, _];

    private static byte[]? Taken(PooledBuffer? output)
    {
        if (output is null || output.WrittenCount == 0)
        {
            return null;
        }

        var octets = output.WrittenSpan.ToArray();
        output.ResetWrittenCount();
        return octets;
    }

    // What changed in the sides' reports becomes events.
    private void Report()
    {
        Tell("client", _mailerReport, _mailer.Report);
        _mailerReport = _mailer.Report;
        if (_relay is not null)
        {
            Tell("server", _relayReport, _relay.Report);
            _relayReport = _relay.Report;
        }
    }

    private void Tell(string side, SessionReport before, SessionReport now)
    {
        if (now.Encrypted && !before.Encrypted)
        {
            _transcript.Event($"upgraded {side} {now.Suite}");
        }

        if (now.Deferred && !before.Deferred)
        {
            _transcript.Event($"deferred {side} {now.Reason}");
        }
        else if (!now.Deferred && now.Reason is not null && now.Reason != before.Reason)
        {
            _transcript.Event(now.Reason == "refused" ? $"refused {side}" : $"fallback {side} {now.Reason}");
        }

        if (now.Closed != before.Closed && now.Closed != "plain")
        {
            _transcript.Event(now.Closed switch
            {
                "failure" or "alert" => $"failed {side} {now.Closed}",
                "truncated" => $"truncated {side}",
                _ => $"closed {side} {now.Closed}",
            });
        }
    }

    /// <summary>A machine's key log, of which the observer needs the machine's own direction.</summary>
    private sealed class Log(Stage stage, Role role) : IKeyLog
    {
        void IKeyLog.Log(string line)
        {
            if (line.StartsWith($"BLACKPONY_{role.ToString().ToUpperInvariant()}_TRAFFIC", StringComparison.Ordinal))
            {
                stage._wire.Secret(role, Convert.FromHexString(line.Split(' ')[2]));
            }
        }
    }
}

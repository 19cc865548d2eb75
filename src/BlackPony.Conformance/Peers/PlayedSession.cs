using System.Text;
using BlackPony.Conformance.Tls;

namespace BlackPony.Conformance.Peers;

/// <summary>One connection of a client under test, and what came on it.</summary>
internal sealed class PlayedSession(StartTlsConnection wire, ServerScript script)
{
    /// <summary>How long the suite waits where nothing may come.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);

    /// <summary>How long a client may go on that has to end the connection; some show for seconds what happened.</summary>
    private static readonly TimeSpan End = TimeSpan.FromSeconds(5);

    private bool _isReset;

    /// <summary>The connection.</summary>
    public StartTlsConnection Wire => wire;

    /// <summary>The commands outside.</summary>
    public List<string> Outside { get; } = [];

    /// <summary>The commands inside.</summary>
    public List<string> Inside { get; } = [];

    /// <summary>The messages outside, dot-stuffing undone.</summary>
    public List<string> MailOutside { get; } = [];

    /// <summary>The messages inside.</summary>
    public List<string> Mail { get; } = [];

    /// <summary>The ClientHello, as it came.</summary>
    public byte[] Hello { get; private set; } = [];

    /// <summary>Whether a ClientHello came that nothing asked for.</summary>
    public bool HelloUnasked { get; private set; }

    /// <summary>The handshake; null if there was none.</summary>
    public HandshakeEnd? Handshake { get; private set; }

    /// <summary>Whether the TLS session was there.</summary>
    public bool IsInside => wire.IsInside;

    /// <summary>What came in plaintext after a handshake that failed.</summary>
    public string After { get; private set; } = "";

    /// <summary>Whether the session is over.</summary>
    public bool IsOver { get; set; }

    /// <summary>Whether a reply is held back for the next one.</summary>
    public bool IsHeld { get; set; }

    /// <summary>Whatever the case noticed.</summary>
    public string? Finding { get; set; }

    /// <summary>Plays it.</summary>
    public async Task RunAsync()
    {
        await (script.Greets?.Invoke(this) ?? SayAsync(script.Greeting));
        while (!IsOver && await LineAsync() is { } line)
        {
            (IsInside ? Inside : Outside).Add(line);
            if (script.Does is null || !await script.Does(this, line))
                await AnswerAsync(line);
        }

        if (_isReset)
            return;

        wire.EndDirection();
        After += Encoding.Latin1.GetString(await wire.RestAsync(End));
    }

    /// <summary>Sends text.</summary>
    public Task SayAsync(string text) => wire.SendAsync(text);

    /// <summary>Ends the connection without another octet.</summary>
    public Task<bool> HangUpAsync()
    {
        IsOver = true;
        wire.EndDirection();
        return Task.FromResult(true);
    }

    /// <summary>Ends the connection with RST.</summary>
    public Task<bool> ResetAsync()
    {
        (IsOver, _isReset) = (true, true);
        wire.Reset();
        return Task.FromResult(true);
    }

    /// <summary>The usual answer to a command.</summary>
    public async Task AnswerAsync(string line)
    {
        var reply = script.Answer?.Invoke(this, line) ?? Reply(line);
        if (Verb(line) == "STARTTLS" && reply.Length == 0)
        {
            await SwitchAsync();
            return;
        }

        await SayAsync(reply);
        if (Verb(line) == "DATA" && reply.StartsWith("354", StringComparison.Ordinal))
            await MessageAsync();
        else if (Verb(line) == "AUTH" && reply.StartsWith("334", StringComparison.Ordinal))
            await ChallengesAsync(line);
        else if (Verb(line) == "BDAT" && line.Split(' ') is [_, var size, ..] && int.TryParse(size, out int count))
            await wire.OctetsAsync(count);
        else if (Verb(line) == "QUIT")
            await EndAsync();
    }

    /// <summary>The reply to STARTTLS, and the handshake.</summary>
    public async Task SwitchAsync()
    {
        await SayAsync(script.Agrees);

        // After another code than 220 a client may go on outside: what it sends then counts.
        if (script.Agrees.StartsWith("220", StringComparison.Ordinal) || await wire.IsRecordNextAsync() is true)
            await ShakeAsync();
    }

    /// <summary>The handshake.</summary>
    public async Task ShakeAsync()
    {
        Hello = await wire.HelloAsync();
        if (script.Tls.Instead is { } instead && Hello is [22, ..])
        {
            await wire.OctetsAsync(Hello.Length);
            await wire.SendRawAsync(instead);
            await AfterFailureAsync();
            return;
        }

        if (Hello is not [22, ..])
        {
            if (await wire.LineAsync() is { } line)
            {
                Outside.Add(line);
                Finding ??= $"After 220 the client sent {Expect.Show(line)} instead of a ClientHello.";
            }

            IsOver = true;
            return;
        }

        Handshake = await wire.AcceptAsync(script.Tls);
        if (!Handshake.IsComplete)
            await AfterFailureAsync();
        else if (script.Secured is not null)
            await script.Secured(this);
    }

    /// <summary>What comes on the connection after TLS failed: nothing but an alert may.</summary>
    public async Task AfterFailureAsync()
    {
        var rest = await wire.RestAsync(End);
        Finding ??= !wire.HasEnded && !rest.AsSpan().StartsWith((byte[])[21, 3]) ? Silent : null;
        After += Encoding.Latin1.GetString(rest);
        IsOver = true;
    }

    /// <summary>The finding about a client that does not end the connection.</summary>
    public const string Silent = "After a handshake that failed the client neither sends an alert nor ends the connection.";

    /// <summary>Whether nothing comes for a while.</summary>
    public async Task QuietAsync(string what)
    {
        if (await wire.ComesMoreAsync(Quiet))
            Finding ??= what;
    }

    private async Task<string?> LineAsync()
    {
        if (!IsInside && await wire.IsRecordNextAsync() is true)
        {
            HelloUnasked = true;
            Hello = await wire.HelloAsync();
            IsOver = true;
            return null;
        }

        return await wire.LineAsync();
    }

    // Empty for STARTTLS that is agreed to.
    private string Reply(string line) => Verb(line) switch
    {
        "EHLO" => List(IsInside ? script.Inside : script.Outside),
        "STARTTLS" when !IsInside && script.Outside.Contains("STARTTLS", StringComparer.OrdinalIgnoreCase) => "",
        "STARTTLS" => "503 5.5.1 Not now\r\n",
        "AUTH" => line.ToUpperInvariant().Split(' ') switch
        {
            [_, "PLAIN"] => "334 \r\n",
            [_, "PLAIN", ..] => "235 2.7.0 Good\r\n",
            [_, "LOGIN"] => "334 VXNlcm5hbWU6\r\n",
            [_, "LOGIN", ..] => "334 UGFzc3dvcmQ6\r\n",
            [_, "CRAM-MD5"] => "334 PDEyMzQuNTY3OEBsb2NhbGhvc3Q+\r\n",
            _ => "504 5.5.4 Unknown\r\n",
        },
        "DATA" => "354 Go ahead\r\n",
        "QUIT" => "221 2.0.0 Bye\r\n",
        _ => "250 2.0.0 Ok\r\n",
    };

    /// <summary>An EHLO reply.</summary>
    public static string List(IReadOnlyList<string> lines) => ClientProbe.EhloReply([.. lines]);

    private async Task MessageAsync()
    {
        var text = new StringBuilder();
        while (await LineAsync() is { } line)
        {
            if (line == ".")
            {
                (IsInside ? Mail : MailOutside).Add(text.ToString());
                if (script.Does is null || !await script.Does(this, "."))
                    await SayAsync(script.Answer?.Invoke(this, ".") ?? "250 2.0.0 Kept\r\n");

                return;
            }

            text.Append(line.StartsWith('.') ? line[1..] : line).Append("\r\n");
        }
    }

    private async Task ChallengesAsync(string line)
    {
        int more = line.Equals("AUTH LOGIN", StringComparison.OrdinalIgnoreCase) ? 2 : 1;
        for (int i = 0; i < more; i++)
        {
            if (await LineAsync() is null)
                return;

            await SayAsync(i < more - 1 ? "334 UGFzc3dvcmQ6\r\n" : "235 2.7.0 Good\r\n");
        }
    }

    private async Task EndAsync()
    {
        if (IsInside && !wire.WasClosed && wire.Failure is null)
            await wire.CloseTlsAsync();

        wire.EndDirection();
        while (await LineAsync() is { } line)
            (IsInside ? Inside : Outside).Add(line);

        IsOver = true;
    }

    private static string Verb(string line) => line.Split(' ')[0].ToUpperInvariant();
}

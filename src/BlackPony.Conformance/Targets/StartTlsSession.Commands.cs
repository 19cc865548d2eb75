using System.Globalization;
using System.Text;
using BlackPony.Smtp.Lines;

namespace BlackPony.Conformance.Targets;

/// <content>The commands and their replies.</content>
internal partial class StartTlsSession
{
    /// <summary>The reply to what is no command that is taken here; null if it is one.</summary>
    protected virtual string? Refusal(string line)
    {
        if (line.Length > MostInLine)
            return "500 5.5.2 Line too long\r\n";

        if (ClientLine.HasStray(Encoding.Latin1.GetBytes(line)) || line.Any(c => c is < ' ' and not '\t' or > '~'))
            return "500 5.5.2 Not text\r\n";

        if (server.Options.WantsCertificate && IsInside && Verb(line) != "QUIT")
            return "554 5.7.0 No mail without a certificate\r\n";

        return server.Options.RequiresTls && !IsInside && Verb(line) is not ("NOOP" or "EHLO" or "STARTTLS" or "QUIT")
            ? "530 5.7.0 Must issue a STARTTLS command first\r\n"
            : null;
    }

    /// <summary>Answers a command.</summary>
    /// <returns>The reply; empty if it was sent already.</returns>
    protected virtual async Task<string> AnswerAsync(string line)
    {
        var argument = line.Contains(' ', StringComparison.Ordinal) ? line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..].Trim() : "";
        switch (Verb(line))
        {
            case "EHLO" or "HELO" when argument.Length == 0:
                return "501 5.5.4 A name is missing\r\n";
            case "EHLO" or "HELO":
                State.EndTransaction();
                (State.Name, State.IsExtended) = (argument, Verb(line) == "EHLO");
                return State.IsExtended ? Several(["local.test", .. Extensions()]) : "250 local.test\r\n";
            case "STARTTLS":
                return await StartTlsAsync(argument);
            case "AUTH":
                return await AuthAsync(argument);
            case "MAIL":
                return Mail(argument);
            case "RCPT":
                return Rcpt(argument);
            case "DATA":
                return await DataAsync();
            case "BDAT":
                return await ChunkAsync(line);
            case "RSET":
                State.EndTransaction();
                return "250 2.0.0 Ok\r\n";
            case "NOOP":
                return "250 2.0.0 Ok\r\n";
            case "VRFY":
                return "252 2.5.2 Send and see\r\n";
            case "HELP":
                return "214 2.0.0 RFC 5321, RFC 3207\r\n";
            case "QUIT":
                IsOver = true;
                return "221 2.0.0 Bye\r\n";
            default:
                return "500 5.5.2 Unknown\r\n";
        }
    }

    /// <summary>What the EHLO reply lists.</summary>
    protected virtual IEnumerable<string> Extensions()
    {
        string[] always = ["PIPELINING", "8BITMIME", "SIZE 1000000", "CHUNKING", "ENHANCEDSTATUSCODES"];
        return [.. always, .. !IsInside && server.Options.HasCertificate ? ["STARTTLS"] : Array.Empty<string>(),
            .. IsInside || server.Options.PlainAuth ? ["AUTH PLAIN"] : Array.Empty<string>()];
    }

    /// <summary>Agrees to TLS or not.</summary>
    protected virtual async Task<string> StartTlsAsync(string argument)
    {
        if (IsInside)
            return "503 5.5.1 TLS is there\r\n";

        if (argument.Length > 0)
            return "501 5.5.4 No parameter allowed\r\n";

        if (!server.Options.HasCertificate)
            return "454 4.7.0 TLS not available due to temporary reason\r\n";

        await SayAsync("220 2.0.0 Ready to start TLS\r\n");
        await SwitchAsync();
        return "";
    }

    /// <summary>Whether credentials are good.</summary>
    protected virtual bool IsGood(byte[] response) =>
        Encoding.UTF8.GetString(response).Split('\0') is [_, StartTlsListener.User, StartTlsListener.Password];

    /// <summary>Takes AUTH.</summary>
    protected virtual async Task<string> AuthAsync(string argument)
    {
        if (!IsInside && !server.Options.PlainAuth)
            return "538 5.7.11 Encryption required\r\n";

        if (State.IsAuthenticated || !State.IsExtended)
            return "503 5.5.1 Not now\r\n";

        var words = argument.Split(' ');
        if (!words[0].Equals("PLAIN", StringComparison.OrdinalIgnoreCase))
            return "504 5.5.4 PLAIN only\r\n";

        var response = words.Length > 1 ? words[1] : await ChallengeAsync();
        if (response is null or "*")
            return response is null ? "" : "501 5.0.0 Cancelled\r\n";

        var octets = new byte[response.Length];
        if (!Convert.TryFromBase64String(response, octets, out int count) || !IsGood(octets[..count]))
            return "535 5.7.8 Wrong\r\n";

        State.IsAuthenticated = true;
        return "235 2.7.0 Good\r\n";
    }

    /// <summary>Asks for the rest of a SASL exchange; null at the end of the connection.</summary>
    protected virtual async Task<string?> ChallengeAsync()
    {
        await SayAsync("334 \r\n");
        return await NextLineAsync();
    }

    /// <summary>Takes a message after DATA.</summary>
    protected virtual async Task<string> DataAsync()
    {
        if (State.Recipients.Count == 0)
            return "503 5.5.1 No recipients\r\n";

        await SayAsync("354 Go ahead\r\n");
        var text = new StringBuilder();
        while (await NextLineAsync() is { } line)
        {
            if (line == ".")
            {
                Keep(text.ToString());
                return "250 2.0.0 Kept\r\n";
            }

            text.Append(line.StartsWith('.') ? line[1..] : line).Append("\r\n");
        }

        Cut(text.ToString());
        return "";
    }

    /// <summary>Keeps a message.</summary>
    protected virtual void Keep(string text)
    {
        foreach (var recipient in State.Recipients)
            server.Messages.Enqueue($"Delivered-To: {recipient}\r\nReceived: from {State.Name}\r\n{text}\r\n");

        State.EndTransaction();
    }

    /// <summary>The octets of a chunk; null at the end of the connection.</summary>
    protected virtual async Task<byte[]?> ChunkOctetsAsync(int count)
    {
        while (Input.Count < count)
        {
            if (IsOver || !await FillAsync())
            {
                Cut(Encoding.Latin1.GetString([.. Input]));
                return null;
            }
        }

        var octets = Input.GetRange(0, count).ToArray();
        Input.RemoveRange(0, count);
        return octets;
    }

    private static string Verb(string line) => line.Split(' ', '\t')[0].ToUpperInvariant();

    /// <summary>A reply of several lines.</summary>
    protected static string Several(IReadOnlyList<string> lines) =>
        string.Concat(lines.Select((l, i) => $"250{(i < lines.Count - 1 ? '-' : ' ')}{l}\r\n"));

    private static string? Path(string argument, string keyword)
    {
        int end = argument.IndexOf('>', StringComparison.Ordinal);
        return argument.StartsWith(keyword + ":<", StringComparison.OrdinalIgnoreCase) && end > 0
            ? argument[(keyword.Length + 2)..end] : null;
    }

    private string Mail(string argument)
    {
        if (State.Name is null || State.Sender is not null)
            return "503 5.5.1 Not now\r\n";

        if (Path(argument, "FROM") is not { } sender)
            return "501 5.5.4 MAIL FROM:<address>\r\n";

        State.Sender = sender;
        return "250 2.1.0 Ok\r\n";
    }

    private string Rcpt(string argument)
    {
        if (State.Sender is null)
            return "503 5.5.1 MAIL first\r\n";

        if (Path(argument, "TO") is not { Length: > 0 } recipient)
            return "501 5.5.4 RCPT TO:<address>\r\n";

        if (!State.IsAuthenticated && !recipient.EndsWith("@local.test", StringComparison.OrdinalIgnoreCase))
            return "550 5.7.1 Relaying denied\r\n";

        State.Recipients.Add(recipient);
        return "250 2.1.5 Ok\r\n";
    }

    private async Task<string> ChunkAsync(string line)
    {
        if (ChunkCommand.Parse(Encoding.Latin1.GetBytes(line)) is not { Size: < 1_000_000 } chunk)
            return "501 5.5.4 BDAT size\r\n";

        bool isGood = State.Recipients.Count > 0;
        if (await ChunkOctetsAsync((int)chunk.Size) is not { } octets)
            return "";

        if (!isGood)
            return "503 5.5.1 No recipients\r\n";

        State.Chunks.AddRange(octets);
        if (chunk.IsLast)
            Keep(Encoding.Latin1.GetString([.. State.Chunks]));

        return string.Create(CultureInfo.InvariantCulture, $"250 2.0.0 {chunk.Size} octets\r\n");
    }
}

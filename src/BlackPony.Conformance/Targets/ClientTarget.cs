using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Targets;

/// <summary>One delivery that a client under test is asked for.</summary>
/// <param name="Port">The port of 127.0.0.1 where the suite plays the server.</param>
public sealed record Delivery(int Port)
{
    /// <summary>The client's policy (spec 9).</summary>
    public ClientPolicy Policy { get; init; }

    /// <summary>The file of the client's memory.</summary>
    public string Memory { get; init; } = "";

    /// <summary>The suites that the client shall accept, separated by commas; empty for its own.</summary>
    public string Suites { get; init; } = "";

    /// <summary>The message: lines with CRLF, dots not stuffed.</summary>
    public string Message { get; init; } = ClientTarget.Message;

    /// <summary>What the client writes on its standard error, and its exit code.</summary>
    public StringBuilder Log { get; } = new();

    /// <summary>What the mail server says to a mailer; null for the usual delivery.</summary>
    public Func<LocalSide, Task<bool>>? Script { get; init; }
}

/// <summary>What the client says about a delivery.</summary>
/// <param name="Delivered">Whether it says that the message was delivered.</param>
/// <param name="Replies">What a mailer wrote on its standard output, in Latin-1; empty for other clients.</param>
public sealed record Outcome(bool Delivered, string Replies);

/// <summary>The mail server's side of a mailer's standard input and output.</summary>
public sealed class LocalSide(Stream toMailer, Stream fromMailer, string message, CancellationToken cancel)
{
    private readonly byte[] _octets = new byte[65536];
    private readonly StringBuilder _replies = new();
    private string _waiting = "";

    /// <summary>Everything that the mailer wrote.</summary>
    public string Replies => _replies.ToString();

    /// <summary>The usual delivery.</summary>
    public async Task<bool> DeliverAsync()
    {
        int hello = await ReplyAsync() == 220 ? await SayAsync("EHLO client.test\r\n") : 0;
        hello = hello is >= 500 and <= 599 ? await SayAsync("HELO client.test\r\n") : hello;
        bool delivered = hello is 250 && await MailAsync();
        await SayAsync("QUIT\r\n");
        return delivered;
    }

    /// <summary>The transaction.</summary>
    public async Task<bool> MailAsync() =>
        await SayAsync("MAIL FROM:<a@client.test>\r\n") is 250
        && await SayAsync("RCPT TO:<b@sink.test>\r\n") is 250
        && await SayAsync("DATA\r\n") is 354
        && await SayAsync(message.Replace("\r\n.", "\r\n..", StringComparison.Ordinal) + ".\r\n") is 250;

    /// <summary>Sends, and receives the reply's code; 0 if none comes.</summary>
    public async Task<int> SayAsync(string text)
    {
        await SendAsync(text);
        return await ReplyAsync();
    }

    /// <summary>Sends.</summary>
    public async Task SendAsync(string text)
    {
        try
        {
            await toMailer.WriteAsync(Encoding.Latin1.GetBytes(text), cancel);
            await toMailer.FlushAsync(cancel);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // It went away; what it said last can still be read.
        }
    }

    /// <summary>Receives a reply's code; 0 if none comes.</summary>
    public async Task<int> ReplyAsync()
    {
        while (await LineAsync() is { } line)
        {
            if (line.Length == 3 || (line.Length > 3 && line[3] == ' '))
            {
                return int.TryParse(line.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out int code) ? code : 0;
            }
        }

        return 0;
    }

    /// <summary>Reads to the end of what the mailer writes.</summary>
    public async Task DrainAsync()
    {
        while (await LineAsync() is not null)
        {
        }
    }

    private async Task<string?> LineAsync()
    {
        while (true)
        {
            int end = _waiting.IndexOf("\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var line = _waiting[..end];
                _waiting = _waiting[(end + 2)..];
                return line;
            }

            int count = await fromMailer.ReadAsync(_octets, cancel);
            if (count == 0)
            {
                return null;
            }

            var text = Encoding.Latin1.GetString(_octets, 0, count);
            _replies.Append(text);
            _waiting += text;
        }
    }
}

/// <summary>A client under test: delivers a message to a port of 127.0.0.1.</summary>
public abstract class ClientTarget
{
    /// <summary>The usual message, which must come out at the other end.</summary>
    public const string Message = "Subject: test of a client\r\n\r\nNobody else reads this.\r\n.dot\r\n";

    /// <summary>What the report calls it.</summary>
    public abstract string Name { get; }

    /// <summary>What the client can be asked for.</summary>
    public abstract Needs Can { get; }

    /// <summary>The time-outs that the target declares, by their names in spec 13.</summary>
    public virtual IReadOnlyDictionary<string, TimeSpan> Timeouts => new Dictionary<string, TimeSpan>();

    /// <summary>Delivers.</summary>
    public abstract Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel);

    /// <summary>Speaks to a mailer as a mail server's queue does.</summary>
    protected static async Task<Outcome> SpeakAsync(Delivery delivery, Stream toMailer, Stream fromMailer, CancellationToken cancel)
    {
        var local = new LocalSide(toMailer, fromMailer, delivery.Message, cancel);
        bool delivered = await (delivery.Script?.Invoke(local) ?? local.DeliverAsync());
        return new Outcome(delivered, local.Replies);
    }
}

/// <summary>The reference's mailer, in this process.</summary>
/// <param name="settings">Changes the mailer's options.</param>
/// <param name="random">The source of every draw; the system's by default.</param>
public sealed class EmbeddedMailer(Func<MailerOptions, MailerOptions>? settings = null, IRandomSource? random = null) : ClientTarget
{
    /// <inheritdoc/>
    public override string Name => "embedded reference";

    /// <inheritdoc/>
    public override Needs Can => Needs.Mailer | Needs.Policy | Needs.Suites | Needs.Timeouts;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, TimeSpan> Timeouts => HastyTime.Limits;

    /// <inheritdoc/>
    public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
    {
        var to = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var from = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        MemoryFile? memory;
        try
        {
            memory = delivery.Policy == ClientPolicy.Remembered ? new MemoryFile(delivery.Memory, TimeProvider.System) : null;
        }
        catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
        {
            // As the program does ([BP-9.4-12]).
            return new Outcome(false, "421 4.4.3 Temporary trouble\r\n");
        }

        var options = new MailerOptions(TestRsaKeys.Client)
        {
            Policy = delivery.Policy,
            Memory = memory?.Memory,
            Suites = delivery.Suites.Length == 0 ? SuiteRegistry.Default : [.. delivery.Suites.Split(',').Select(n => SuiteRegistry.Find(n)!)],
        };
        options = settings?.Invoke(options) ?? options;
        var run = RunAsync();
        var outcome = await SpeakAsync(delivery, to.Writer.AsStream(), from.Reader.AsStream(), cancel);
        await to.Writer.CompleteAsync();
        await run;
        return outcome;

        async Task RunAsync()
        {
            try
            {
                await MailerHost.RunAsync(options, random ?? new SystemRandom(), [new MailTarget("127.0.0.1", IPAddress.Loopback, delivery.Port)], to.Reader.AsStream(), from.Writer.AsStream(), cancel, new HastyTime(), () => memory!.SaveAsync());
            }
            finally
            {
                await from.Writer.CompleteAsync();
            }
        }
    }
}

/// <summary>Another port's client: a command.</summary>
/// <param name="command">The command, run by <c>/bin/sh</c>, with <c>{host}</c> and <c>{port}</c>, and perhaps <c>{policy}</c>, <c>{memory}</c> and <c>{suites}</c>.</param>
/// <param name="timeouts">The time-outs that the target declares.</param>
public abstract class ClientCommand(string command, IReadOnlyDictionary<string, TimeSpan> timeouts) : ClientTarget
{
    /// <inheritdoc/>
    public override string Name => command;

    private const int MaxLog = 2000;

    /// <summary>Whether the shell finds the command's program.</summary>
    public bool IsThere
    {
        get
        {
            using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "command -v -- \"$1\" >/dev/null 2>&1", "sh", command.TrimStart().Split(' ')[0]]))!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, TimeSpan> Timeouts => timeouts;

    /// <inheritdoc/>
    public override Needs Can =>
        (command.Contains("{policy}", StringComparison.Ordinal) && command.Contains("{memory}", StringComparison.Ordinal) ? Needs.Policy : 0)
        | (command.Contains("{suites}", StringComparison.Ordinal) ? Needs.Suites : 0)
        | (timeouts.Count > 0 ? Needs.Timeouts : 0);

    /// <inheritdoc/>
    public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
    {
        var text = command.Replace("{host}", "127.0.0.1", StringComparison.Ordinal)
            .Replace("{port}", delivery.Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{policy}", delivery.Policy.ToString().ToLowerInvariant(), StringComparison.Ordinal)
            .Replace("{memory}", delivery.Memory, StringComparison.Ordinal)
            .Replace("{suites}", delivery.Suites.Length > 0 ? delivery.Suites : string.Join(',', SuiteRegistry.Default.Select(s => s.Name)), StringComparison.Ordinal);
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", text]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (delivery.Log)
            {
                if (delivery.Log.Length < MaxLog && line.Data is not null)
                {
                    delivery.Log.Append(Expect.Escape(Encoding.UTF8.GetBytes(line.Data))).Append('\n');
                }
            }
        };
        process.BeginErrorReadLine();
        try
        {
            var outcome = await TalkAsync(process, delivery, cancel);
            await process.WaitForExitAsync(cancel);
            lock (delivery.Log)
            {
                delivery.Log.Append(CultureInfo.InvariantCulture, $"exit code {process.ExitCode}\n");
            }

            return outcome(process.ExitCode);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    /// <summary>Hands over the message.</summary>
    /// <returns>What the exit code then means.</returns>
    protected abstract Task<Func<int, Outcome>> TalkAsync(Process process, Delivery delivery, CancellationToken cancel);
}

/// <summary>A client that is spoken to in SMTP on its standard input and output, as sendmail speaks to its mailers.</summary>
public sealed class MailerCommand(string command, IReadOnlyDictionary<string, TimeSpan> timeouts) : ClientCommand(command, timeouts)
{
    /// <inheritdoc/>
    public override Needs Can => base.Can | Needs.Mailer;

    /// <inheritdoc/>
    protected override async Task<Func<int, Outcome>> TalkAsync(Process process, Delivery delivery, CancellationToken cancel)
    {
        var outcome = await SpeakAsync(delivery, process.StandardInput.BaseStream, process.StandardOutput.BaseStream, cancel);
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It went away before it read the last command.
        }

        return _ => outcome;
    }
}

/// <summary>A client that takes one message on its standard input and ends with 0 when it is delivered.</summary>
public sealed class PlainClientCommand(string command, IReadOnlyDictionary<string, TimeSpan> timeouts) : ClientCommand(command, timeouts)
{
    /// <inheritdoc/>
    protected override async Task<Func<int, Outcome>> TalkAsync(Process process, Delivery delivery, CancellationToken cancel)
    {
        var output = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, cancel);
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(Encoding.Latin1.GetBytes(delivery.Message), cancel);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It went away without reading the message: its exit code says the rest.
        }

        await output;
        return code => new Outcome(code == 0, "");
    }
}

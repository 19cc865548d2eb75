using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using BlackPony.Hosting;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Streams;

namespace BlackPony.Tools.Check;

/// <summary>Looks at one address after another: a connection in plaintext, one for each suite, and one for each policy. No mail.</summary>
/// <param name="name">The name in EHLO.</param>
/// <param name="memory">The memory; null for none.</param>
/// <param name="patience">How long each connection may take.</param>
internal sealed class ServerCheck(string name, ServerMemory? memory, TimeSpan patience)
{
    private readonly RsaKeys _rsaKeys = new(TimeProvider.System);

    /// <summary>Looks at an address.</summary>
    public async Task<AddressReport> RunAsync(MailTarget target, CancellationToken cancel)
    {
        var report = await PlainAsync(target, cancel);
        if (report.Error is not null)
            return report;

        var offer = report.Offer is { } line ? Offer.Parse(Encoding.Latin1.GetBytes(line)) : null;
        foreach (var suite in offer?.Common(SuiteRegistry.Default) ?? [])
            report = await UpgradeAsync(report, target, suite, cancel);

        var policies = new Dictionary<string, string>();
        foreach (var policy in (ClientPolicy[])[ClientPolicy.Opportunistic, ClientPolicy.Remembered, ClientPolicy.Required])
        {
            if (policy != ClientPolicy.Remembered || memory is not null)
                policies[policy.ToString().ToLowerInvariant()] = await DecideAsync(target, policy, cancel);
        }

        return report with { Policies = policies };
    }

    /// <summary>Begins a session inside, for somebody who types.</summary>
    public async Task<BlackPonyStream> ConnectAsync(MailTarget target, IReadOnlyList<Suite> suites, CancellationToken cancel)
    {
        using var limit = Limit(cancel);
        var stream = new TimedStream(await OpenAsync(target, limit.Token));
        try
        {
            return await BlackPonyStream.AuthenticateAsClientAsync(stream, Options(target, ClientPolicy.Required, suites), limit.Token);
        }
        catch (AuthenticationException e)
        {
            await stream.DisposeAsync();
            if (stream.LastReply is not { Code: >= 400 } reply)
                throw;

            var reason = Reason(e).Replace($"the server replied {reply.Code}", "the server refuses", StringComparison.Ordinal);
            throw new IOException($"{reason}: {Text(reply)}", e);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether it is what a server or a network does, and no bug or interruption.</summary>
    public static bool IsFailure(Exception e, CancellationToken cancel) => !cancel.IsCancellationRequested
        && e is IOException or SocketException or AuthenticationException or OperationCanceledException or FormatException;

    /// <summary>What failed, in one line.</summary>
    public string Reason(Exception e) => e is OperationCanceledException ? $"no answer within {patience.TotalSeconds} s"
        : e is AuthenticationException ? e.Message.Split(": ", 2)[^1].TrimEnd('.') : e.Message;

    private async Task<AddressReport> PlainAsync(MailTarget target, CancellationToken cancel)
    {
        var report = new AddressReport(target.Name, target.Address, target.Port);
        try
        {
            using var limit = Limit(cancel);
            long began = Stopwatch.GetTimestamp();
            await using var stream = await OpenAsync(target, limit.Token);
            report = report with { Connecting = Stopwatch.GetElapsedTime(began) };
            var replies = new ReplyStream(stream);
            began = Stopwatch.GetTimestamp();
            var greeting = await replies.ReadAsync(limit.Token);
            report = report with
            {
                Greeted = Stopwatch.GetElapsedTime(began),
                Greeting = Encoding.Latin1.GetString(greeting.Lines[^1]),
            };
            if (greeting.Code != 220)
                return report with { Error = $"the server greets with {Text(greeting)}" };

            var ehlo = await replies.AskAsync($"EHLO {name}", limit.Token);
            if (ehlo.Code / 100 != 2)
                return report with { Error = $"the server answers EHLO with {Text(ehlo)}" };

            var lines = Enumerable.Range(1, ehlo.Lines.Count - 1).Select(i => Encoding.Latin1.GetString(ehlo.Text(i))).ToList();
            await replies.AskAsync("QUIT", limit.Token);
            return report with
            {
                StartTls = lines.Exists(l => l.Equals("STARTTLS", StringComparison.OrdinalIgnoreCase)),
                Offer = lines.Find(l => l.Split(' ')[0].Equals(Offer.Keyword, StringComparison.OrdinalIgnoreCase)),
            };
        }
        catch (Exception e) when (IsFailure(e, cancel))
        {
            return report with { Error = Reason(e) };
        }
    }

    private async Task<AddressReport> UpgradeAsync(AddressReport report, MailTarget target, Suite suite, CancellationToken cancel)
    {
        SuiteReport result;
        TimedStream? timed = null;
        try
        {
            using var limit = Limit(cancel);

            // A key pair takes a while: once, and not in this time.
            _rsaKeys.Use().Dispose();
            await using var connection = timed = new TimedStream(await OpenAsync(target, limit.Token));
            await using var stream = await BlackPonyStream.AuthenticateAsClientAsync(
                timed, Options(target, ClientPolicy.Required, [suite]), limit.Token);
            result = new SuiteReport(suite.Name, null, timed.RoundTrips - 2, Stopwatch.GetElapsedTime(timed.Sent[1]));
            report = report with
            {
                Idents = [.. stream.RemoteIdents.Select(i => new IdentReport(i.Key, i.IsWithdrawn))],
                Memory = Compare(target, stream),
            };
            await stream.WriteAsync("QUIT\r\n"u8.ToArray(), limit.Token);
            while (await stream.ReadAsync(new byte[512], limit.Token) > 0)
            {
            }
        }
        catch (Exception e) when (IsFailure(e, cancel))
        {
            var reason = Reason(e);
            result = new SuiteReport(suite.Name, reason, 0, TimeSpan.Zero, reason == "refused" ? Refusal(timed!) : null);
        }

        return report with { Suites = [.. report.Suites, result] };
    }

    // In one line, whatever its code.
    private static string Text(Reply reply) => string.Join(' ',
        Enumerable.Range(0, reply.Lines.Count).Select(i => Encoding.Latin1.GetString(reply.Text(i))).Prepend($"{reply.Code}"));

    // The first answer after the greeting and that to EHLO that does not ask for more.
    private static string? Refusal(TimedStream timed) =>
        timed.Replies.Skip(2).FirstOrDefault(r => r is { Code: not 334 }) is { } reply ? Text(reply) : null;

    private string? Compare(MailTarget target, BlackPonyStream stream)
    {
        if (memory is null)
            return null;

        var entry = memory.Find(target.Name, target.Port, out _, keeps: true);
        return entry is null ? "new" : memory.IdentFault(entry, stream.RemoteIdents)
            ?? (memory.Counting(entry).Count > 0 ? "remembered" : "known");
    }

    // The policy itself decides, on a memory of its own.
    private async Task<string> DecideAsync(MailTarget target, ClientPolicy policy, CancellationToken cancel)
    {
        try
        {
            using var limit = Limit(cancel);
            var options = Options(target, policy, SuiteRegistry.Default);
            options.Memory = policy == ClientPolicy.Remembered ? MemoryText.Parse(MemoryText.Of(memory!), TimeProvider.System) : null;
            await using var connection = await OpenAsync(target, limit.Token);
            await using var stream = await BlackPonyStream.AuthenticateAsClientAsync(connection, options, limit.Token);
            await stream.WriteAsync("QUIT\r\n"u8.ToArray(), limit.Token);
            return stream.IsEncrypted ? "encrypted" : $"plaintext ({stream.Report.Reason})";
        }
        catch (AuthenticationException e) when (policy == ClientPolicy.Opportunistic && Reason(e) == "broken")
        {
            return "plaintext (broken)";
        }
        catch (Exception e) when (IsFailure(e, cancel))
        {
            return $"deferred ({Reason(e)})";
        }
    }

    private BlackPonyClientAuthenticationOptions Options(MailTarget target, ClientPolicy policy, IReadOnlyList<Suite> suites) => new()
    {
        ClientName = name,
        TargetHost = target.Name,
        TargetPort = target.Port,
        MailDomain = target.Domain,
        Policy = policy,
        Suites = suites,
        RsaKeys = _rsaKeys,
    };

    private static async Task<Stream> OpenAsync(MailTarget target, CancellationToken cancel)
    {
        var socket = new Socket(target.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new IPEndPoint(target.Address, target.Port), cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private CancellationTokenSource Limit(CancellationToken cancel)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(patience);
        return limit;
    }

    /// <summary>Commands and replies in plaintext.</summary>
    private sealed class ReplyStream(Stream stream)
    {
        private readonly ReplyReader _reader = new();
        private readonly byte[] _octets = new byte[4096];
        private int _waiting;

        public async Task<Reply> AskAsync(string command, CancellationToken cancel)
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\r\n"), cancel);
            return await ReadAsync(cancel);
        }

        public async Task<Reply> ReadAsync(CancellationToken cancel)
        {
            while (true)
            {
                var reply = _reader.Read(_octets.AsSpan(0, _waiting), out int consumed);
                _octets.AsSpan(consumed, _waiting - consumed).CopyTo(_octets);
                _waiting -= consumed;
                if (reply is not null)
                    return reply;

                if (_reader.IsMalformed || _waiting == _octets.Length)
                    throw new IOException("the server does not speak SMTP");

                int count = await stream.ReadAsync(_octets.AsMemory(_waiting), cancel);
                _waiting += count > 0 ? count : throw new IOException("the server closed the connection");
            }
        }
    }
}

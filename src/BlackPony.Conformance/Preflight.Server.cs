using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;

namespace BlackPony.Conformance;

/// <content>A server.</content>
public sealed partial class Preflight
{
    private static readonly (string Beginning, string Protocol)[] Others =
    [
        ("HTTP/", "HTTP"), ("<", "HTTP"), ("SSH-", "SSH"), ("* OK", "IMAP"), ("+OK", "POP3"), ("\x15\x03", "TLS"), ("\x16\x03", "TLS"),
    ];

    /// <summary>Looks at a server.</summary>
    public async Task<PreflightResult> RunAsync(ServerTarget target)
    {
        var watch = Stopwatch.StartNew();
        await using var place = await target.TakeAsync(Conformance.Needs.Nothing, CancellationToken.None);
        if (await GreetsAsync(place))
            await (Protocol == Protocol.StartTls ? StartTlsAsync(target) : TalkAsync(target));

        return Result(TestRole.Server, target.Name, watch.Elapsed);
    }

    private async Task TalkAsync(ServerTarget target)
    {
        var context = Context("ehlo");
        using var limit = context.Timeout;
        IReadOnlyList<string> suites = [];
        bool rot = false;
        bool good = await TryAsync(TestRole.Server, "EHLO", context, async () =>
        {
            await using var probe = await ServerProbe.StartAsync(target, Conformance.Needs.Nothing, context);
            var reply = await probe.EhloAsync();
            Passed(Step.Ehlo, "EHLO");
            if (!Needs(Step.Offer))
                return;

            Expect.That(probe.Offer.Length > 0,
                "There is no XBLACKPONY line in the reply to EHLO: " + string.Join(", ", reply.Lines.Select(l => Expect.Show(l))) + ".",
                    "BP-4.1-1");
            Expect.That(ServerProbe.IsOfferOfV1(probe.Offer), $"The offer has no version V1: {Expect.Show(probe.Offer)}.", "BP-4.1-3");
            (suites, rot) = (probe.Encrypting, probe.Suites.Contains(Names.Rot, StringComparer.OrdinalIgnoreCase));
            Expect.That(suites.Count > 0, $"The offer has no suite that is known here: {Expect.Show(probe.Offer)}.", "BP-5.1-1");
            Passed(Step.Offer, "offer");
        });
        if (!good || !Needs(Step.Upgrade))
            return;

        suites = [.. suites.Where(NeedsSuite), .. rot && NeedsSuite(Names.Rot) ? [Names.Rot] : Array.Empty<string>()];
        var sideBySide = new ParallelOptions { MaxDegreeOfParallelism = _options.Jobs };
        await Parallel.ForEachAsync(suites, sideBySide, async (suite, _) => await UpgradeAsync(target, suite, carries: suite == suites[0]));
    }

    private async Task UpgradeAsync(ServerTarget target, string suite, bool carries)
    {
        var context = Context(suite);
        using var limit = context.Timeout;
        context.Transcript.Comment($"upgrade with {suite}");
        await TryAsync(TestRole.Server, $"upgrade with {suite}", context, async () =>
        {
            await using var probe = await ServerProbe.StartAsync(target, Conformance.Needs.Nothing, context);
            if (suite == Names.Rot)
            {
                await ShiftAsync(probe);
                Passed(Step.Upgrade, "upgrade with ROT");
                return;
            }

            await SwitchAsync(probe, suite);
            if (!Needs(Step.Finished))
            {
                Passed(Step.Upgrade, $"upgrade with {suite}");
                return;
            }

            await probe.TakeFinishedAsync();
            await probe.ProbeConnection.SendRecordAsync(Reference.Records.RecordType.Finished,
                probe.ProbeConnection.Keys.Finished(Role.Client));
            if (Needs(Step.Inside))
            {
                await probe.ProbeConnection.SendInsideAsync("EHLO probe.test\r\n");
                await InsideAsync(probe);
            }

            Passed(Step.Upgrade, $"upgrade with {suite}");
            if (carries && Needs(Step.Message))
            {
                await probe.DeliverInsideAsync();
                Passed(Step.Message, "one message");
            }
        });
    }

    private static async Task SwitchAsync(ServerProbe probe, string suite)
    {
        try
        {
            await probe.SwitchAsync(suite, refused: "BP-4.3-1");
        }
        catch (CaseFailedException) when (suite.StartsWith("X25519MLKEM768-", StringComparison.Ordinal) && probe.UpgradeReply?.Code == 501)
        {
            // Does it read the X25519 key first?
            var fields = probe.Command(suite).Split(' ');
            var share = Convert.FromBase64String(fields[3]);
            await probe.ConnectAsync();
            await probe.EhloAsync();
            await probe.ProbeConnection.SendLineAsync(
                string.Join(' ', fields[..3].Append(Convert.ToBase64String([.. share[1184..], .. share[..1184]]))));
            var reply = await probe.ProbeConnection.ReplyAsync();
            throw new CaseFailedException(
                $"Sent a valid share, expected 220, got 501."
                    + $"{(reply.Code == 220 ? " With the X25519 key before ML-KEM's in the share it is 220 (Section 5.3)." : "")}",
                "BP-5.1-9");
        }
    }

    // The server verifies, so its keys are right: what it sends now says whether it agrees about the client's.
    private static async Task InsideAsync(ServerProbe probe)
    {
        var before = probe.ProbeConnection.Records.Count;
        try
        {
            await probe.ProbeConnection.ReplyInsideAsync();
        }
        catch (CaseFailedException e) when (probe.ProbeConnection.Records.Skip(before).All(r => r.Type != Reference.Records.RecordType.Data)
            && !e.Message.Contains("does not verify", StringComparison.Ordinal))
        {
            throw new CaseFailedException(
                $"{e.Message} The server's own records verify, so it sends with the right keys. Look at how it receives: the keys from "
                    + "client_traffic, the sequence number from 0, the additional data, and its check of the client's verify_data "
                    + "(client_finished).",
                e.Requirement ?? "BP-6.3-7");
        }

        Expect.That(probe.ProbeConnection.Records[^1].Data is [(byte)'2', ..],
            $"Sent EHLO inside, expected 250, got {Expect.Show(probe.ProbeConnection.Records[^1].Data)}.", "BP-4.5-1");
    }

    private static async Task ShiftAsync(ServerProbe probe)
    {
        const int Shift = 13;
        await probe.EhloAsync();
        await probe.ProbeConnection.CommandAsync($"XBLACKPONY V1 ROT {Shift}", 220, "BP-5.5-11");
        await probe.ProbeConnection.SendLineAsync(ClientProbe.Rot("EHLO probe.test", Shift));
        var reply = await probe.ProbeConnection.ReplyAsync();
        var text = ClientProbe.Rot(Encoding.Latin1.GetString(reply.Lines[0]), 26 - Shift);
        Expect.That(reply.Code == 250, $"Sent EHLO under the shift, expected 250, got {Expect.Show(text)}.", "BP-5.5-5");
    }

    // What answers there, before it counts as a mail server.
    private async Task<bool> GreetsAsync(ServerPlace place)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_options.Stop);
        limit.CancelAfter(_options.Timeout);
        try
        {
            await socket.ConnectAsync(new DnsEndPoint(place.Host, place.Port), limit.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            Unreachable(Step.Connect, "connection", $"The connection failed: {e.Message}");
            return false;
        }

        var (text, ended) = await GreetingAsync(socket, limit);
        if (text.Length == 0 && !ended)
        {
            // It may wait for its client to begin, as HTTP and TLS do.
            using var more = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            (text, ended) = await GreetingAsync(socket, more, "EHLO probe.test\r\n\r\n"u8.ToArray());
            if (Speaks(text) is null)
            {
                Unreachable(Step.Greeting, "greeting",
                    $"Nothing came within {Seconds(_options.Timeout)} of the connection; a mail server begins with \"220 \". If it delays "
                        + "its greeting, give a longer --timeout.");
                return false;
            }
        }

        bool good = text.StartsWith("220", StringComparison.Ordinal) && text.Length > 3 && text[3] is ' ' or '-' or '\r' or '\n';
        if (good && !HasEnd(text))
        {
            Unended(text);
            return false;
        }

        if (good)
        {
            Passed(Step.Connect, "reachable");
            Passed(Step.Greeting, "greeting");
            return true;
        }

        if (text.Length == 0)
            Unreachable(Step.Greeting, "greeting", "The connection ended before a greeting.");
        else if (Speaks(text) is { } protocol)
            Unreachable(Step.Greeting, "greeting", $"It speaks {protocol}, not SMTP: {Expect.Show(text)}.");
        else if (text[0] is '4' or '5' && text.Length > 3 && text[..3].All(char.IsAsciiDigit))
            Unreachable(Step.Greeting, "greeting", $"It is not ready: {Expect.Show(text.TrimEnd())}.");
        else
            Greeted(text);

        return false;
    }

    // A line whose code is not followed by a hyphen, with its CRLF (RFC 5321 4.2.1).
    private static bool HasEnd(string text) => text.Split("\r\n")[..^1].Any(l => l.Length < 4 || l[3] != '-');

    private void Unended(string text)
    {
        var (what, section) = text.Contains("\r\n", StringComparison.Ordinal)
            ? ("no last line (\"220 \") comes after the lines that begin with \"220-\"", "4.2.1")
            : ("its line does not end with CRLF", "2.3.8");
        Failed(new PreflightFailure(Step.Greeting, "greeting",
            $"The greeting has no end: {what}. What came is {Expect.Show(text)}.", $"RFC 5321 Section {section}"));
    }

    private void Greeted(string text)
    {
        bool code = text.Length > 3 && text[..3].All(char.IsAsciiDigit);
        Failed(new PreflightFailure(Step.Greeting, "greeting",
            $"After the connection: expected 220, got {Expect.Show(text.TrimEnd('\r', '\n'))}.",
            "RFC 5321 Section 4.2")
        {
            IsUnreachable = !code,
            Transcript = $"# BlackPony transcript 1\n# greeting\nS: {Expect.Escape(Encoding.Latin1.GetBytes(text.TrimEnd('\r', '\n')))}\n",
        });
    }

    private void Unreachable(Step step, string what, string detail) =>
        Failed(new PreflightFailure(step, what, detail, "RFC 5321 Section 3.1") { IsUnreachable = true });

    private static string? Speaks(string text) =>
        Others.FirstOrDefault(o => text.StartsWith(o.Beginning, StringComparison.Ordinal)).Protocol;

    // Another protocol's first line is enough; of a greeting, all lines.
    private static bool IsWhole(ReadOnlySpan<byte> octets) => octets.StartsWith("220-"u8)
        ? HasEnd(Encoding.Latin1.GetString(octets))
        : octets.Contains((byte)'\n');

    private static async Task<(string Text, bool Ended)> GreetingAsync(Socket socket, CancellationTokenSource limit,
        byte[]? sent = null)
    {
        const int Most = 10_000;
        var octets = new byte[Most];
        int count = 0;
        try
        {
            if (sent is not null)
                await socket.SendAsync(sent, limit.Token);

            while (count < Most && !IsWhole(octets.AsSpan(0, count)))
            {
                int more = await socket.ReceiveAsync(octets.AsMemory(count), limit.Token);
                if (more == 0)
                    return (Encoding.Latin1.GetString(octets, 0, count), true);

                count += more;
            }
        }
        catch (OperationCanceledException)
        {
            return (Encoding.Latin1.GetString(octets, 0, count), false);
        }
        catch (SocketException)
        {
            return (Encoding.Latin1.GetString(octets, 0, count), true);
        }

        return (Encoding.Latin1.GetString(octets, 0, count), false);
    }
}

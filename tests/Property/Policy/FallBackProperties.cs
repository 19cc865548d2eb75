using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;
using BlackPony.Tests.Property.Exploration;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Policy;

/// <summary>What becomes of the mail with any server that lacks, refuses or garbles the extension.</summary>
public class FallBackProperties
{
    private static readonly RsaKeys NoKeys = new(TimeProvider.System, () => throw new NotSupportedException());

    private static readonly string[] Ours = [ToySuite.Strong, ToySuite.Weak, ToySuite.TwoMessages];
    private static readonly string Share = Convert.ToBase64String(new byte[32]);

    // What a server says to EHLO; it does SMTP in any case. Nothing of the extension, an offer of ours, one of others, one that cannot be
    // used, anything.
    private static readonly Gen<string> EhloReply = Gen.Frequency(
        (2, Gen.Elements("250 b\r\n", "250-b\r\n250 8BITMIME\r\n")),
        (2, Gen.Elements("500 what\r\n", "502 no\r\n")),
        (9, Gen.SubListOf(Ours).Where(l => l.Count > 0).Select(l => Offering("V1 " + string.Join(' ', l)))),
        (2, Gen.NonEmptyListOf(Gen.Elements("X25519MLKEM768-AES256GCM", "ROT", "G-0AF9", "X-TOMORROW"))
            .Select(l => Offering("V1 " + string.Join(' ', l.Take(8))))),
        (2, Gen.Elements("", $"V9 {ToySuite.Weak}", "V1", $"V1 {ToySuite.Weak} \u00e9", "V1 " + new string('X', 600)).Select(Offering)),
        (2, Generate.Offer.Select(o => $"250-b\r\n250-8BITMIME\r\n250 {o}\r\n")));

    // And to XBLACKPONY, or to the second message: a refusal, the end of the connection (the empty text), no share, a share and records
    // that nobody sealed, nonsense.
    private static readonly Gen<string> UpgradeReply = Gen.Frequency(
        (8, Gen.Elements("500 what\r\n", "502 no\r\n", "503 no\r\n", "504 no\r\n", "504 no\r\n", "454-no\r\n454 no\r\n", "421 bye\r\n")),
        (2, Gen.Constant("")),
        (3, Gen.Elements("250 Ok\r\n", "334 K=AAAA\r\n", "220 no share\r\n", "220 K=\r\n", "220 K=AAA\r\n", "220-K=AA\r\n220 k=AA\r\n",
            "220\r\n", "999 x\r\n", "354 go\r\n", "220 K=AAAA\r\n")),
        (2, Gen.Constant($"334 K={Share}\r\n")),
        (3, Generate.Octets.Select(o => $"220 K={Share}\r\n{Encoding.Latin1.GetString(o)}")),
        (1, Generate.Octets.Select(o => Encoding.Latin1.GetString(o) + "\n")));

    private static readonly Gen<Server> Servers =
        from replies in Gen.Frequency(
            (8, from ehlo in EhloReply from first in UpgradeReply from second in UpgradeReply select (ehlo, (string[])[first, second])),
            (1, UpgradeReply.Select(second => (Offering("V1 " + string.Join(' ', Ours)), (string[])["504 no\r\n", second]))),
            (1, UpgradeReply.Select(second => (Offering($"V1 {ToySuite.TwoMessages}"), (string[])[$"334 K={Share}\r\n", second]))))
        from pieces in Generate.Pieces
        select new Server(replies.Item1, replies.Item2, pieces);

    private static readonly Cover<Server>[] Covers =
    [
        new(3, "no extension", s => s.Ehlo is "250 b\r\n" or "250-b\r\n250 8BITMIME\r\n"),
        new(3, "EHLO is refused", s => s.Ehlo.StartsWith('5')),
        new(5, "no suite in common", s => s.Ehlo.Contains("XBLACKPONY V1 ", StringComparison.Ordinal) && s.Ehlo.All(c => c < 127)
            && !s.Ehlo.Contains("XXX", StringComparison.Ordinal) && !Ours.Any(s.Ehlo.Contains)),
        new(1, "an offer that cannot be used", s => s.Ehlo.Contains("XBLACKPONY V9", StringComparison.Ordinal)
            || s.Ehlo.Contains("XXX", StringComparison.Ordinal) || s.Ehlo.Contains('\u00e9')),
        .. Ours.Select(suite => new Cover<Server>(8, $"{suite} is offered", s => Usable(s)
            && s.Ehlo.Contains(suite, StringComparison.Ordinal))),
        .. ((string[])["500", "502", "503", "504", "454", "421"])
            .Select(code => new Cover<Server>(0.15, $"{code} to the upgrade", s => Usable(s)
                && s.Upgrade[0].StartsWith(code, StringComparison.Ordinal))),
        new(0.5, "504, and the second suite is refused too", s => Usable(s) && Ours.Count(s.Ehlo.Contains) > 1
            && s.Upgrade is [['5', '0', '4', ..], ['4' or '5', ..]]),
        new(0.15, "the connection ends in the upgrade", s => Usable(s) && s.Upgrade[0].Length == 0),
        new(3, "a share, and records that nobody sealed", s => Usable(s)
            && s.Upgrade[0].StartsWith($"220 K={Share}", StringComparison.Ordinal)),
        new(2, "broken in the second message", s => s.Ehlo.EndsWith($"V1 {ToySuite.TwoMessages}\r\n", StringComparison.Ordinal)
            && s.Upgrade[0].StartsWith($"334 K={Share}", StringComparison.Ordinal)),
        new(1, "a reply that has no share", s => Usable(s) && s.Upgrade[0].StartsWith("220", StringComparison.Ordinal)
            && !s.Upgrade[0].Contains(Share, StringComparison.Ordinal)),
    ];

    // [BP-9.2-1], [BP-9.2-2], [BP-9.2-3], [BP-9.2-5], [BP-9.2-8], [BP-4.4-10], [BP-4.4-11], [BP-4.4-12], [BP-4.3-7], [BP-4.3-8], [BP-9.3-1]
    [Fact]
    public void Under_opportunistic_the_mail_is_delivered_in_plaintext()
    {
        Always.Holds(Servers, Covers, s => IsDelivered(Deliver(s, ClientPolicy.Opportunistic)), 600);
        Always.Bites(Servers, s => IsDelivered(Deliver(s, ClientPolicy.Required)), 500);
        Always.Bites(Servers, s => IsDelivered(Deliver(s, ClientPolicy.Opportunistic, mayReconnect: false)), 500);

        static bool IsDelivered(Result r) => r is { Delivered: true, Report: { Encrypted: false, Deferred: false }, Connections: 1 or 2 }
            && r.Report.Downgrade == (r.Connections == 2);
    }

    [Fact]
    public void Under_required_it_is_deferred_and_no_mail_octet_leaves() // [BP-9.1-2], [BP-9.1-5], [BP-9.1-6], [BP-10.4-8], [BP-9.2-7]
    {
        Always.Holds(Servers, Covers, s => IsDeferred(Deliver(s, ClientPolicy.Required)), 600);
        Always.Bites(Servers, s => IsDeferred(Deliver(s, ClientPolicy.Opportunistic)), 500);
    }

    [Fact]
    public void Under_remembered_it_is_deferred_by_a_server_in_the_memory_and_delivered_by_another() // [BP-9.1-3], [BP-9.4-3], [BP-9.4-8]
    {
        Always.Holds(Servers, Covers, s => IsDeferred(Deliver(s, ClientPolicy.Remembered, known: true)), 600);
        Always.Holds(Servers, Covers, s => Deliver(s, ClientPolicy.Remembered) is { Delivered: true, Remembered: false }, 600);
        Always.Holds(Servers, Covers, s => Deliver(s, ClientPolicy.Remembered, known: true).Failing, 600);
        Always.Bites(Servers, s => Deliver(s, ClientPolicy.Remembered, known: true).Delivered, 500);
    }

    private static string Offering(string offer) => $"250-b\r\n250-8BITMIME\r\n250 XBLACKPONY{(offer.Length > 0 ? " " : "")}{offer}\r\n";

    private static bool Usable(Server s) => s.Ehlo.Contains("XBLACKPONY V1 ", StringComparison.Ordinal)
        && s.Ehlo.All(c => c is < (char)127 and not '\t') && Ours.Any(s.Ehlo.Contains);

    private static bool IsDeferred(Result r) =>
        r is { Delivered: false, MailLeft: false, Report: { Deferred: true, Encrypted: false }, Connections: 1 }
            && r.Heard.EndsWith("\r\n", StringComparison.Ordinal) && r.Heard.Split("\r\n")[^2].StartsWith("421 ", StringComparison.Ordinal);

    private static Result Deliver(Server server, ClientPolicy policy, bool known = false, bool mayReconnect = true)
    {
        var memory = new ServerMemory(TimeProvider.System);
        if (known)
        {
            memory.Good("b", 25, []);
        }

        var options = new MailerOptions(NoKeys)
        {
            Policy = policy,
            Memory = memory,
            Suites = [new ToySuite(ToySuite.Strong), new ToySuite(ToySuite.Weak), new ToySuite(ToySuite.TwoMessages, twoMessages: true)],
        };
        using var mailer = new MailerSession(options, new CountingRandom((byte)'c'));
        string heard = "", said = "";
        bool delivered = false;
        int connections = 0, next = 0;
        string[] script = ["EHLO a\r\n", "MAIL FROM:<a@a>\r\n", "RCPT TO:<b@b>\r\n", "DATA\r\n", "Hi\r\n.\r\n"];
        var upgrades = new Queue<string>(server.Upgrade);
        Connect();
        for (int step = 0; step < 60 && mailer.Request != SessionRequest.Close; step++)
        {
            heard += Take(mailer.ToClient);
            var line = Take(mailer.ToServer);
            said += line;
            if (mailer.Request == SessionRequest.Reconnect)
            {
                if (!mayReconnect)
                {
                    break;
                }

                Connect();
            }
            else if (line.Length > 0)
            {
                Answer(line);
            }
            else if (mailer.WantsClient && next < script.Length)
            {
                // EHLO refused: the mail server says HELO.
                var says = next == 1 && !heard.Split("\r\n")[^2].StartsWith("250", StringComparison.Ordinal)
                    ? "HELO a\r\n"
                    : script[next++];
                mailer.FromClient(Encoding.Latin1.GetBytes(says));
            }
            else if (mailer.WantsClient)
            {
                mailer.ClientEnded();
            }
            else
            {
                mailer.TimedOut();
            }
        }

        heard += Take(mailer.ToClient);
        said += Take(mailer.ToServer);
        var entry = memory.Find("b", 25, out _);
        return new Result(delivered, said.Contains("MAIL", StringComparison.Ordinal), mailer.Report, connections, heard, entry is not null,
            entry?.FailingSince is not null);

        void Connect()
        {
            connections++;
            mailer.Connected("b", 25, false);
            mailer.FromServer("220 b\r\n"u8);
        }

        void Answer(string line)
        {
            var answer = line.Split(' ', '\r')[0] switch
            {
                "EHLO" => server.Ehlo,
                "XBLACKPONY" => upgrades.TryDequeue(out var reply) ? reply : "454 no\r\n",
                "*" => "501 cancelled\r\n",
                "HELO" or "MAIL" or "RCPT" => "250 Ok\r\n",
                "DATA" => "354 go\r\n",
                "QUIT" => "221 bye\r\n",
                "Hi" => "250 queued\r\n",
                _ when line.EndsWith("\r\n", StringComparison.Ordinal)
                    && line[..^2].All(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '=') =>
                    upgrades.TryDequeue(out var reply) ? reply : "454 no\r\n",
                _ => null,
            };
            delivered |= line.StartsWith("Hi", StringComparison.Ordinal) && connections > 0;
            if (answer is { Length: > 0 })
            {
                foreach (var piece in Generate.Cut(Encoding.Latin1.GetBytes(answer), server.Pieces))
                {
                    if (mailer.Request == SessionRequest.None)
                    {
                        mailer.FromServer(piece);
                    }
                }

                if (answer.StartsWith("421", StringComparison.Ordinal) && mailer.Request == SessionRequest.None)
                {
                    // A server that says so is gone ([BP-4.4-12]).
                    mailer.ServerEnded();
                }
            }
            else
            {
                mailer.ServerEnded();
            }
        }
    }

    private static string Take(PooledBuffer output)
    {
        var text = Encoding.Latin1.GetString(output.WrittenSpan);
        output.ResetWrittenCount();
        return text;
    }

    private sealed record Server(string Ehlo, string[] Upgrade, int[] Pieces)
    {
        public override string ToString() =>
            $"EHLO: {Convert.ToHexString(Encoding.Latin1.GetBytes(Ehlo))} = {Ehlo}; XBLACKPONY: {string.Join(" | ", Upgrade)}; in pieces "
                + $"of {string.Join(',', Pieces)}";
    }

    private sealed record Result(bool Delivered, bool MailLeft, SessionReport Report, int Connections, string Heard,
        bool Remembered, bool Failing);
}

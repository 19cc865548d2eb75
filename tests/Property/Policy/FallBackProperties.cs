using BlackPony.Reference;
using System.Text;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Smtp;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Property.Exploration;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Policy;

/// <summary>What becomes of the mail with any server that lacks, refuses or garbles the extension.</summary>
public class FallBackProperties
{
    private static readonly RsaKeys NoKeys = new(TimeProvider.System, () => throw new NotSupportedException());

    // What a server says to EHLO; it does SMTP in any case.
    private static readonly Gen<string> EhloReply = Gen.OneOf(
        Gen.Elements("250 b\r\n", "250-b\r\n250 XBLACKPONY V9 NOTHING\r\n", "250-b\r\n250 XBLACKPONY\r\n", "500 what\r\n", "502 no\r\n"),
        Generate.Offer.Select(o => $"250-b\r\n250-8BITMIME\r\n250 {o}\r\n"),
        Gen.Constant($"250-b\r\n250 XBLACKPONY V1 {ToySuite.Strong} {ToySuite.Weak}\r\n"));

    // And to XBLACKPONY: a refusal, nonsense, a share of its own, records that nobody sealed; the empty text is the end of the connection.
    private static readonly Gen<string> UpgradeReply = Gen.OneOf(
        Gen.Elements("500 what\r\n", "502 no\r\n", "503 no\r\n", "504 no\r\n", "454-no\r\n454 no\r\n", "421 bye\r\n", "", "250 Ok\r\n", "334 K=AAAA\r\n", "220 no share\r\n", "220 K=\r\n", "220 K=AAA\r\n", "220-K=AA\r\n220 k=AA\r\n", "220\r\n", "999 x\r\n", "354 go\r\n", "220 K=AAAA\r\n"),
        Generate.Octets.Select(o => "220 K=" + Convert.ToBase64String(new byte[32]) + "\r\n" + Encoding.Latin1.GetString(o)),
        Generate.Octets.Select(o => Encoding.Latin1.GetString(o) + "\n"));

    private static readonly Gen<Server> Servers =
        from ehlo in EhloReply
        from first in UpgradeReply
        from second in UpgradeReply
        from pieces in Generate.Pieces
        select new Server(ehlo, [first, second], pieces);

    [Fact]
    public void Under_opportunistic_the_mail_is_delivered_in_plaintext() // [BP-9.2-1], [BP-9.2-2], [BP-9.2-3], [BP-9.2-5], [BP-9.2-8], [BP-4.4-10], [BP-4.4-11], [BP-4.4-12], [BP-4.3-7], [BP-4.3-8], [BP-9.3-1]
    {
        Always.Holds(Servers, s => IsDelivered(Deliver(s, ClientPolicy.Opportunistic)), 500);
        Always.Bites(Servers, s => IsDelivered(Deliver(s, ClientPolicy.Required)), 500);
        Always.Bites(Servers, s => IsDelivered(Deliver(s, ClientPolicy.Opportunistic, mayReconnect: false)), 500);

        static bool IsDelivered(Result r) => r is { Delivered: true, Report: { Encrypted: false, Deferred: false }, Connections: 1 or 2 } && r.Report.Downgrade == (r.Connections == 2);
    }

    [Fact]
    public void Under_required_it_is_deferred_and_no_mail_octet_leaves() // [BP-9.1-2], [BP-9.1-5], [BP-9.1-6], [BP-10.4-8], [BP-9.2-7]
    {
        Always.Holds(Servers, s => IsDeferred(Deliver(s, ClientPolicy.Required)), 500);
        Always.Bites(Servers, s => IsDeferred(Deliver(s, ClientPolicy.Opportunistic)), 500);
    }

    [Fact]
    public void Under_remembered_it_is_deferred_by_a_server_in_the_memory_and_delivered_by_another() // [BP-9.1-3], [BP-9.4-3], [BP-9.4-8]
    {
        Always.Holds(Servers, s => IsDeferred(Deliver(s, ClientPolicy.Remembered, known: true)) && Deliver(s, ClientPolicy.Remembered) is { Delivered: true, Remembered: false }, 500);
        Always.Holds(Servers, s => Deliver(s, ClientPolicy.Remembered, known: true).Failing);
        Always.Bites(Servers, s => Deliver(s, ClientPolicy.Remembered, known: true).Delivered, 500);
    }

    private static bool IsDeferred(Result r) => r is { Delivered: false, MailLeft: false, Report: { Deferred: true, Encrypted: false }, Connections: 1 } && r.Heard.EndsWith("\r\n", StringComparison.Ordinal) && r.Heard.Split("\r\n")[^2].StartsWith("421 ", StringComparison.Ordinal);

    private static Result Deliver(Server server, ClientPolicy policy, bool known = false, bool mayReconnect = true)
    {
        var memory = new ServerMemory(TimeProvider.System);
        if (known)
        {
            memory.Good("b", 25, []);
        }

        var options = new MailerOptions(NoKeys) { Policy = policy, Memory = memory, Suites = [new ToySuite(ToySuite.Strong), new ToySuite(ToySuite.Weak), new ToySuite(ToySuite.TwoMessages, twoMessages: true)] };
        using var mailer = new MailerSession(options, new CountingRandom((byte)'c'));
        string heard = "", said = "";
        bool delivered = false;
        int connections = 0, next = 0;
        string[] script = ["EHLO a\r\n", "MAIL FROM:<a@a>\r\n", "RCPT TO:<b@b>\r\n", "DATA\r\n", "Hi\r\n.\r\n"];
        var upgrades = new Queue<string>(server.Upgrade);
        Connect();
        for (int step = 0; step < 60 && mailer.Request != MailerRequest.Close; step++)
        {
            heard += Take(mailer.ToLocal);
            var line = Take(mailer.ToServer);
            said += line;
            if (mailer.Request == MailerRequest.Reconnect)
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
            else if (mailer.WantsLocal && next < script.Length)
            {
                // EHLO refused: the mail server says HELO.
                var says = next == 1 && !heard.Split("\r\n")[^2].StartsWith("250", StringComparison.Ordinal) ? "HELO a\r\n" : script[next++];
                mailer.FromLocal(Encoding.Latin1.GetBytes(says));
            }
            else if (mailer.WantsLocal)
            {
                mailer.LocalEnded();
            }
            else
            {
                mailer.TimedOut();
            }
        }

        heard += Take(mailer.ToLocal);
        said += Take(mailer.ToServer);
        var entry = memory.Find("b", 25, out _);
        return new Result(delivered, said.Contains("MAIL", StringComparison.Ordinal), mailer.Report, connections, heard, entry is not null, entry?.FailingSince is not null);

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
                _ => null,
            };
            delivered |= line.StartsWith("Hi", StringComparison.Ordinal) && connections > 0;
            if (answer is { Length: > 0 })
            {
                foreach (var piece in Generate.Cut(Encoding.Latin1.GetBytes(answer), server.Pieces))
                {
                    if (mailer.Request == MailerRequest.None)
                    {
                        mailer.FromServer(piece);
                    }
                }

                if (answer.StartsWith("421", StringComparison.Ordinal) && mailer.Request == MailerRequest.None)
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
        public override string ToString() => $"EHLO: {Convert.ToHexString(Encoding.Latin1.GetBytes(Ehlo))} = {Ehlo}; XBLACKPONY: {string.Join(" | ", Upgrade)}; in pieces of {string.Join(',', Pieces)}";
    }

    private sealed record Result(bool Delivered, bool MailLeft, SessionReport Report, int Connections, string Heard, bool Remembered, bool Failing);
}

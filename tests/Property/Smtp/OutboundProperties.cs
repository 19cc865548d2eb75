using System.Text;
using BlackPony.Reference;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Outbound;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>
/// Transactions of any recipients and messages through the outbound relay, in any pieces, to next servers that pipeline or do not,
/// that refuse senders, recipients and messages, and that have TLS or not, with a model of what is heard and delivered.
/// </summary>
public class OutboundProperties
{
    private static readonly Gen<string> Sender = Gen.Frequency(
        (12, Gen.Constant("s@s.test")),
        (4, Gen.Elements("MAIL-450@s.test", "MAIL-550@s.test", "DATA-451@s.test", "DATA-554@s.test", ".-452@s.test", ".-554@s.test")));

    private static readonly Gen<string> Recipient =
        from local in Gen.Frequency((5, Gen.Constant("r")), (1, Gen.Constant("RCPT-450")), (1, Gen.Constant("RCPT-550")))
        from domain in Gen.Elements("a.test", "b.test", "c.test")
        select $"{local}@{domain}";

    private static readonly Gen<Transaction> Transactions =
        from sender in Sender
        from recipients in Recipient.NonEmptyListOf()
        from message in Generate.Message
        select new Transaction(sender, [.. recipients.Take(6)], message);

    private static readonly Gen<Case> Cases =
        from transactions in Transactions.NonEmptyListOf()
        from pipelining in Gen.Elements(true, false)
        from tls in Gen.Elements(Enum.GetValues<NextTls>())
        from client in Generate.PiecesOf(transactions.Take(4).Sum(t => t.Message.Length))
        from next in Generate.Pieces
        select new Case([.. transactions.Take(4)], pipelining, tls, client, next);

    private static readonly Cover<Case>[] Covers =
    [
        .. Cover.Messages<Case>(5, c => c.Transactions.Select(t => t.Message)),
        .. Cover.Each<Case, NextTls>(5, Enum.GetValues<NextTls>(), c => c.Tls),
        .. Cover.Each<Case, bool>(20, [true, false], c => c.Pipelining),
        .. Cover.Seen<Case>(3, "MAIL is refused", "a recipient is refused", "DATA is refused", "a message is refused",
            "an empty message is delivered"),
        .. Cover.Seen<Case>(4, "another domain is deferred", "the route changes before a recipient was taken",
            "two messages on one connection", "all is delivered"),
    ];

    // [BP-10.5-5], [BP-10.5-6], [BP-10.5-7], [BP-10.5-9], [BP-10.5-13], [BP-10.5-14], [BP-10.5-15]
    [Fact]
    public void Each_message_goes_whole_to_the_route_of_its_first_recipient_and_no_recipient_to_another()
    {
        Always.Holds(Cases, Covers, (c, seen) => IsRight(c, o => o, seen), 300);
        Always.Bites(Cases, c => IsRight(c, o => [.. o.Where(b => b != '\n' || o.Length % 7 != 0)], new HashSet<string>()));
        Always.Bites(Cases, c => IsRight(c, o => o.AsSpan().StartsWith(".\r\n"u8) ? o[3..] : o, new HashSet<string>()));
        Always.Bites(Cases, c => IsRight(c, o => o, new HashSet<string>(), replies: r =>
            r.Replace("554 5.0.0 a.test refuses .", "250 2.0.0 Ok: queued", StringComparison.Ordinal)));
        Always.Bites(Cases, c => IsRight(c, o => o, new HashSet<string>(), losesTls: true));
    }

    private static bool IsRight(Case c, Func<byte[], byte[]> fault, ISet<string> seen, Func<string, string>? replies = null,
        bool losesTls = false)
    {
        var (whole, pieces) = (Run(c with { Client = [int.MaxValue], Next = [int.MaxValue] }, o => o, r => r, false),
            Run(c, fault, replies ?? (r => r), losesTls));
        var (heard, delivered) = Model(c, seen);
        return pieces.Heard == heard && whole.Heard == heard && pieces.Delivered.SequenceEqual(delivered)
            && whole.Delivered.SequenceEqual(delivered);
    }

    // What the client hears to RCPT, DATA and the message, and what arrives where.
    private static (string Heard, List<string> Delivered) Model(Case c, ISet<string> seen)
    {
        var heard = new StringBuilder();
        var delivered = new List<string>();
        string last = "";
        foreach (var transaction in c.Transactions)
        {
            string route = "";
            var accepted = new List<string>();
            foreach (var recipient in transaction.Recipients)
            {
                var domain = recipient.Split('@')[1];
                if (accepted.Count > 0 && domain != route)
                {
                    Says("452 4.5.3 Another domain: use another transaction\r\n", "another domain is deferred");
                    continue;
                }

                if (route.Length > 0 && domain != route)
                {
                    seen.Add("the route changes before a recipient was taken");
                }

                route = domain;
                if (NextHop.Refusal(route, transaction.Sender, "MAIL") is { } sender)
                {
                    Says(sender, "MAIL is refused");
                }
                else if (NextHop.Refusal(route, recipient, "RCPT") is { } refusal)
                {
                    Says(refusal, "a recipient is refused");
                }
                else
                {
                    heard.Append("250 2.1.5 Ok\r\n");
                    accepted.Add(recipient);
                }
            }

            if (accepted.Count == 0)
            {
                heard.Append("554 5.5.1 No valid recipients\r\n");
            }
            else if (NextHop.Refusal(route, transaction.Sender, "DATA") is { } data)
            {
                Says(data, "DATA is refused");
            }
            else
            {
                heard.Append("354 go\r\n");
                if (NextHop.Refusal(route, transaction.Sender, ".") is { } refusal)
                {
                    Says(refusal, "a message is refused");
                }
                else
                {
                    heard.Append("250 2.0.0 Ok: queued\r\n");
                    delivered.Add(
                        $"{route} {(c.Tls == NextTls.Works ? "TLS" : "plain")} {string.Join(' ', accepted)} "
                            + $"{Encoding.Latin1.GetString(transaction.Message)}");
                    Note(Generate.IsEmpty(transaction.Message), "an empty message is delivered");
                    Note(route == last, "two messages on one connection");
                }
            }

            last = route;
        }

        Note(delivered.Count == c.Transactions.Length, "all is delivered");
        return (heard.ToString(), delivered);

        void Says(string reply, string what)
        {
            heard.Append(reply);
            seen.Add(what);
        }

        void Note(bool so, string what)
        {
            if (so)
            {
                seen.Add(what);
            }
        }
    }

    private static (string Heard, List<string> Delivered) Run(Case c, Func<byte[], byte[]> fault, Func<string, string> replies,
        bool losesTls)
    {
        var relay = new OutboundSession(new OutboundOptions("relay", d => new Route(d, 25)) { StartTls = c.Tls != NextTls.Off });
        var heard = new StringBuilder();
        var delivered = new List<string>();
        NextHop? next = null;
        Say("EHLO s.test\r\n");
        foreach (var transaction in c.Transactions)
        {
            Say($"MAIL FROM:<{transaction.Sender}>\r\n");
            var reply = Say($"{string.Concat(transaction.Recipients.Select(r => $"RCPT TO:<{r}>\r\n"))}DATA\r\n");
            heard.Append(reply);
            if (reply.EndsWith("354 go\r\n", StringComparison.Ordinal))
            {
                heard.Append(Exchange(transaction.Message));
            }
            else
            {
                Say("RSET\r\n");
            }
        }

        return (heard.ToString(), delivered);

        string Say(string text) => Exchange(Encoding.ASCII.GetBytes(text));

        // All that comes of what the client says.
        string Exchange(byte[] said)
        {
            Give(said, c.Client, relay.FromClient);
            bool moved = true;
            for (int steps = 0; moved; steps++)
            {
                if (steps > 1000)
                {
                    return "and so on without end";
                }

                moved = false;
                var octets = Take(relay.ToServer);
                var request = relay.TakeRequest();
                if (request == SessionRequest.Connect)
                {
                    // Nobody hears any more what the one before says to QUIT.
                    next = new NextHop(relay.Route!.Host, c.Pipelining, c.Tls);
                    Give("220 next\r\n"u8.ToArray(), c.Next, relay.FromServer);
                    moved = true;
                }
                else if (request == SessionRequest.StartTls)
                {
                    if (c.Tls == NextTls.Works)
                    {
                        next!.Secured();
                    }

                    relay.TlsDone(c.Tls == NextTls.Works && !losesTls);
                    moved = true;
                }
                else if (octets.Length > 0 && request == SessionRequest.None)
                {
                    var answer = replies(Encoding.Latin1.GetString(next!.Take(fault(octets))));
                    delivered.AddRange(next.Messages.Select(m => $"{relay.Route!.Host} {m}"));
                    next.Messages.Clear();
                    Give(Encoding.Latin1.GetBytes(answer), c.Next, relay.FromServer);
                    moved = true;
                }
            }

            return Encoding.Latin1.GetString(Take(relay.ToClient));
        }
    }

    private static byte[] Take(PooledBuffer output)
    {
        var octets = output.WrittenSpan.ToArray();
        output.ResetWrittenCount();
        return octets;
    }

    private static void Give(byte[] octets, int[] pieces, Taker to)
    {
        foreach (var piece in Generate.Cut(octets, pieces))
        {
            to(piece);
        }
    }

    private delegate void Taker(ReadOnlySpan<byte> octets);

    private sealed record Transaction(string Sender, string[] Recipients, byte[] Message)
    {
        public override string ToString() =>
            $"{Sender} to {string.Join(' ', Recipients)}: "
                + $"{(Message.Length < 500 ? Convert.ToHexString(Message) : $"{Message.Length} octets")}";
    }

    private sealed record Case(Transaction[] Transactions, bool Pipelining, NextTls Tls, int[] Client, int[] Next)
    {
        public override string ToString() =>
            $"pipelining {Pipelining}, TLS {Tls}, pieces of {string.Join(',', Client)} and {string.Join(',', Next)}: "
                + $"{string.Join<Transaction>("; ", Transactions)}";
    }
}

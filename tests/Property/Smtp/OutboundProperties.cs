using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Smtp;
using BlackPony.Tests.Conformance.Transcripts;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>Transactions of any recipients through the outbound relay, in any pieces, with next servers that pipeline or do not.</summary>
public class OutboundProperties
{
    private static readonly Gen<Transaction> Transactions =
        from recipients in Gen.Elements("a.test", "b.test", "c.test").NonEmptyListOf()
        from message in Generate.Payload
        select new Transaction([.. recipients.Take(6)], [.. "S: x\r\n"u8, .. message, .. "\r\n.\r\n"u8]);

    private static readonly Gen<Case> Cases =
        from transactions in Transactions.NonEmptyListOf()
        from pipelining in Gen.Elements(true, false)
        from client in Generate.Pieces
        from next in Generate.Pieces
        select new Case([.. transactions.Take(4)], pipelining, client, next);

    [Fact]
    public void Each_message_goes_whole_to_the_route_of_its_first_recipient_and_no_recipient_to_another() // [BP-10.5-5], [BP-10.5-7], [BP-10.5-9], [BP-10.5-15]
    {
        Always.Holds(Cases, c => IsRight(c, o => o));
        Always.Bites(Cases, c => IsRight(c, o => [.. o.Where(b => b != '\n' || o.Length % 7 != 0)]));

        static bool IsRight(Case c, Func<byte[], byte[]> fault)
        {
            var (whole, pieces) = (Run(c with { Client = [int.MaxValue], Next = [int.MaxValue] }, o => o), Run(c, fault));
            var expected = c.Transactions.Select(t => $"{t.Recipients[0]} {t.Recipients.Count(r => r == t.Recipients[0])} {Encoding.Latin1.GetString(t.Message)[..^5]}");
            int accepted = c.Transactions.Sum(t => t.Recipients.Count(r => r == t.Recipients[0])), putOff = c.Transactions.Sum(t => t.Recipients.Length) - accepted;
            return pieces.Heard == whole.Heard && pieces.Delivered.SequenceEqual(expected) && whole.Delivered.SequenceEqual(expected)
                && Count(pieces.Heard, "452 4.5.3") == putOff && Count(pieces.Heard, "250 2.0.0 Ok: queued") == c.Transactions.Length;
        }
    }

    private static int Count(string text, string what) => text.Split(what).Length - 1;

    private static (string Heard, List<string> Delivered) Run(Case c, Func<byte[], byte[]> fault)
    {
        var relay = new OutboundSession(new OutboundOptions("relay", d => new Route(d, 25)));
        var heard = new StringBuilder();
        var delivered = new List<string>();
        Backend? next = null;
        int recipients = 0;
        var says = new Queue<byte[]>(c.Transactions.SelectMany(t => (byte[][])[
            Encoding.ASCII.GetBytes($"MAIL FROM:<s@s.test>\r\n{string.Concat(t.Recipients.Select(r => $"RCPT TO:<r@{r}>\r\n"))}DATA\r\n"), t.Message]).Prepend("EHLO s.test\r\n"u8.ToArray()));
        while (true)
        {
            var octets = Take(relay.ToNext);
            if (relay.TakeRequest() == OutboundRequest.OpenNext)
            {
                // Nobody hears any more what the one before says to QUIT.
                (next, recipients) = (new Backend(c.Pipelining ? ["PIPELINING"] : ["8BITMIME"]), 0);
                Give("220 next\r\n"u8.ToArray(), c.Next, relay.FromNext);
            }
            else if (octets.Length > 0)
            {
                recipients += Count(Encoding.Latin1.GetString(octets), "RCPT TO:");
                var replies = next!.Take(fault(octets));
                while (next.Messages.TryDequeue(out var message))
                {
                    delivered.Add($"{relay.Route!.Host} {recipients} {message}");
                    recipients = 0;
                }

                Give(replies, c.Next, relay.FromNext);
            }
            else if (relay.ToClient.WrittenCount > 0)
            {
                heard.Append(Encoding.Latin1.GetString(Take(relay.ToClient)));
            }
            else if (says.TryDequeue(out var line))
            {
                Give(line, c.Client, relay.FromClient);
            }
            else
            {
                return (heard.ToString(), delivered);
            }
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

    private sealed record Transaction(string[] Recipients, byte[] Message);

    private sealed record Case(Transaction[] Transactions, bool Pipelining, int[] Client, int[] Next)
    {
        public override string ToString() =>
            $"pipelining {Pipelining}, pieces of {string.Join(',', Client)} and {string.Join(',', Next)}: {string.Join("; ", Transactions.Select(t => $"{string.Join(' ', t.Recipients)}: {Convert.ToHexString(t.Message)}"))}";
    }
}

using BlackPony.Reference;
using System.Text;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Smtp;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Conformance.Transcripts;
using BlackPony.Tests.Property.Exploration;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>A whole delivery, mailer to relay, in any pieces on all four ways.</summary>
public class PiecesProperties
{
    private static readonly RsaKeys NoKeys = new(TimeProvider.System, () => throw new NotSupportedException());

    private static readonly Gen<Case> Cases =
        from suite in Gen.Elements(ToySuite.Weak, ToySuite.TwoMessages, "ROT", "")
        from message in Generate.Payload
        from server in Generate.Pieces
        from client in Generate.Pieces
        select new Case(suite, [.. "S: x\r\n"u8, .. message, .. "\r\n.\r\n"u8], server, client);

    [Fact]
    public void Any_pieces_give_the_same_delivery() // [BP-7.1-6], [BP-7.1-7], [BP-4.3-9], [BP-5.5-2], [BP-5.5-3], [BP-5.5-4], [BP-10.4-9]
    {
        Always.Holds(Cases, c => IsSame(c, p => p));
        Always.Bites(Cases, c => IsSame(c, p => p is [.., (byte)'\r'] ? p[..^1] : p));

        static bool IsSame(Case c, Func<byte[], byte[]> fault)
        {
            var (whole, pieces) = (Run(c with { FromServer = [int.MaxValue], FromClient = [int.MaxValue] }, p => p), Run(c, fault));
            return whole == pieces && pieces.Delivered == Encoding.Latin1.GetString(c.Message)[..^5] && pieces.Client.Encrypted == c.Suite is not ("ROT" or "");
        }
    }

    private static Result Run(Case c, Func<byte[], byte[]> fault)
    {
        Suite[] suites = c.Suite switch
        {
            "" => [],
            "ROT" => [new Rot()],
            _ => [new ToySuite(c.Suite, c.Suite == ToySuite.TwoMessages)],
        };
        using var mailer = new MailerSession(new MailerOptions(NoKeys) { Suites = suites }, new CountingRandom((byte)'c'));
        using var relay = new RelaySession(new ServerOptions(NoKeys) { Suites = suites, Grease = false }, new CountingRandom((byte)'s'), "test");
        var backend = new Backend(["8BITMIME"]);
        string heard = "", delivered = "";
        var queue = new Queue<byte[]>([.. ((string[])["EHLO a\r\n", "MAIL FROM:<a@a>\r\n", "RCPT TO:<b@b>\r\n", "DATA\r\n"]).Select(Encoding.ASCII.GetBytes), c.Message, "QUIT\r\n"u8.ToArray()]);
        mailer.Connected("b", 25, false);
        relay.BackendReady("220 b\r\n"u8);
        for (bool moved = true; moved;)
        {
            moved = Pass(relay.ToBackend, [int.MaxValue], p => relay.FromBackend(backend.Take(p))) | Pass(relay.ToClient, c.FromServer, p => mailer.FromServer(p)) | Pass(mailer.ToServer, c.FromClient, p => relay.FromClient(p));
            moved |= Pass(mailer.ToLocal, [int.MaxValue], p => heard += Encoding.Latin1.GetString(p));
            if (relay.Request == RelayRequest.OpenBackend)
            {
                relay.BackendReady("220 b\r\n"u8);
                backend = relay.SwitchedBackend || relay.NeedsFreshBackend ? new Backend(["8BITMIME"]) : backend;
                moved = true;
            }

            while (backend.Messages.TryDequeue(out var message))
            {
                delivered += message;
            }

            if (!moved && mailer.WantsLocal && queue.TryDequeue(out var line))
            {
                moved = true;
                foreach (var piece in Generate.Cut(line, c.FromClient))
                {
                    mailer.FromLocal(piece);
                }
            }
        }

        return new Result(heard, delivered, mailer.Report, relay.Report);

        bool Pass(PooledBuffer output, int[] pieces, Action<byte[]> to)
        {
            var octets = output.WrittenSpan.ToArray();
            output.ResetWrittenCount();

            foreach (var piece in Generate.Cut(octets, pieces))
            {
                to(fault(piece));
            }

            return octets.Length > 0;
        }
    }

    private sealed record Case(string Suite, byte[] Message, int[] FromServer, int[] FromClient)
    {
        public override string ToString() => $"{Suite}, pieces of {string.Join(',', FromServer)} and {string.Join(',', FromClient)}: {Convert.ToHexString(Message)}";
    }

    private sealed record Result(string Heard, string Delivered, SessionReport Client, SessionReport Server);
}

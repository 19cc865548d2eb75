using System.Security.Cryptography;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;
using BlackPony.Tests.Conformance.Transcripts;
using BlackPony.Tests.Property.Exploration;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>A whole delivery, mailer to relay, in any pieces on all four ways.</summary>
public class PiecesProperties
{
    private static readonly RsaKeys ClientKeys = KeysOf("rsa-client.pem");
    private static readonly RsaKeys ServerKeys = KeysOf("rsa-server.pem");

    // Real ones, and toys of one message and two; "" is a server that has no BlackPony.
    private static readonly string[] Suites = [.. SuiteRegistry.All.Select(s => s.Name), "toy", "toy of two messages", ""];

    private static readonly (ClientPolicy Policy, bool Known)[] Policies =
        [(ClientPolicy.Opportunistic, false), (ClientPolicy.Remembered, false), (ClientPolicy.Remembered, true),
            (ClientPolicy.Required, false)];

    // MAIL, RCPT, DATA or the message is refused; mostly none.
    private static readonly string[] Refused = ["", "MAIL", "RCPT", "DATA", "."];

    private static readonly Gen<Case> Cases =
        from suite in Gen.Elements(Suites)
        from policy in Gen.Elements(Policies)
        from refused in Gen.Frequency((4, Gen.Constant("")), (2, Gen.Elements(Refused[1..])))
        from message in Generate.Message
        from server in Generate.PiecesOf(message.Length)
        from client in Generate.PiecesOf(message.Length)
        select new Case(suite, policy.Policy, policy.Known, refused, message, server, client);

    private static readonly Cover<Case>[] Covers =
    [
        .. Cover.Messages<Case>(3, c => [c.Message]),
        .. Cover.Each<Case, string>(3, Suites, c => c.Suite),
        .. Cover.Each<Case, (ClientPolicy, bool)>(8, Policies, c => (c.Policy, c.Known)),
        .. Cover.Each<Case, string>(1, Refused[1..], c => c.Refused),
        new(0.5, "an empty message inside records", c => Encrypts(c) && Generate.IsEmpty(c.Message) && c.Refused.Length == 0),
        new(0.5, "a message of several records", c => Encrypts(c) && c.Message.Length > Limits.MaxData && c.Refused.Length == 0),
        new(2, "deferred", IsDeferred),
    ];

    [Fact]
    public void Any_pieces_give_the_same_delivery() // [BP-7.1-6], [BP-7.1-7], [BP-4.3-9], [BP-5.5-2], [BP-5.5-3], [BP-5.5-4], [BP-10.4-9]
    {
        Always.Holds(Cases, Covers, c => IsSame(c, p => p), 300);
        Always.Bites(Cases, c => IsSame(c, p => p is [.., (byte)'\r'] ? p[..^1] : p));

        static bool IsSame(Case c, Func<byte[], byte[]> fault)
        {
            var (whole, pieces) = (Run(c with { FromServer = [int.MaxValue], FromClient = [int.MaxValue] }, p => p), Run(c, fault));
            var text = Encoding.Latin1.GetString(c.Message);
            var delivered = IsDeferred(c) || c.Refused.Length > 0 ? "" : Generate.IsEmpty(c.Message) ? "<>" : $"<{text[..^5]}>";
            return whole == pieces && pieces.Delivered == delivered && pieces.Client.Encrypted == Encrypts(c)
                && pieces.Client.Deferred == IsDeferred(c)
                && (IsDeferred(c) ? pieces.Heard.Contains("421 ", StringComparison.Ordinal)
                    : pieces.Heard.Contains("550 refused", StringComparison.Ordinal) == (c.Refused.Length > 0));
        }
    }

    private static RsaKeys KeysOf(string file) => new(TimeProvider.System, () =>
    {
        var key = RSA.Create();
        key.ImportFromPem(Repository.Read("spec", "vectors", file));
        return key;
    });

    private static bool Encrypts(Case c) => c.Suite is not ("ROT" or "");

    private static bool IsDeferred(Case c) => !Encrypts(c) && (c.Policy == ClientPolicy.Required || c.Known);

    private static Result Run(Case c, Func<byte[], byte[]> fault)
    {
        Suite[] suites = c.Suite switch
        {
            "" => [],
            "toy" => [new ToySuite(ToySuite.Weak)],
            "toy of two messages" => [new ToySuite(ToySuite.TwoMessages, twoMessages: true)],
            _ => [SuiteRegistry.All.Single(s => s.Name == c.Suite)],
        };
        var memory = new ServerMemory(TimeProvider.System);
        if (c.Known)
        {
            memory.Good("b", 25, []);
        }

        using var mailer = new MailerSession(new MailerOptions(ClientKeys) { Suites = suites, Policy = c.Policy, Memory = memory },
            new CountingRandom((byte)'c'));
        using var relay = new InboundSession(new ServerOptions(ServerKeys) { Suites = suites, Grease = false },
            new CountingRandom((byte)'s'), "test");
        var backend = NewBackend();
        string heard = "", delivered = "";
        int over = 0;
        string[] commands = ["EHLO a\r\n", "MAIL FROM:<a@a>\r\n", "RCPT TO:<b@b>\r\n", "DATA\r\n"];
        var queue = new Queue<byte[]>(commands.Select(Encoding.ASCII.GetBytes));
        mailer.Connected("b", 25, false);
        relay.BackendReady("220 b\r\n"u8);
        for (bool moved = true; moved;)
        {
            moved = Pass(relay.ToServer, [int.MaxValue], p => relay.FromServer(backend.Take(p)));
            moved |= Pass(relay.ToClient, c.FromServer, p => mailer.FromServer(p));
            moved |= Pass(mailer.ToServer, c.FromClient, p => relay.FromClient(p));
            moved |= Pass(mailer.ToClient, [int.MaxValue], p => heard += Encoding.Latin1.GetString(p));
            if (relay.Request == SessionRequest.Connect)
            {
                relay.BackendReady("220 b\r\n"u8);
                backend = relay.SwitchedBackend || relay.NeedsFreshBackend ? NewBackend() : backend;
                moved = true;
            }

            while (backend.Messages.TryDequeue(out var message))
            {
                delivered += $"<{message}>";
            }

            if (!moved && mailer.WantsClient && Next() is { } line)
            {
                moved = true;
                foreach (var piece in Generate.Cut(line, c.FromClient))
                {
                    mailer.FromClient(piece);
                }
            }
        }

        return new Result(heard, delivered, mailer.Report, relay.Report);

        Backend NewBackend() => new(["8BITMIME"], command => c.Refused.Length > 0
            && command.StartsWith(c.Refused, StringComparison.Ordinal) ? "550 refused\r\n" : null);

        // The commands up to the first refusal, the message where it was asked for, QUIT.
        byte[]? Next()
        {
            bool asked = heard.EndsWith("<CR><LF>.<CR><LF>\r\n", StringComparison.Ordinal);
            if (queue.TryDequeue(out var line) && !heard.EndsWith("550 refused\r\n", StringComparison.Ordinal))
            {
                return line;
            }

            queue.Clear();
            return asked ? c.Message : over++ == 0 ? "QUIT\r\n"u8.ToArray() : null;
        }

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

    private sealed record Case(string Suite, ClientPolicy Policy, bool Known, string Refused, byte[] Message, int[] FromServer,
        int[] FromClient)
    {
        public override string ToString() =>
            $"{Suite}, {Policy}{(Known ? " and known" : "")}, refused: {Refused}, pieces of {string.Join(',', FromServer)} and "
                + $"{string.Join(',', FromClient)}: "
            + (Message.Length < 500 ? Convert.ToHexString(Message) : $"{Message.Length} octets");
    }

    private sealed record Result(string Heard, string Delivered, SessionReport Client, SessionReport Server);
}

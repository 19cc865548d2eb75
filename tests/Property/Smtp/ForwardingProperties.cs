using System.Text;
using BlackPony.Tests.Conformance.Transcripts;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>What the relay passes on, and that it matters not in which pieces it came.</summary>
public class ForwardingProperties
{
    private static readonly Gen<byte[]> Argument = Gen.Choose(1, 255).Where(c => c is not 10 and not 13).Select(c => (byte)c).ArrayOf();

    private static readonly Gen<byte[]> Item = Gen.Frequency(
        (4, Gen.Elements("MAIL FROM:<a@a>\r\n", "RCPT TO:<b@b>\r\n", "NOOP\r\n", "RSET\r\n", "mail from:<>\r\n", "VRFY x\r\n")
            .Select(Encoding.ASCII.GetBytes)),
        (1, Argument.Select(a => (byte[])[.. "XSTRANGE "u8, .. a, .. "\r\n"u8])),
        (2, Generate.Message.Select(m => (byte[])[.. "DATA\r\n"u8, .. m])),
        (2, from payload in Generate.Octets from last in Gen.Elements("", " LAST")
            select (byte[])[.. Encoding.ASCII.GetBytes($"BDAT {payload.Length}{last}\r\n"), .. payload]));

    private static readonly Gen<Case> Streams =
        from inside in Gen.Elements(false, true)
        from items in Item.NonEmptyListOf()
        from pieces in Generate.PiecesOf(items.Sum(i => i.Length))
        select new Case(inside, [.. items.Prepend("EHLO a\r\n"u8.ToArray())], [false], pieces);

    // Anything a client may say, in order or not, but no XBLACKPONY: there the segment counts ([BP-4.4-4]); and no QUIT:
    // what was pipelined behind it may be on its way.
    private static readonly Gen<Case> Hostile =
        from inside in Gen.Elements(false, true)
        from items in Gen.OneOf(Item, Generate.Octets, Argument.Select(a => (byte[])[.. a, .. "\r\n"u8]),
            Gen.Choose(4000, 13000).Select(n => (byte[])[.. new byte[n].Select(_ => (byte)'x'), .. "\r\n"u8]),
            Gen.Elements("HELO a\r\n", "XCLIENT ADDR=1\r\n", "EHLO b\r\n", "NOOP\n", "DATA\r\n", "GET / HTTP/1.1\r\n")
                .Select(Encoding.ASCII.GetBytes)).NonEmptyListOf()
        from refuses in Gen.Frequency((2, Gen.Constant(false)), (1, Gen.Constant(true))).NonEmptyListOf()
        from pieces in Generate.PiecesOf(items.Sum(i => i.Length))
        select new Case(inside, [.. items], [.. refuses], pieces);

    private static readonly Cover<Case>[] Both =
    [
        new(25, "inside", c => c.Inside),
        new(25, "outside", c => !c.Inside),
        .. Cover.Messages<Case>(5, c => c.Items.Where(i => i.AsSpan().StartsWith("DATA\r\n"u8) && i.Length > 6).Select(i => i[6..])),
        new(10, "BDAT", c => c.Items.Any(i => i.AsSpan().StartsWith("BDAT "u8))),
        new(5, "pieces of one octet", c => c.Pieces.Contains(1)),
    ];

    private static readonly Cover<Case>[] OfHostile =
    [
        .. Both.Select(c => c with { Percent = c.Percent / 2 }),
        new(20, "commands are refused", c => c.Refuses.Contains(true)),
        new(10, "a line that is too long", c => c.Items.Any(i => i.Length > 12_300 && i[0] == 'x')),
        new(10, "no command at all", c => c.Items.Any(i => i.Length == 0)),
        new(10, "another protocol", c => c.Items.Any(i => i.AsSpan().StartsWith("GET "u8))),
    ];

    [Fact]
    public void What_the_relay_forwards_is_what_it_received() // [BP-10.2-3], [BP-10.2-4], [BP-10.2-5], [BP-7.1-7], [BP-8.2-2]
    {
        Always.Holds(Streams, Both, c => Run(c, c.Pieces).Forwarded.SequenceEqual(c.Stream));
        Always.Bites(Streams, c => Run(c, c.Pieces, Ends).Forwarded.SequenceEqual(c.Stream));
        Always.Bites(Streams, c => Run(c, c.Pieces, SevenBits).Forwarded.SequenceEqual(c.Stream));

        // Bare LF becomes CRLF; the eighth bit is lost.
        static byte[] Ends(byte[] piece) => Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(piece).ReplaceLineEndings("\r\n"));

        static byte[] SevenBits(byte[] piece) => [.. piece.Select(o => (byte)(o & 127))];
    }

    // [BP-4.4-14], [BP-10.2-1], [BP-10.2-2], [BP-10.2-12], [BP-7.1-6], [BP-7.1-7]
    [Fact]
    public void Any_pieces_of_the_clients_octets_give_the_same_replies_and_the_same_forwarded_octets()
    {
        Always.Holds(Hostile, OfHostile, c => Same(c, p => p), 300);
        Always.Bites(Hostile, c => Same(c, LosesCr), 300);

        static bool Same(Case c, Func<byte[], byte[]> fault)
        {
            var (whole, pieces) = (Run(c, [int.MaxValue]), Run(c, c.Pieces, fault));
            return whole.Heard == pieces.Heard && whole.Forwarded.SequenceEqual(pieces.Forwarded) && whole.Report == pieces.Report;
        }

        // A CR at a piece's end is taken for a line's end, and dropped.
        static byte[] LosesCr(byte[] piece) => piece is [.., (byte)'\r'] ? piece[..^1] : piece;
    }

    [Fact]
    public void Inside_BDAT_has_no_payload_before_EHLO_though_the_server_told_of_it_outside() // [BP-4.5-1], [BP-10.1-4]
    {
        using var run = new RelayRun(
            octets => octets.AsSpan().StartsWith("EHLO"u8)
                ? "250-b\r\n250 CHUNKING\r\n"u8.ToArray()
                : octets.Length == 0 ? [] : "503 no\r\n"u8.ToArray());
        run.Upgrade();
        run.Say("BDAT 11\r\nXCLIENT A\r\n"u8.ToArray());
        Assert.Equal("BDAT 11\r\n", Encoding.Latin1.GetString(run.Forwarded));
        Assert.Equal("503 no\r\n550 5.7.1 Not permitted\r\n", run.Heard);
    }

    private static (byte[] Forwarded, string Heard, Reference.Policy.SessionReport Report) Run(
        Case c, int[] pieces, Func<byte[], byte[]>? fault = null)
    {
        bool upgraded = false;
        int commands = 0;
        var backend = NewBackend();
        using var run = new RelayRun(octets =>
        {
            backend = octets.Length == 0 ? NewBackend() : backend;
            return backend.Take(octets);
        });
        if (c.Inside)
        {
            run.Upgrade();
        }

        upgraded = true;
        foreach (var piece in Generate.Cut(c.Stream, pieces))
        {
            run.Say(fault?.Invoke(piece) ?? piece);
        }

        return (run.Forwarded, run.Heard, run.Report);

        Backend NewBackend() => new(["CHUNKING", "8BITMIME"], _ => upgraded && c.Refuses[commands++ % c.Refuses.Length] 
            ? "451 no\r\n" : null);
    }

    private sealed record Case(bool Inside, byte[][] Items, bool[] Refuses, int[] Pieces)
    {
        public byte[] Stream { get; } = [.. Items.SelectMany(i => i)];

        public override string ToString() =>
            $"{(Inside ? "inside" : "outside")}, refused: {string.Join(',', Refuses)}, pieces of {string.Join(',', Pieces)}: "
            + string.Join(" | ", Items.Select(i => i.Length < 500 ? Convert.ToHexString(i)
                : $"{Encoding.Latin1.GetString(i[..4])}, {i.Length} octets"));
    }
}

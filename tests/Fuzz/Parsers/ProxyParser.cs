using BlackPony.Hosting;

namespace BlackPony.Fuzz.Parsers;

/// <summary>The header of the PROXY protocol ([BP-10.1-22]).</summary>
internal static class ProxyParser
{
    public static void Run(ReadOnlySpan<byte> input)
    {
        var (whole, pieces) = (new ProxyHeader(), new ProxyHeader());
        int read = whole.Read(input);
        int at = 0;
        while (at < input.Length && pieces.Read(input.Slice(at, 1)) == 1)
            at++;

        Invariant.That(read == at && whole.IsComplete == pieces.IsComplete && whole.Error == pieces.Error
            && Equals(whole.Client, pieces.Client), "a header is the same in any pieces");
        Invariant.That(!whole.IsComplete || whole.Error is null, "a header is complete or wrong");
        Invariant.That(whole.IsComplete || whole.Error is not null || read == input.Length, "all of a header is read");
        Invariant.That(whole.Client is null == whole.Server is null && (whole.Client is null || (whole.IsComplete && !whole.IsLocal)),
            "a client is named by a complete header");
        Invariant.That(whole.Client is not { Address: var address } || !address.IsIPv4MappedToIPv6, "IPv4 is never in IPv6");
    }
}

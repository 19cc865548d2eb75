namespace BlackPony.Reference.Negotiation;

/// <summary>A whole SMTP reply (RFC 5321 4.2).</summary>
/// <param name="Code">The reply code.</param>
/// <param name="Lines">The lines with their codes, without CRLF.</param>
public sealed record Reply(int Code, IReadOnlyList<byte[]> Lines)
{
    /// <summary>Whether the code is 2yz.</summary>
    internal bool IsPositive => Code is >= 200 and <= 299;

    /// <summary>A line's text, after code and separator.</summary>
    public ReadOnlySpan<byte> Text(int line) => Lines[line].Length > 4 ? Lines[line].AsSpan(4) : default;

    /// <summary>The reply as on the wire, CRLF included.</summary>
    internal byte[] ToOctets()
    {
        var octets = new List<byte>();
        foreach (var line in Lines)
        {
            octets.AddRange(line);
            octets.AddRange("\r\n"u8);
        }

        return [.. octets];
    }
}

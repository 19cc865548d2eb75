using System.Text;

namespace BlackPony.Reference.Negotiation;

/// <summary>The fields of an XBLACKPONY command line (spec 4.2).</summary>
/// <param name="Version">The version, as on the wire.</param>
/// <param name="Suite">The suite's name, as on the wire.</param>
/// <param name="Share">The share in base64, or ROT's shift.</param>
internal sealed record UpgradeCommand(string Version, string Suite, string Share)
{
    /// <summary>Whether a command line begins with the verb XBLACKPONY, in any case.</summary>
    public static bool IsVerb(ReadOnlySpan<byte> line) => Offer.IsKeyword(line);

    /// <summary>Reads a command line without its CRLF.</summary>
    /// <returns>Null if it is malformed ([BP-4.2-8]); parameters after the share are ignored ([BP-4.2-6]).</returns>
    public static UpgradeCommand? Parse(ReadOnlySpan<byte> line)
    {
        if (line.ContainsAnyExceptInRange((byte)32, (byte)126))
            return null;

        var fields = Encoding.ASCII.GetString(line).Split(' ');
        return fields.Length >= 4 && !fields.Contains("") ? new UpgradeCommand(fields[1], fields[2], fields[3]) : null;
    }

    /// <summary>The command line in octets, without CRLF ([BP-4.2-1]).</summary>
    public byte[] ToOctets() => Encoding.ASCII.GetBytes($"{Offer.Keyword} {Version} {Suite} {Share}");
}

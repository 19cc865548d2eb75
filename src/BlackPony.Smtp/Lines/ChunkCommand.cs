using System.Globalization;

namespace BlackPony.Smtp.Lines;

/// <summary>BDAT (RFC 3030 2).</summary>
/// <param name="Size">How many octets follow the command.</param>
/// <param name="IsLast">Whether they end the message.</param>
internal readonly record struct ChunkCommand(long Size, bool IsLast)
{
    /// <summary>Reads a command line without its CRLF.</summary>
    /// <returns>Null if it is malformed: nothing follows it then that is no command.</returns>
    public static ChunkCommand? Parse(ReadOnlySpan<byte> line)
    {
        var fields = Encoding.Latin1.GetString(line).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        bool isLast = fields.Length == 3 && fields[2].Equals("LAST", StringComparison.OrdinalIgnoreCase);
        return (fields.Length == 2 || isLast) && long.TryParse(fields[1], NumberStyles.None, null, out long size)
            ? new ChunkCommand(size, isLast) : null;
    }
}

namespace BlackPony.Traces.Sessions;

/// <summary>Other protocols, by their first octets.</summary>
internal static class Foreign
{
    /// <summary>What it is; null if it may be SMTP.</summary>
    public static string? Of(ReadOnlySpan<byte> octets)
    {
        int end = octets.IndexOf((byte)'\n');
        var line = (end < 0 ? octets : octets[..end]).TrimEnd((byte)'\r');
        return line switch
        {
            _ when TlsRecords.IsClientHello(octets) => "TLS",
            _ when line.StartsWith("SSH-"u8) => "SSH",
            _ when line.StartsWith("HTTP/"u8) || IsHttpRequest(line) => "HTTP",
            _ when line.StartsWith("+OK"u8) || line.StartsWith("USER "u8) => "POP3",
            _ when line.StartsWith("* OK"u8) => "IMAP",
            _ when line.StartsWith("RFB 00"u8) => "VNC",
            [> 127, ..] or [< 9, ..] => "binary",
            _ => null,
        };
    }

    private static bool IsHttpRequest(ReadOnlySpan<byte> line)
    {
        int space = line.IndexOf((byte)' ');
        return space is >= 3 and <= 12 && !line[..space].ContainsAnyExceptInRange((byte)'A', (byte)'Z')
            && line.LastIndexOf(" HTTP/"u8) > space;
    }
}

namespace BlackPony.Smtp.Lines;

/// <summary>Clients of other protocols that were led here ([BP-10.1-8]).</summary>
internal static class OtherProtocols
{
    private static readonly string[] Verbs = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE"];

    /// <summary>Whether a line begins such a client's request.</summary>
    public static bool IsRequest(ReadOnlySpan<byte> line) =>
        Verbs.Contains(Encoding.Latin1.GetString(ClientLine.Word(line)).ToUpperInvariant());
}

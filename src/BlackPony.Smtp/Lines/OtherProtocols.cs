using System.Text;

namespace BlackPony.Smtp.Lines;

/// <summary>Clients of other protocols, who were led here ([BP-10.1-8]).</summary>
internal static class OtherProtocols
{
    private static readonly string[] Verbs = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE"];

    /// <summary>Whether a first word in upper case begins such a client's request.</summary>
    public static bool IsRequest(string verb) => Verbs.Contains(verb);

    /// <summary>Whether a line does.</summary>
    public static bool IsRequest(ReadOnlySpan<byte> line) => IsRequest(Encoding.Latin1.GetString(ClientLine.Word(line)).ToUpperInvariant());
}

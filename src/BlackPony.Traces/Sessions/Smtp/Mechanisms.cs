using System.Text;

namespace BlackPony.Traces.Sessions;

/// <summary>Mechanisms of AUTH (IANA's registry of SASL mechanisms, and Exchange's own).</summary>
internal static class Mechanisms
{
    private static readonly HashSet<string> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        "PLAIN", "LOGIN", "CRAM-MD5", "CRAM-SHA1", "DIGEST-MD5", "NTLM", "GSSAPI", "GSS-SPNEGO", "KERBEROS_V4", "KERBEROS_V5", "EXTERNAL",
            "ANONYMOUS",
        "XOAUTH", "XOAUTH2", "OAUTHBEARER", "OAUTH10A", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
            "SCRAM-SHA-512",
        "SCRAM-SHA-512-PLUS", "OTP", "SKEY", "SRP", "SECURID", "9798-U-RSA-SHA1-ENC", "EAP-AES128", "EAP-AES128-PLUS", "SAML20", "OPENID20",
        "ECDH-X25519-CHALLENGE", "ECDSA-NIST256P-CHALLENGE", "EXCHANGEAUTH", "WDIGEST", "X-LOGIN", "MSN", "APOP", "PLAIN-CLIENTTOKEN",
            "XYMCOOKIE", "NMAS-SAMBA-AUTH",
    };

    /// <summary>All of them.</summary>
    public static IEnumerable<string> All => Names;

    public static bool Knows(ReadOnlySpan<byte> name) => Names.Contains(Encoding.Latin1.GetString(name));

    public static bool Knows(string name) => Names.Contains(name);
}

using BlackPony.Conformance.Tls;

namespace BlackPony.Conformance.Peers;

/// <summary>What the suite's server does in a delivery; by default it accepts the message over TLS.</summary>
internal sealed record ServerScript
{
    /// <summary>The lines of the greeting.</summary>
    public string Greeting { get; init; } = "220 localhost ESMTP\r\n";

    /// <summary>What it lists outside, each in a line.</summary>
    public IReadOnlyList<string> Outside { get; init; } = ["SIZE 1000000", "STARTTLS", "8BITMIME"];

    /// <summary>What it lists inside.</summary>
    public IReadOnlyList<string> Inside { get; init; } = ["SIZE 1000000", "8BITMIME"];

    /// <summary>The reply to STARTTLS, with all that goes in its segment; a handshake follows.</summary>
    public string Agrees { get; init; } = "220 2.0.0 Go ahead\r\n";

    /// <summary>The handshake.</summary>
    public TlsServerSettings Tls { get; init; } = new();

    /// <summary>Another reply, with its CRLF; null for the usual one. A dot is the end of data.</summary>
    public Func<PlayedSession, string, string?>? Answer { get; init; }

    /// <summary>Something else instead of a reply; returns whether that is all.</summary>
    public Func<PlayedSession, string, Task<bool>>? Does { get; init; }

    /// <summary>Something else instead of the greeting.</summary>
    public Func<PlayedSession, Task>? Greets { get; init; }

    /// <summary>What it does when the handshake is complete.</summary>
    public Func<PlayedSession, Task>? Secured { get; init; }

    /// <summary>What it does on a further connection; null for the same.</summary>
    public ServerScript? Again { get; init; }

    /// <summary>A server without TLS that accepts all, for a client that connects again after TLS failed.</summary>
    public static ServerScript Plain { get; } = new() { Outside = ["SIZE 1000000", "AUTH PLAIN LOGIN", "8BITMIME"] };
}

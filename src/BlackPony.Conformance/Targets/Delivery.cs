using System.Text;
using BlackPony.Reference.Policy;

namespace BlackPony.Conformance.Targets;

/// <summary>One delivery that a client under test is asked for.</summary>
/// <param name="Port">The port of 127.0.0.1 where the suite plays the server.</param>
public sealed record Delivery(int Port)
{
    /// <summary>The host that the client connects to: 127.0.0.1, or a name for it.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>What further placeholders of a command stand for, without their braces; these are replaced first.</summary>
    public IReadOnlyDictionary<string, string> Words { get; init; } = new Dictionary<string, string>();

    /// <summary>The client's policy (spec 9).</summary>
    public ClientPolicy Policy { get; init; }

    /// <summary>The file of the client's memory.</summary>
    public string Memory { get; init; } = "";

    /// <summary>Whether a client that can keeps its memory under opportunistic too ([BP-9.4-25]).</summary>
    public bool KeepsMemory { get; init; }

    /// <summary>The suites that the client shall accept, separated by commas; empty for its own.</summary>
    public string Suites { get; init; } = "";

    /// <summary>The message: lines with CRLF, dots not stuffed.</summary>
    public string Message { get; init; } = ClientTarget.Message;

    /// <summary>What the client writes on its standard error, and its exit code.</summary>
    public StringBuilder Log { get; } = new();

    /// <summary>The clock of a client whose clock the suite turns; no other heeds it.</summary>
    public VirtualTime Time { get; } = new();

    /// <summary>What the mail server says to a mailer; null for the usual delivery.</summary>
    public Func<LocalSide, Task<bool>>? Script { get; init; }
}

/// <summary>What the client says about a delivery.</summary>
/// <param name="Delivered">Whether it says that the message was delivered.</param>
/// <param name="Replies">What a mailer wrote on its standard output, in Latin-1; empty for other clients.</param>
public sealed record Outcome(bool Delivered, string Replies);

using BlackPony.Reference;

namespace BlackPony.Conformance.Targets;

/// <summary>Where a case finds the server under test, and the mail server behind it if the suite plays that.</summary>
/// <param name="Host">Host name or address.</param>
/// <param name="Port">TCP port.</param>
/// <param name="Backend">The mail server behind the relay under test; null if it is not the suite's.</param>
/// <param name="Release">Gives the place back.</param>
public sealed record ServerPlace(string Host, int Port, MailSink? Backend, Func<ValueTask> Release) : IAsyncDisposable
{
    /// <summary>Which time-outs the target declared, by their names in spec 13.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Timeouts { get; init; } = new Dictionary<string, TimeSpan>();

    /// <summary>The target's clock, if the suite turns it.</summary>
    public VirtualTime? Time { get; init; }

    /// <summary>All mail that the server has accepted, as it keeps it; null if the suite cannot look at it.</summary>
    public Func<CancellationToken, Task<string>>? Mailbox { get; init; }

    /// <summary>Why <see cref="Mailbox"/> has no mail, if it knows; else empty.</summary>
    public Func<string> MailboxSays { get; init; } = () => "";

    /// <summary>
    /// What the words begin with by which a case finds its messages: another each time where the mail of an earlier run may be kept.
    /// </summary>
    public string Mark { get; init; } = "";

    /// <summary>The relay's bound of sessions (spec 13).</summary>
    public int MaxSessions { get; init; } = Limits.MaxSessions;

    /// <summary>What is known of a server that is tested for STARTTLS.</summary>
    public MailFacts Facts { get; init; } = new();

    /// <summary>Whether the target has ROT switched off, so that an offer of it is a fault.</summary>
    public bool RotIsOff { get; init; }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Release();
}

/// <summary>A server under test.</summary>
public abstract class ServerTarget : IAsyncDisposable
{
    /// <summary>What the report calls it.</summary>
    public abstract string Name { get; }

    /// <summary>Whether cases that script the backend run one at a time.</summary>
    public virtual bool SharesBackend => false;

    /// <summary>Gets a place for a case.</summary>
    /// <exception cref="NotApplicableException">The target can't give what the case needs.</exception>
    public abstract Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel);

    /// <summary>Ends it.</summary>
    public abstract ValueTask DisposeAsync();
}

using BlackPony.Hosting;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Outbound;

namespace BlackPony.Tests.Conformance.Outbound;

/// <summary>The outbound relay with exactly one requirement of spec 10.5 broken.</summary>
internal sealed record FaultyOutbound(string Breaks, string CaughtBy, string Does) : Fault(Breaks, CaughtBy, Does)
{
    /// <summary>Changes what it says to the client.</summary>
    public Func<string, string> Says { get; init; } = s => s;

    /// <summary>Changes what it hears from the client.</summary>
    public Func<string, string> Hears { get; init; } = s => s;

    /// <summary>Changes what it says to the next server.</summary>
    public Func<string, string> SaysOn { get; init; } = s => s;

    /// <summary>Changes what it hears from the next server.</summary>
    public Func<string, string> HearsBack { get; init; } = s => s;

    /// <summary>What it says by itself to a line of the client's.</summary>
    public Func<string, string> Adds { get; init; } = _ => "";

    /// <summary>What it takes the end of the client for.</summary>
    public string AtTheEnd { get; init; } = "";

    /// <summary>Whether it gives up where TLS fails.</summary>
    public bool GivesUpTls { get; init; }

    /// <summary>Whether it searches for a next server for ever.</summary>
    public bool SearchesOn { get; init; }

    /// <summary>Whether it leaves the next server after each message.</summary>
    public bool LeavesAfterMessage { get; init; }

    /// <summary>Changes what it asks its host for.</summary>
    public Func<SessionRequest, SessionRequest> Asks { get; init; } = r => r;

    /// <summary>Changes its options.</summary>
    public Func<OutboundOptions, OutboundOptions> Options { get; init; } = o => o;

    /// <summary>Changes its host's settings.</summary>
    public Func<OutboundSettings, OutboundSettings> Settings { get; init; } = s => s;

    /// <summary>The relay as it should be.</summary>
    public static FaultyOutbound None { get; } = new("", "", "nothing");
}

using System.Diagnostics.Metrics;
using BlackPony.Reference.Policy;

namespace BlackPony.Hosting;

/// <summary>
/// What the process counts, as instruments of System.Diagnostics.Metrics:
/// any collector may listen, and the programs show them with <c>--metrics</c>.
/// No instrument and no tag names a peer or holds anything that a peer chose.
/// </summary>
public static class Telemetry
{
    private static readonly Meter Meter = new("BlackPony");
    private static readonly Counter<long> Sessions = Meter.CreateCounter<long>("blackpony.sessions", null,
        "Sessions that ended, by suite, whether they were encrypted, and how they closed (spec 11.1).");
    private static readonly Counter<long> Fallbacks = Meter.CreateCounter<long>("blackpony.fallbacks", null,
        "Deliveries in plaintext, by reason (spec 11.1).");
    private static readonly Counter<long> Deferrals = Meter.CreateCounter<long>("blackpony.deferrals", null,
        "Deferred deliveries, by reason (spec 11.1).");
    private static readonly Counter<long> Handshakes = Meter.CreateCounter<long>("blackpony.handshake.failures", null,
        "Upgrades that failed, by reason.");
    private static readonly Counter<long> Downgrades = Meter.CreateCounter<long>("blackpony.downgrades", null,
        "Deliveries in plaintext after a broken upgrade, which an attacker can force (spec 9.2).");
    private static readonly Counter<long> Messages = Meter.CreateCounter<long>("blackpony.messages", null,
        "Messages that the next hop acknowledged; those inside a client's own TLS are not seen.");
    private static readonly Counter<long> Refused = Meter.CreateCounter<long>("blackpony.connections.refused", null,
        "Connections greeted with 421, or closed because of their PROXY header, by reason.");
    private static long _open;
    private static long _in;
    private static long _out;
    private static long _rsaKeys;

    static Telemetry()
    {
        Meter.CreateObservableUpDownCounter("blackpony.sessions.open", () => Interlocked.Read(ref _open), null, "Sessions open now.");
        Meter.CreateObservableCounter("blackpony.rsa.keys", () => Interlocked.Read(ref _rsaKeys), null,
            "RSA key pairs that were generated; never one for each session (spec 5.4).");
        Meter.CreateObservableCounter<long>(
            "blackpony.network.io",
            () => [new(Interlocked.Read(ref _in), new KeyValuePair<string, object?>("direction", "in")),
                new(Interlocked.Read(ref _out), new KeyValuePair<string, object?>("direction", "out"))],
            "By",
            "Octets to and from the peers, as on the wire; the connection to the backend is not counted.");
    }

    /// <summary>The meter's name.</summary>
    public static string MeterName => Meter.Name;

    /// <summary>Shows a collector that has just begun to listen the counters on whose growth alerts are set, with every reason: one that
    /// appears with its first event has not grown.</summary>
    public static void ShowZeros()
    {
        Downgrades.Add(0);
        Messages.Add(0);
        foreach (var reason in (string[])["backend", "client", "full", "proxy"])
            Refused.Add(0, new KeyValuePair<string, object?>("reason", reason));

        // Those of spec 11.1, and those of DeliveryDeferred.
        foreach (var reason in (string[])["broken", "dns", "ehlo-refused", "ident-mismatch", "ident-missing", "memory", "no-common-suite",
            "no-randomness", "not-offered", "refused", "remembered", "unreachable"])
        {
            Deferrals.Add(0, new KeyValuePair<string, object?>("reason", reason));
        }
    }

    /// <summary>Counts a session that began; <see cref="SessionEnded"/> follows.</summary>
    public static void SessionBegan() => Interlocked.Increment(ref _open);

    /// <summary>Counts a session's end.</summary>
    /// <param name="report">What became of it.</param>
    /// <param name="messages">Messages that were acknowledged in it.</param>
    /// <param name="failure">Why an upgrade failed in it; null if none did.</param>
    public static void SessionEnded(SessionReport report, int messages, string? failure)
    {
        Interlocked.Decrement(ref _open);
        Sessions.Add(1, new("suite", report.Suite ?? "none"), new("encrypted", report.Encrypted ? "yes" : "no"),
            new("closed", report.Closed));
        Messages.Add(messages);
        if (failure is not null)
            Handshakes.Add(1, new KeyValuePair<string, object?>("reason", failure));

        if (report.Reason is { } reason)
            (report.Deferred ? Deferrals : Fallbacks).Add(1, new KeyValuePair<string, object?>("reason", reason));

        if (report.Downgrade)
            Downgrades.Add(1);
    }

    /// <summary>Counts a delivery that was deferred before there was a session.</summary>
    /// <param name="reason"><c>dns</c>: the servers could not be looked up; <c>memory</c>: the memory could not be read.</param>
    public static void DeliveryDeferred(string reason) => Deferrals.Add(1, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>Counts a connection that was greeted with 421, or closed before.</summary>
    /// <param name="reason"><c>full</c>: too many sessions; <c>client</c>: too many of one client; <c>backend</c>: the mail server behind
    /// is not there or may not be used; <c>proxy</c>: no well-formed PROXY header of a balancer.</param>
    public static void ConnectionRefused(string reason) => Refused.Add(1, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>Counts octets from a peer.</summary>
    public static void Received(int octets) => Interlocked.Add(ref _in, octets);

    /// <summary>Counts octets to a peer.</summary>
    public static void Sent(int octets) => Interlocked.Add(ref _out, octets);

    /// <summary>Makes an RSA key pair and counts it: what <see cref="Reference.Suites.RsaKeys"/> is given in a service.</summary>
    public static System.Security.Cryptography.RSA MakeRsaKey()
    {
        Interlocked.Increment(ref _rsaKeys);
        return System.Security.Cryptography.RSA.Create(Reference.Limits.RsaBits);
    }
}

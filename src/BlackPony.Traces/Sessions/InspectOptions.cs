namespace BlackPony.Traces.Sessions;

/// <summary>How captures are inspected.</summary>
public sealed record InspectOptions
{
    /// <summary>Ports that are SMTP whatever goes over them.</summary>
    public IReadOnlyCollection<int> Ports { get; init; } = [25, 465, 587];

    /// <summary>Secrets for looking into records.</summary>
    public KeyLog? Keys { get; init; }

    /// <summary>Whether the dialogues are kept.</summary>
    public bool Dialogue { get; init; }

    /// <summary>Whether each command is kept with its reply.</summary>
    public bool Exchanges { get; init; }

    /// <summary>Where TLS on them is taken for SMTP's, as are those of <see cref="Ports"/>.</summary>
    internal const int AlternativePort = 2525;

    /// <summary>Where the first octet is TLS (RFC 8314 3.3).</summary>
    internal const int ImplicitTlsPort = 465;

    internal Func<IContentSink?>? Content { get; init; }

    internal Func<ObservedSession, bool, IWireTap>? Tap { get; init; }

    internal Func<ObservedSession, bool, ISessionRecorder?>? Recorder { get; init; }

    internal Func<ObservedSession, Replay.Script>? Script { get; init; }

    internal bool IsSmtp(int port)
    {
        foreach (int known in Ports)
        {
            if (known == port)
                return true;
        }

        return false;
    }
}

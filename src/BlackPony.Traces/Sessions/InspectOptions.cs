namespace BlackPony.Traces.Sessions;

/// <summary>How captures are inspected.</summary>
public sealed record InspectOptions
{
    /// <summary>Ports that are SMTP whatever goes over them.</summary>
    public IReadOnlyCollection<int> Ports { get; init; } = [25, 587];

    /// <summary>Secrets for looking into records.</summary>
    public KeyLog? Keys { get; init; }

    /// <summary>Whether the dialogues are kept.</summary>
    public bool Dialogue { get; init; }

    internal Func<SessionReport, ISessionRecorder?>? Recorder { get; init; }

    internal Func<SessionReport, Replay.Script>? Script { get; init; }

    internal bool IsSmtp(int port)
    {
        foreach (int known in Ports)
        {
            if (known == port)
            {
                return true;
            }
        }

        return false;
    }
}

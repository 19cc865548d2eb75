namespace BlackPony.Traces.Sessions;

/// <summary>What a connection needs to become a session, and where its report goes.</summary>
internal sealed class SessionOpening(string file, bool openingSeen, InspectOptions options, Action<ObservedSession?> done)
{
    public InspectOptions Options => options;

    public bool OpeningSeen => openingSeen;

    /// <summary>What records hold, where a transcript file tells it.</summary>
    public TranscriptContents? Contents { get; init; }

    /// <summary>Secrets that stand in the capture itself.</summary>
    public KeyLog? Embedded { get; init; }

    public Session Begin(string client, string server, long start)
    {
        var report = new ObservedSession(
            file, client, server, start) { Dialogue = options.Dialogue ? [] : null, Exchanges = options.Exchanges ? [] : null };
        return new Session(report, options.Keys, openingSeen) { Recorder = options.Recorder?.Invoke(report, openingSeen),
            Tap = options.Tap?.Invoke(report, openingSeen), Contents = Contents, Script = options.Script?.Invoke(report),
            Content = options.Content, Embedded = Embedded };
    }

    public void Done(ObservedSession? report) => done(report);
}

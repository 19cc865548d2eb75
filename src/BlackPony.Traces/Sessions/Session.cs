using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>What the layers of a session share.</summary>
internal sealed class Session(ObservedSession report, KeyLog? keys, bool openingSeen)
{
    public ObservedSession Report => report;

    public KeyLog? Keys => keys;

    /// <summary>Secrets that stand in the capture itself; null if none do.</summary>
    public KeyLog? Embedded { get; init; }

    public bool OpeningSeen => openingSeen;

    /// <summary>Whether what comes was written down already.</summary>
    public bool IsMuted { get; set; }

    /// <summary>Where the session is written down; null if it is not.</summary>
    public ISessionRecorder? Recorder { get => IsMuted ? null : field; init; }

    /// <summary>Where the octets go as they were; null if nowhere.</summary>
    public IWireTap? Tap { get; init; }

    /// <summary>Where a message's content goes; null if nowhere.</summary>
    public Func<IContentSink?>? Content { get; init; }

    /// <summary>What records hold, where a transcript file tells it instead of keys.</summary>
    public TranscriptContents? Contents { get; init; }

    /// <summary>Where the session is written down for playing it again.</summary>
    public Replay.Script? Script { get; init; }

    public bool HasDialogue => report.Dialogue is not null;

    public long Offset(Role sender) => sender == Role.Client ? report.ClientOctets : report.ServerOctets;

    public void Find(FindingKind kind, Role sender, string text) => report.Add(kind, Offset(sender), text);

    public void FindOnce(FindingKind kind, Role sender, string text) => report.Once(kind, Offset(sender), text);

    /// <summary>A deviation from the specification.</summary>
    public void Deviates(string requirement, Role sender, string text) =>
        report.Add(FindingKind.Deviation(requirement), Offset(sender), text);
}

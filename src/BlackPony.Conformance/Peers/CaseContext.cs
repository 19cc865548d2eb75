using BlackPony.Reference;

namespace BlackPony.Conformance.Peers;

/// <summary>What every case has.</summary>
/// <param name="Transcript">Where the dialogue is written down.</param>
/// <param name="Random">The suite's random draws in this case.</param>
/// <param name="Timeout">How long it waits, and for what.</param>
public sealed record CaseContext(Transcript Transcript, IRandomSource Random, CaseTimeout Timeout)
{
    /// <summary>The profiles that the target claims.</summary>
    public IReadOnlyCollection<Profile> Claims { get; init; } = [];

    /// <summary>Whether the run was ended, so that silence says nothing.</summary>
    public bool IsStopped => Stop.IsCancellationRequested;

    /// <summary>Ends the run.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>What a case that passes has to report.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Whether a record that does not verify is worth some time.</summary>
    internal bool IsThorough { get; init; }

    /// <summary>Ends what waits.</summary>
    public CancellationToken Cancel => Timeout.Token;
}

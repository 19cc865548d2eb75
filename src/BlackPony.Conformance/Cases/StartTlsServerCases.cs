using BlackPony.Conformance.Peers;

namespace BlackPony.Conformance.Cases;

/// <summary>All cases for servers of STARTTLS, in the order of spec/starttls-cases.md.</summary>
public static class StartTlsServerCases
{
    /// <summary>The cases.</summary>
    public static IReadOnlyList<Case<StartTlsProbe>> All { get; } =
        [.. StartTlsCore.Cases, .. StartTlsSessionState.Cases, .. StartTlsInjection.Cases, .. StartTlsPolicy.Cases,
            .. StartTlsSubmission.Cases, .. StartTlsTruncation.Cases, .. StartTlsTls.Cases, .. StartTlsTimeouts.Cases];
}

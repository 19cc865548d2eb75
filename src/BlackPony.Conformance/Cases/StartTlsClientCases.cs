using BlackPony.Conformance.Peers;

namespace BlackPony.Conformance.Cases;

/// <summary>All cases for clients of STARTTLS, in the order of spec/starttls-cases.md.</summary>
public static class StartTlsClientCases
{
    /// <summary>The cases.</summary>
    public static IReadOnlyList<Case<StartTlsClientProbe>> All { get; } =
        [.. StartTlsClientCore.Cases, .. StartTlsClientExtensions.Cases, .. StartTlsClientInjection.Cases, .. StartTlsClientPolicy.Cases,
            .. StartTlsClientFailure.Cases, .. StartTlsClientVerify.Cases, .. StartTlsClientSubmission.Cases,
            .. StartTlsClientTruncation.Cases, .. StartTlsClientTls.Cases, .. StartTlsClientRecords.Cases, .. StartTlsClientTimeouts.Cases];
}

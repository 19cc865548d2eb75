namespace BlackPony.Reference.Policy;

/// <summary>What a client does when a server does not upgrade (spec 9.1).</summary>
public enum ClientPolicy
{
    /// <summary>Plain SMTP.</summary>
    Opportunistic,

    /// <summary>Plain SMTP, but not with a server that was once seen with BlackPony.</summary>
    Remembered,

    /// <summary>No encryption, no mail.</summary>
    Required,
}

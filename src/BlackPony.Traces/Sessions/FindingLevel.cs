namespace BlackPony.Traces.Sessions;

/// <summary>How much a finding matters.</summary>
public enum FindingLevel
{
    /// <summary>Worth knowing.</summary>
    Note,

    /// <summary>Suspicious, or something is missing.</summary>
    Warning,

    /// <summary>A deviation from a specification, or an attack.</summary>
    Error,
}

namespace BlackPony.Reference;

/// <summary>The side of a session (spec 2.1).</summary>
public enum Role
{
    /// <summary>The SMTP client.</summary>
    Client,

    /// <summary>The SMTP server.</summary>
    Server,
}

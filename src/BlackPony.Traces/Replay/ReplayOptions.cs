using BlackPony.Reference.Suites;

namespace BlackPony.Traces.Replay;

/// <summary>How sessions are played again.</summary>
public sealed record ReplayOptions
{
    /// <summary>Through a BlackPony upgrade with this suite; null for plain SMTP.</summary>
    public Suite? Upgrade { get; init; }

    /// <summary>Whether texts are compared too, and not only codes.</summary>
    public bool Strict { get; init; }

    /// <summary>Whether to wait as long between commands as was captured.</summary>
    public bool OriginalRate { get; init; }

    /// <summary>What to replace in MAIL and RCPT: a whole address, or <c>@domain</c>.</summary>
    public IReadOnlyList<(string From, string To)> Rewrite { get; init; } = [];

    /// <summary>How long to wait for a client to connect.</summary>
    public TimeSpan Wait { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Whether to play inside TLS, after STARTTLS with the live server, whose certificate is not checked.</summary>
    public bool StartTls { get; init; }

    /// <summary>The user and the password for AUTH instead of what was captured; null for that.</summary>
    public (string User, string Password)? Credentials { get; init; }

    /// <summary>How long a reply or a command may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The clock of <see cref="Wait"/>.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;
}

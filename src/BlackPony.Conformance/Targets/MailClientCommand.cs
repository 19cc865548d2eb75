namespace BlackPony.Conformance.Targets;

/// <summary>Any mail client, for STARTTLS: a command that delivers one message and ends with 0 when it is delivered.</summary>
/// <param name="command">The command, with <c>{host}</c> and <c>{port}</c>, and perhaps the placeholders of docs/starttls.md.</param>
/// <param name="timeouts">The time-outs that it declares.</param>
/// <param name="policies">The policies that its user says it has; null for all if it has <c>{policy}</c>, and for none otherwise.</param>
public sealed class MailClientCommand(string command, IReadOnlyDictionary<string, TimeSpan> timeouts,
    IReadOnlyList<MailPolicy>? policies = null) : PlainClientCommand(command, timeouts)
{
    /// <inheritdoc/>
    public override Needs Can =>
        (policies ?? (Has("policy") ? Enum.GetValues<MailPolicy>() : [])).Aggregate(Needs.Nothing, (all, policy) => all | Of(policy))
        | (Has("user") && Has("password") ? Needs.Login : 0)
        | (Has("to") ? Needs.Recipient : 0)
        | (Has("host") ? Needs.HostName : 0)
        | (Has("count") ? Needs.Several : 0)
        | (Timeouts.Count > 0 ? Needs.Timeouts : 0);

    /// <summary>What a client can that has a policy.</summary>
    internal static Needs Of(MailPolicy policy) => policy switch
    {
        MailPolicy.Required => Needs.RequiredPolicy,
        MailPolicy.Verify => Needs.VerifyPolicy,
        MailPolicy.Opportunistic => Needs.OpportunisticPolicy,
        _ => Needs.Nothing,
    };
}

/// <summary>What a mail client does about TLS.</summary>
public enum MailPolicy
{
    /// <summary>It uses none.</summary>
    Off,

    /// <summary>It uses TLS where it is offered, with any certificate, and delivers without it otherwise.</summary>
    Opportunistic,

    /// <summary>It delivers with TLS only, with any certificate.</summary>
    Required,

    /// <summary>It delivers with TLS only, to a server whose certificate is valid for its name.</summary>
    Verify,
}

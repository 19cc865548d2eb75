using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>What must be met on the way, so that the invariants do not hold because nothing happens.</summary>
internal sealed record Witness(string Name, Func<Scenario, bool> Where, Func<Sight, bool> Is)
{
    public static IReadOnlyList<Witness> All { get; } =
    [
        new("mail delivered in records", _ => true, s => s.Client.Believes && s.Server.Delivered == 1),
        new("mail in plaintext, reported as a downgrade", s => !s.MustEncrypt, s => s.Client.MailInClear && s.Client.ReportsDowngrade),
        new("mail in plaintext after a refusal", s => !s.MustEncrypt, s => s.Client.MailInClear && s.Client.Asked && !s.Client.Broke),
        new("deferred", s => s.MustEncrypt, s => s.Client is { Ended: true, Asked: true, Secured: false, MailInClear: false }),
        new("a man in the middle has the mail where he may", s => s.AdmitsMallory && !s.Suites[0].NeedsContinuation,
            s => s.Mallory.HasClient && s.Client.Believes),
        new("a man in the middle is found out", s => s.Policy == ClientPolicy.Remembered && s.HasIdent,
            s => s.Mallory.HasClient && s.Client is { Ended: true, MailInRecords: false }),
        new("a forged 504 is found out", s => s.Suites.Count > 1 && !s.MustEncrypt,
            s => s.Client is { Reports504: true, Broke: true, ReportsDowngrade: true, MailInClear: true }),
        new("a session that failed after the upgrade", _ => true,
            s => s.Client is { Secured: true, Ended: true, Believes: false } && s.Server.Ended),
    ];

    public override string ToString() => Name;
}

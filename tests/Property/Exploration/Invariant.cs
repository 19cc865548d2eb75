namespace BlackPony.Tests.Property.Exploration;

/// <summary>What one looks at in a state.</summary>
internal sealed record Sight(Scenario Scenario, ClientFacts Client, ServerFacts Server, MalloryFacts Mallory);

/// <summary>What must hold in every state, whatever the adversary did.</summary>
/// <param name="Name">In words.</param>
/// <param name="Holds">Whether it holds.</param>
internal sealed record Invariant(string Name, Func<Sight, bool> Holds)
{
    public static readonly Invariant NoClearAfterUpgrade = new("No mail leaves in plaintext after an agreed upgrade",
        s => !s.Client.MailInClearAfterSecured);

    public static readonly Invariant NeverBothWays = new("The mail never goes both in plaintext and in records",
        s => !(s.Client.MailInClear && s.Client.MailInRecords));

    public static readonly Invariant WholeOrNothing = new(
        "What the server delivers out of records is what the client sent, whole and once, or nothing",
        s => !s.Server.DeliveredOther && s.Server.Delivered <= 1);

    public static readonly Invariant OnlyTheClientSpeaksInside =
        new("The mail server inside hears the beginning of what the client said, and nothing else", s => !s.Server.HeardOther);

    public static readonly Invariant DeliveredIsDelivered = new("What the client takes for delivered is delivered",
        s => !s.Client.Believes || s.Server.Delivered == 1);

    public static readonly Invariant SameSuiteAndTranscript = new(
        "Both report the same suite and transcript, or the man in the middle has both, or one reports failure", s =>
        !s.Client.Secured || !s.Server.Secured || s.Mallory.HasServer
            || (s.Client.Suite == s.Server.Suite && s.Client.Transcript == s.Server.Transcript));

    public static readonly Invariant NeverTheWeaker = new(
        "A suite that is not the best of both is never used, whatever refusal is forged", s =>
        !s.Client.Secured || s.Client.Suite == s.Scenario.Suites[0].Name);

    public static readonly Invariant NoClearWhereForbidden = new("Under required, and under remembered, no mail octet leaves unencrypted",
        s => !s.Scenario.MustEncrypt || !s.Client.MailInClear);

    public static readonly Invariant DowngradeIsReported = new("Plaintext after a broken upgrade is reported as a downgrade",
        s => !s.Client.Broke || !s.Client.MailInClear || s.Client.ReportsDowngrade);

    public static readonly Invariant ServerIsSilentInClear = new("The server says nothing in plaintext after its 220",
        s => !s.Server.ClearAfterAgreed);

    public static readonly Invariant MalloryWhereAdmitted = new(
        "A man in the middle gets the mail only where nothing names the server", s =>
        s.Scenario.AdmitsMallory || !(s.Mallory.HasClient && s.Client.MailInRecords));

    public static IReadOnlyList<Invariant> All { get; } =
    [
        NoClearAfterUpgrade, NeverBothWays, WholeOrNothing, OnlyTheClientSpeaksInside, DeliveredIsDelivered, SameSuiteAndTranscript,
        NeverTheWeaker, NoClearWhereForbidden, DowngradeIsReported, ServerIsSilentInClear, MalloryWhereAdmitted,
    ];

    public override string ToString() => Name;
}

namespace BlackPony.Conformance;

/// <summary>The role of an implementation.</summary>
public enum TestRole
{
    /// <summary>The implementation receives mail.</summary>
    Server,

    /// <summary>The implementation sends mail.</summary>
    Client,
}

/// <summary>How binding the requirements of a case are (BCP 14).</summary>
public enum Level
{
    /// <summary>A violation fails.</summary>
    Must,

    /// <summary>A violation warns.</summary>
    Should,

    /// <summary>A feature that may be missing; if it is there, it has to be right.</summary>
    May,
}

/// <summary>The profile to which a case belongs (spec 2.3; spec/starttls.md).</summary>
public enum Profile
{
    /// <summary>Negotiation, fall-back, the MUST suite.</summary>
    Core,

    /// <summary>The suites with ML-KEM.</summary>
    Hybrid,

    /// <summary>RSA-BLOWFISH.</summary>
    Classic,

    /// <summary>ROT.</summary>
    Manual,

    /// <summary>Cases that wait for a time-out; off unless asked for.</summary>
    Timeouts,

    /// <summary>STARTTLS: plaintext that must not be believed inside.</summary>
    Injection,

    /// <summary>STARTTLS: a server or client that requires TLS, a client that verifies, and a handshake that fails.</summary>
    Policy,

    /// <summary>STARTTLS: AUTH.</summary>
    Submission,

    /// <summary>STARTTLS: ends that come too early.</summary>
    Truncation,

    /// <summary>STARTTLS: versions, suites, alerts, records, resumption.</summary>
    Tls,
}

/// <summary>What a case needs of the target beside an implementation that answers.</summary>
[Flags]
public enum Needs
{
    /// <summary>Nothing.</summary>
    Nothing = 0,

    /// <summary>A relay whose backend the suite plays.</summary>
    Backend = 1,

    /// <summary>ROT switched off.</summary>
    RotOff = 2,

    /// <summary>A client whose standard input and output speak SMTP, as a mailer's do.</summary>
    Mailer = 4,

    /// <summary>A client that can be given a policy.</summary>
    Policy = 8,

    /// <summary>A client that can be given suites.</summary>
    Suites = 16,

    /// <summary>Time-outs that the target declared.</summary>
    Timeouts = 32,

    /// <summary>A client that can be given a memory, for the policy remembered.</summary>
    Memory = 64,

    /// <summary>A server whose accepted mail the suite can look at.</summary>
    Mailbox = 128,

    /// <summary>A relay whose bound of sessions the suite knows.</summary>
    Sessions = 256,

    /// <summary>An address to which the server accepts mail.</summary>
    Local = 512,

    /// <summary>An address for which the server would have to relay.</summary>
    Foreign = 1024,

    /// <summary>Credentials that the server knows.</summary>
    Credentials = 2048,

    /// <summary>A server that permits AUTH with a plaintext password outside TLS too.</summary>
    PlainAuth = 4096,

    /// <summary>A server that requires TLS.</summary>
    TlsRequired = 8192,

    /// <summary>A server without a certificate.</summary>
    NoCertificate = 16384,

    /// <summary>A server that is publicly referenced.</summary>
    Public = 32768,

    /// <summary>Two addresses to which the server accepts mail.</summary>
    TwoLocal = 65536,

    /// <summary>A client that requires TLS.</summary>
    RequiredPolicy = 131072,

    /// <summary>A client that requires TLS and verifies the server's certificate.</summary>
    VerifyPolicy = 262144,

    /// <summary>A client that uses TLS where it is offered.</summary>
    OpportunisticPolicy = 524288,

    /// <summary>A client that is given a user and a password, and chooses the mechanism.</summary>
    Login = 1048576,

    /// <summary>A client that is given the recipient's address.</summary>
    Recipient = 2097152,

    /// <summary>A client that connects to the host that the suite names.</summary>
    HostName = 4194304,

    /// <summary>A client that can deliver a message several times.</summary>
    Several = 8388608,

    /// <summary>A server that refuses mail of a client without a certificate.</summary>
    WantsCertificate = 16777216,
}

/// <summary>One case: what it checks, and a short function that speaks octets.</summary>
/// <typeparam name="TPeer">The scripted peer that plays against the implementation:
/// <see cref="Peers.ServerProbe"/> or <see cref="Peers.ClientProbe"/>; <see cref="Peers.StartTlsProbe"/>
/// or <see cref="Peers.StartTlsClientProbe"/> for STARTTLS.</typeparam>
/// <param name="Id">Stable and never reused: <c>S-4.2-3</c> for servers, <c>C-…</c> for clients; <c>TS-…</c> and
/// <c>TC-…</c> for STARTTLS.</param>
/// <param name="Title">What a good implementation does.</param>
/// <param name="Level">How binding it is.</param>
/// <param name="Profile">The profile to which it belongs.</param>
/// <param name="Requirements">The requirements that it checks, separated by spaces; a failure that names none violates the first.</param>
/// <param name="Run">Throws <see cref="CaseFailedException"/> or <see cref="NotApplicableException"/>; else the case passed.</param>
public sealed record Case<TPeer>(string Id, string Title, Level Level, Profile Profile, string Requirements, Func<TPeer, Task> Run)
{
    /// <summary>What it needs of the target.</summary>
    public Needs Needs { get; init; }

    /// <summary>Whether it is so much work that it runs alone, after the others.</summary>
    public bool RunsAlone { get; init; }

    /// <summary>The requirements that it checks.</summary>
    public IReadOnlyList<string> Cites { get; } = Requirements.Split(' ');

    /// <summary>The case without its function, for lists and reports.</summary>
    public CaseInfo Info => new(Id, Title, Id.TrimStart('T')[0] == 'S' ? TestRole.Server : TestRole.Client, Level, Profile, Cites);
}

/// <summary>What a report says of a case.</summary>
/// <param name="Id">The case's id.</param>
/// <param name="Title">Its title.</param>
/// <param name="Role">The role that it tests.</param>
/// <param name="Level">How binding it is.</param>
/// <param name="Profile">Its profile.</param>
/// <param name="Requirements">The requirements that it checks.</param>
public sealed record CaseInfo(string Id, string Title, TestRole Role, Level Level, Profile Profile, IReadOnlyList<string> Requirements)
{
    /// <summary>The section of the specification: <c>4.2</c> for <c>S-4.2-3</c>.</summary>
    public string Section => Id.Split('-')[1];

    /// <summary>The protocol that it tests.</summary>
    public Protocol Protocol => Protocol.OfCase(Id);
}

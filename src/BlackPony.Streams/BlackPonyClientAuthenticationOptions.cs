using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Streams;

/// <summary>What a client asks of <see cref="BlackPonyStream.AuthenticateAsClientAsync"/>.</summary>
public sealed class BlackPonyClientAuthenticationOptions
{
    /// <summary>The name in EHLO, a host name or address literal (RFC 5321 4.1.1.1).</summary>
    public string ClientName { get; set; } = Environment.MachineName;

    /// <summary>The server's host name or address, under which <see cref="Memory"/> has it ([BP-9.4-1]).</summary>
    public string TargetHost { get; set; } = "";

    /// <summary>The server's TCP port, under which <see cref="Memory"/> has it.</summary>
    public int TargetPort { get; set; } = 25;

    /// <summary>The mail domain whose MX or address records led to the server ([BP-9.4-19]); null if there is none.</summary>
    public string? MailDomain { get; set; }

    /// <summary>
    /// What to do if the server does not upgrade (spec 9.1). Under <see cref="ClientPolicy.Required"/> the call fails; under the others it
    /// returns a stream in plaintext where that is allowed.
    /// </summary>
    public ClientPolicy Policy { get; set; } = ClientPolicy.Required;

    /// <summary>The memory of servers, for <see cref="ClientPolicy.Remembered"/>.</summary>
    public ServerMemory? Memory { get; set; }

    /// <summary>The suites, in order of preference; all of them encrypt.</summary>
    public IReadOnlyList<Suite> Suites { get; set; } = SuiteRegistry.Default;

    /// <summary>
    /// Decides on the IDENT keys that the server proved, none if it sent none (spec 6.5). If it returns false, the session is closed and
    /// the call fails. Null accepts every server, as BlackPony itself does.
    /// </summary>
    public Func<IReadOnlyList<PeerIdent>, bool>? RemoteIdentValidationCallback { get; set; }

    /// <summary>
    /// Whether the stream begins with the server's greeting again, for a library that expects it first, such as MailKit. Else the caller
    /// begins with EHLO ([BP-4.5-2], [BP-4.5-3]).
    /// </summary>
    public bool BeginsWithGreeting { get; set; }

    /// <summary>Whether <see cref="Stream.Dispose()"/> leaves the stream below open.</summary>
    public bool LeaveInnerStreamOpen { get; set; }

    /// <summary>Where to log secrets, for looking into captures; null for nowhere ([BP-11.3-1]).</summary>
    public IKeyLog? KeyLog { get; set; }

    /// <summary>The RSA key pair for RSA-BLOWFISH; by default one for the process (spec 5.4).</summary>
    public RsaKeys? RsaKeys { get; set; }

    /// <summary>The source of every draw (spec Appendix B).</summary>
    public IRandomSource Random { get; set; } = new SystemRandom();

    /// <summary>The clock of the time-outs (spec 13).</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;
}

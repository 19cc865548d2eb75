using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;

namespace BlackPony.Streams;

/// <summary>What a server asks of <see cref="BlackPonyStream.AuthenticateAsServerAsync"/>.</summary>
public sealed class BlackPonyServerAuthenticationOptions
{
    /// <summary>The name in the greeting and in the reply to EHLO before the upgrade (RFC 5321 4.2).</summary>
    public string ServerName { get; set; } = Environment.MachineName;

    /// <summary>
    /// Whether a client may go on in plaintext. If not, every command but XBLACKPONY is answered with 530, as RFC 3207 4 has it for
    /// STARTTLS; RFC 3207 forbids that for a server that takes mail from everybody.
    /// </summary>
    public bool AllowPlaintext { get; set; }

    /// <summary>
    /// What the reply to EHLO offers in plaintext, a line each without code, for example <c>SIZE 10485760</c>: extensions that the server
    /// has. Inside, the server's own reply to EHLO counts.
    /// </summary>
    public IReadOnlyList<string> PlaintextExtensions { get; set; } = [];

    /// <summary>The suites, in order of preference; all of them encrypt.</summary>
    public IReadOnlyList<Suite> Suites { get; set; } = SuiteRegistry.Default;

    /// <summary>The server's IDENT keys, at most <see cref="Limits.MaxIdents"/> (spec 6.5).</summary>
    public IReadOnlyList<IdentKey> Idents { get; set; } = [];

    /// <summary>
    /// Whether what the caller writes begins with a greeting, which is then not sent, for a library that greets every connection, such as
    /// SmtpServer. Else the caller begins by reading EHLO ([BP-4.5-3]).
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

using System.Net;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Hosting;

/// <summary>An address to which mail may go.</summary>
/// <param name="Name">The host name, or the address of an address literal ([BP-9.4-1]).</param>
/// <param name="Address">The IP address.</param>
/// <param name="Port">The TCP port.</param>
public sealed record MailTarget(string Name, IPAddress Address, int Port)
{
    /// <summary>The mail domain whose MX or address records led here ([BP-9.4-19]); null if the host was configured.</summary>
    public string? Domain { get; init; }
}

/// <summary>The mailer's sockets: a local mail server on two streams, and one target after the other (spec 10.4).</summary>
public static class MailerHost
{
    /// <summary>Runs one delivery.</summary>
    /// <param name="options">What the client accepts.</param>
    /// <param name="random">The source of every draw.</param>
    /// <param name="targets">In the order in which to try them; none greets with 421 ([BP-10.4-3]).</param>
    /// <param name="input">From the local mail server.</param>
    /// <param name="output">To the local mail server: nothing but SMTP replies ([BP-10.4-1]).</param>
    /// <param name="cancel">Ends the delivery.</param>
    /// <param name="time">The clock of the time-outs; the system's by default.</param>
    /// <param name="remember">Writes the memory: called when it has changed, before any mail flows ([BP-9.4-2]).</param>
    /// <param name="reached">Is called for each connection: whether it came about.</param>
    /// <exception cref="IOException">The local mail server is gone, or takes nothing.</exception>
    public static async Task<SessionReport> RunAsync(
        MailerOptions options, IRandomSource random, IReadOnlyList<MailTarget> targets, Stream input, Stream output,
        CancellationToken cancel,
        TimeProvider? time = null, Func<Task>? remember = null, Action<MailTarget, bool>? reached = null)
    {
        using var session = new MailerSession(options, random);
        using var run = new MailerRun(session, targets, input, output, time ?? TimeProvider.System)
        {
            Memory = options.Memory,
            Remember = remember,
            Reached = reached,
        };
        await run.RunAsync(cancel).ConfigureAwait(false);
        return run.HasLostLocal ? throw new IOException("The mail server accepts no more replies.") : session.Report;
    }
}

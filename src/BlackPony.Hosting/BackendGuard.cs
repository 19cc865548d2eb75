using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Smtp;

namespace BlackPony.Hosting;

/// <summary>The mail server behind would relay for strangers who come through <c>listen</c> ([BP-10.1-1]).</summary>
public sealed class OpenRelayException(string message) : IOException(message);

/// <summary>
/// Asks the mail server once, as a stranger who comes through the relay, whether it would take mail for a foreign domain.
/// A server that takes every recipient, even none, is a sink: there is nothing to protect.
/// </summary>
/// <param name="settings">How the relay comes to the mail server.</param>
public sealed class BackendGuard(RelaySettings settings)
{
    // TEST-NET-1 (RFC 5737): an address that no mail server trusts.
    private static readonly IPEndPoint Stranger = new(IPAddress.Parse("192.0.2.1"), 2525);

    private volatile bool _good;

    /// <summary>Asks, unless it was asked before and the answer was good.</summary>
    /// <exception cref="OpenRelayException">It would relay.</exception>
    /// <exception cref="IOException">It did not answer.</exception>
    /// <exception cref="SocketException">It is not reachable.</exception>
    public async Task CheckAsync(CancellationToken cancel)
    {
        if (_good)
        {
            return;
        }

        using var backend = await new BackendConnector(settings).OpenAsync(Stranger, new IPEndPoint(IPAddress.Parse("192.0.2.2"), 25), cancel).ConfigureAwait(false);
        using var patience = new Patience(Limits.ConnectTimeout, settings.Time, cancel);
        try
        {
            await SayAsync("EHLO blackpony.invalid").ConfigureAwait(false);
            await SayAsync("MAIL FROM:<>").ConfigureAwait(false);
            bool relays = (await SayAsync("RCPT TO:<relay-test@blackpony.invalid>").ConfigureAwait(false)).IsPositive
                && !(await SayAsync("RCPT TO:<>").ConfigureAwait(false)).IsPositive;
            if (settings.Addressing == ClientAddressing.XClient && (await SayAsync("RSET").ConfigureAwait(false)).IsPositive
                && (await SayAsync("XCLIENT NAME=localhost ADDR=127.0.0.1").ConfigureAwait(false)).IsPositive)
            {
                // [BP-10.1-11]
                throw new OpenRelayException($"the mail server at {settings.BackendHost}:{settings.BackendPort} takes XCLIENT from strangers who come through here, and could be made to relay by it");
            }

            await SayAsync("QUIT").ConfigureAwait(false);
            _good = !relays;
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new IOException("The backend did not answer in time.", e);
        }

        if (!_good)
        {
            throw new OpenRelayException($"the mail server at {settings.BackendHost}:{settings.BackendPort} takes mail for foreign domains from strangers who come through here");
        }

        async Task<Reply> SayAsync(string line)
        {
            await BackendConnector.SendAsync(backend.Socket, Encoding.ASCII.GetBytes(line + "\r\n"), patience.Token).ConfigureAwait(false);
            return await BackendConnector.ReadReplyAsync(backend.Socket, patience.Token).ConfigureAwait(false);
        }
    }
}

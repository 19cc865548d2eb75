using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Tls;
using Org.BouncyCastle.Tls;

namespace BlackPony.Conformance.Peers;

/// <content>The handshake: the suite's as a client, and what both roles have in common.</content>
public sealed partial class StartTlsConnection
{
    /// <summary>A whole handshake, or what comes instead of one.</summary>
    internal async Task<HandshakeEnd> HandshakeAsync(TlsSettings settings)
    {
        _client = new ProbeTlsClient(settings);
        var tls = new ProbeTlsOfClient();
        _tls = tls;
        _raw.Clear();
        _raw.AddRange(_waiting.Span);
        _waiting.Clear();
        tls.Connect(_client);
        _transcript.Event("ClientHello");
        _sent = "a ClientHello";
        await WriteAsync(tls.Output());
        var between = settings.Between;
        var end = await ShakeAsync(async output =>
        {
            if (settings.GivesUp)
            {
                await WriteAsync(IProbeTls.Alert(AlertDescription.handshake_failure));
                _transcript.Event("alert handshake_failure");
                return "the suite gave up, as it meant to";
            }

            if (output.Length > 0 && between is not null)
            {
                _transcript.Raw(_me, between);
                await WriteAsync(between);
                between = null;
            }

            if (tls.IsConnected && settings.WithFinished is { } with)
            {
                IsInside = true;
                tls.WriteApplicationData(Encoding.Latin1.GetBytes(with).AsSpan());
                output = [.. output, .. tls.Output()];
            }

            if (output.Length > 0)
                await WriteAsync(output);

            return null;
        }, () => _client.Version, settings.Silence);
        if (end.IsComplete && settings.WithFinished is { } text)
            Say(Encoding.Latin1.GetBytes(text));

        if (end.IsComplete)
            Decrypted();

        return end;
    }

    // Takes what comes, and has each answer sent; that gives up if it says why.
    private async Task<HandshakeEnd> ShakeAsync(Func<byte[], Task<string?>> send, Func<ProtocolVersion?> version,
        TimeSpan? silence = null)
    {
        var flight = new List<byte>();
        try
        {
            while (!_tls.IsConnected)
            {
                // A server that has begun a handshake is slow, not silent.
                if (silence is { } time && flight.Count == 0)
                    _patience.Shorten(time);

                var came = await RawAsync("a TLS handshake");
                if (came.Length == 0)
                    return NotComplete(WasReset ? "the connection was reset" : "the connection ended");

                flight.AddRange(came);
                if (IsSmtp([.. flight]))
                    return NotComplete($"{Expect.Show(came)} came in plaintext", isReply: true);

                _tls.OfferInput(came);
                if (await send(_tls.Output()) is { } why)
                    return NotComplete(why);
            }
        }
        catch (TlsFatalAlertReceived e)
        {
            return NotComplete($"the {Peer} sent the alert {AlertDescription.GetText(e.AlertDescription)}");
        }
        catch (TlsFatalAlert e)
        {
            await WriteAsync(_tls.Output());
            return NotComplete($"the suite's TLS cannot go on ({AlertDescription.GetText(e.AlertDescription)})") with { IsOwn = true };
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            return NotComplete($"the connection ended ({e.Message})");
        }

        IsInside = true;
        _transcript.Event($"{Complete[2..]}: {version()}");
        return new HandshakeEnd(true, "");
    }

    private HandshakeEnd NotComplete(string what, bool isReply = false)
    {
        _transcript.Event($"handshake not complete: {what}");
        _isClosed = true;
        return new HandshakeEnd(false, what, isReply);
    }

    private string Peer => _peer == 'S' ? "server" : "client";

    private bool IsSmtp(byte[] octets) => _peer == 'S' ? HasReply(octets) : HasCommand(octets);

    // Octets as they are on the wire; none at the end of the connection.
    private async Task<byte[]> RawAsync(string expected)
    {
        if (_raw.Count == 0)
        {
            if (!await FillAsync(expected))
                return [];

            _raw.AddRange(_waiting.Span);
            _waiting.Clear();
        }

        var octets = _raw.ToArray();
        _raw.Clear();
        return octets;
    }
}

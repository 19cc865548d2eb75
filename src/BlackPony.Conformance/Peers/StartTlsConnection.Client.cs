using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using BlackPony.Conformance.Tls;
using Org.BouncyCastle.Tls;

namespace BlackPony.Conformance.Peers;

/// <content>With a client under test: the suite is the server.</content>
public sealed partial class StartTlsConnection
{
    /// <summary>Whether octets from the wire hold an SMTP command.</summary>
    /// <param name="octets">The octets; TLS records that they begin with are skipped.</param>
    public static bool HasCommand(ReadOnlySpan<byte> octets) => CommandLine().IsMatch(AfterRecords(octets));

    /// <summary>Whether what comes next is a TLS record, not a command; null at the end of the connection.</summary>
    public async Task<bool?> IsRecordNextAsync() => _waiting.Length > 0 || await FillAsync("a line or a ClientHello")
        ? _waiting.Span[0] == ContentType.handshake
        : null;

    /// <summary>Receives a ClientHello, which stays for the handshake.</summary>
    /// <returns>Its record; what came instead of one.</returns>
    public async Task<byte[]> HelloAsync()
    {
        const int Header = 5;
        while (_waiting.Length < Header
            || (IsRecord() && _waiting.Length < Header + BinaryPrimitives.ReadUInt16BigEndian(_waiting.Span[3..])))
        {
            if (!await FillAsync("a ClientHello"))
                break;
        }

        return _waiting.Span.ToArray();

        bool IsRecord() => _waiting.Span[0] == ContentType.handshake;
    }

    /// <summary>Whether the client sends more within this time.</summary>
    public async Task<bool> ComesMoreAsync(TimeSpan time)
    {
        if (_waiting.Length > 0)
            return true;

        _patience.Renew(time);
        await Task.Run(() => _socket.Poll(time, SelectMode.SelectRead));
        _patience.Renew();
        return _socket.Available > 0;
    }

    /// <summary>A handshake with the client, whose ClientHello has come or comes.</summary>
    internal async Task<HandshakeEnd> AcceptAsync(TlsServerSettings settings)
    {
        var server = new ProbeTlsServer(settings);
        var tls = new ProbeTlsOfServer(settings.Protocol);
        _tls = tls;
        _raw.Clear();
        _raw.AddRange(_waiting.Span);
        _waiting.Clear();
        tls.Accept(server);
        var between = settings.Between;
        var end = await ShakeAsync(async output =>
        {
            if (output.Length > 0)
            {
                if (between.Length > 0)
                    _transcript.Raw(_me, between);

                await WriteAsync((byte[])[.. between, .. output]);
                (between, _sent) = ([], "a ServerHello");
            }

            return null;
        }, () => server.Version);
        if (end.IsComplete)
            Decrypted();

        return end;
    }

    [GeneratedRegex("(^|\\n)(EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|BDAT|RSET|NOOP|QUIT|VRFY)\\b", RegexOptions.IgnoreCase)]
    private static partial Regex CommandLine();
}

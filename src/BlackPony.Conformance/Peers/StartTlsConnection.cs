using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Conformance.Tls;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using Org.BouncyCastle.Tls;

namespace BlackPony.Conformance.Peers;

/// <summary>A connection that can begin TLS: lines and replies go on inside as they were before.</summary>
public sealed partial class StartTlsConnection : LineConnection
{
    /// <summary>The beginning of a transcript's line for a complete handshake.</summary>
    internal const string Complete = "= handshake complete";

    private readonly List<byte> _raw = [];
    private IProbeTls _tls = null!;
    private ProbeTlsClient? _client;
    private bool _isClosed;

    /// <summary>Makes one.</summary>
    /// <param name="socket">The connection, which this owns.</param>
    /// <param name="me">The suite's role.</param>
    /// <param name="transcript">Where the dialogue is written down.</param>
    /// <param name="patience">The case's patience.</param>
    public StartTlsConnection(Socket socket, Role me, Transcript transcript, CaseTimeout patience)
        : base(socket, me, transcript, patience)
    {
    }

    /// <summary>The suite's side of the TLS session.</summary>
    internal ProbeTlsClient Client => _client!;

    /// <summary>Whether the TLS session is there.</summary>
    public bool IsInside { get; private set; }

    /// <summary>Whether close_notify came.</summary>
    public bool WasClosed { get; private set; }

    /// <summary>Why the TLS session ended; null if it did not fail.</summary>
    public string? Failure { get; private set; }

    /// <summary>Whether <see cref="RestAsync"/> came to the end of the connection.</summary>
    public bool HasEnded { get; private set; }

    private protected override bool IsText => !IsInside;

    /// <summary>Whether octets from the wire hold an SMTP reply: three digits at the start of a line.</summary>
    /// <param name="octets">The octets; TLS records that they begin with are skipped, since any text may stand in those.</param>
    public static bool HasReply(ReadOnlySpan<byte> octets) => ReplyLine().IsMatch(AfterRecords(octets));

    private static string AfterRecords(ReadOnlySpan<byte> octets)
    {
        const int Header = 5;
        while (octets.Length >= Header && octets[0] is >= 20 and <= 24 && octets[1] == 3)
            octets = octets[Math.Min(octets.Length, Header + BinaryPrimitives.ReadUInt16BigEndian(octets[3..]))..];

        return Encoding.Latin1.GetString(octets);
    }

    /// <inheritdoc/>
    public override async Task SendAsync(ReadOnlyMemory<byte> octets)
    {
        if (!IsInside)
        {
            await base.SendAsync(octets);
            return;
        }

        // A client that has ended the session takes no reply any more.
        if (_isClosed && _peer == 'C')
            return;

        Say(octets.Span);
        _tls.WriteApplicationData(octets.Span);
        await WriteAsync(_tls.Output());
    }

    /// <summary>Sends octets as they are, outside the TLS session.</summary>
    public async Task SendRawAsync(ReadOnlyMemory<byte> octets)
    {
        _transcript.Raw(_me, octets.Span);
        _sent = $"{Expect.Show(octets.Span, 40)} outside the TLS session";
        await WriteAsync(octets);
    }

    /// <summary>Sends text inside, each octet in a record of its own, or with what else is to be done to the records.</summary>
    /// <param name="text">The text, in Latin-1.</param>
    /// <param name="each">Octets in a record.</param>
    /// <param name="edit">Changes the records.</param>
    public async Task SendRecordsAsync(string text, int each = int.MaxValue, Func<byte[], byte[]>? edit = null)
    {
        var octets = Encoding.Latin1.GetBytes(text);
        Say(octets);
        for (int i = 0; i < octets.Length; i += Math.Min(each, octets.Length))
            _tls.WriteApplicationData(octets.AsSpan(i, Math.Min(each, octets.Length - i)));

        var records = _tls.Output();
        await WriteAsync(edit?.Invoke(records) ?? records);
    }

    /// <summary>Sends records without content.</summary>
    public async Task SendEmptyAsync(int count)
    {
        for (int i = 0; i < count; i++)
            _tls.Record(ContentType.application_data, []);

        _transcript.Event($"{count} records without content");
        await WriteAsync(_tls.Output());
    }

    /// <summary>Goes to new keys, and asks the peer to do so.</summary>
    public async Task UpdateKeysAsync()
    {
        _tls.UpdateKeys();
        _transcript.Event("KeyUpdate");
        await WriteAsync(_tls.Output());
    }

    /// <summary>Sends close_notify.</summary>
    /// <param name="text">What goes before it in the same segment.</param>
    public async Task CloseTlsAsync(string text = "")
    {
        var octets = Encoding.Latin1.GetBytes(text);
        if (octets.Length > 0)
        {
            Say(octets);
            _tls.WriteApplicationData(octets.AsSpan());
        }

        var records = _tls.Output();
        _tls.Notify();
        _transcript.Event("close_notify");
        await WriteAsync((byte[])[.. records, .. _tls.Output()]);
    }

    /// <summary>Receives a reply; null at the end of the session.</summary>
    public async Task<Reply?> ReplyOrEndAsync()
    {
        var reader = new ReplyReader();
        while (await Expecting("an SMTP reply, or the end", LineAsync) is { } line)
        {
            var reply = reader.Read(Encoding.Latin1.GetBytes(line + "\r\n"), out _);
            Expect.That(!reader.IsMalformed, $"After {_sent}: expected an SMTP reply, got {Expect.Show(line)}.");
            if (reply is not null)
                return reply;
        }

        return null;
    }

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
        }, () => _client.Version);
        if (end.IsComplete && settings.WithFinished is { } text)
            Say(Encoding.Latin1.GetBytes(text));

        if (end.IsComplete)
            Decrypted();

        return end;
    }

    // Takes what comes, and has each answer sent; that gives up if it says why.
    private async Task<HandshakeEnd> ShakeAsync(Func<byte[], Task<string?>> send, Func<ProtocolVersion?> version)
    {
        var flight = new List<byte>();
        try
        {
            while (!_tls.IsConnected)
            {
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

    /// <summary>Receives what comes to the end of the connection, or until nothing comes for a time.</summary>
    /// <param name="quiet">The time.</param>
    /// <returns>The octets, as they are on the wire.</returns>
    public async Task<byte[]> RestAsync(TimeSpan quiet)
    {
        var octets = new List<byte>(_raw);
        octets.AddRange(_waiting.Span);
        _raw.Clear();
        _waiting.Clear();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_patience.Token);
        limit.CancelAfter(quiet);
        _patience.Renew(quiet);
        try
        {
            var buffer = new byte[16384];
            while (await _socket.ReceiveAsync(buffer.AsMemory(), limit.Token) is > 0 and var count)
            {
                octets.AddRange(buffer.AsSpan(0, count));
                limit.CancelAfter(quiet);
                _patience.Renew(quiet);
            }

            HasEnded = true;
        }
        catch (OperationCanceledException) when (!_patience.Token.IsCancellationRequested)
        {
            // Nothing more came in that time.
        }
        catch (SocketException)
        {
            HasEnded = true;
        }

        if (octets.Count > 0)
            _transcript.Raw(_peer, [.. octets]);

        if (HasEnded)
            _transcript.End(_peer);

        return [.. octets];
    }

    /// <summary>
    /// The peer has to end the session, by an alert or an end of any kind, and answer nothing, neither inside nor in plaintext. A 421 only
    /// says that the session ends.
    /// </summary>
    /// <param name="finding">What is wrong if it answers.</param>
    /// <param name="requirement">The requirement that this violates; null for the case's first.</param>
    public async Task ExpectEndAsync(string finding, string? requirement = null)
    {
        while (await Expecting("an alert or the end of the connection", LineAsync) is { } line)
            Expect.That(!Answers(Encoding.Latin1.GetBytes(line + "\r\n")), $"{finding} After {_sent} came {Expect.Show(line)}.",
                requirement);

        var rest = _raw.ToArray();
        Expect.That(!Answers(rest), $"{finding} After {_sent} came {Expect.Show(rest)} in plaintext.", requirement);
    }

    // A server may end the connection wherever something was injected; what it sent before that is still read.
    private protected override async Task WriteAsync(ReadOnlyMemory<byte> octets)
    {
        try
        {
            await base.WriteAsync(octets);
        }
        catch (SocketException e)
        {
            _transcript.Event($"the {Peer} closed the connection while this was sent ({e.SocketErrorCode})");
        }
    }

    private static bool Answers(byte[] octets) => HasReply(octets) && !octets.AsSpan().StartsWith("421"u8);

    private protected override void WriteDown(char side, ReadOnlySpan<byte> lines)
    {
        if (IsInside)
            _transcript.Inside(side, lines);
        else
            base.WriteDown(side, lines);
    }

    private protected override void Take(ReadOnlySpan<byte> octets)
    {
        if (!IsInside)
        {
            base.Take(octets);
            return;
        }

        _raw.Clear();
        _raw.AddRange(octets);
        try
        {
            _tls.OfferInput(octets.ToArray());
            Decrypted();
        }
        catch (TlsFatalAlertReceived e)
        {
            Fail($"alert {AlertDescription.GetText(e.AlertDescription)}");
        }
        catch (IOException e)
        {
            Fail(e.Message);
        }
    }

    private protected override async Task<bool> FillAsync(string expected)
    {
        if (!IsInside)
            return await base.FillAsync(expected);

        int before = _waiting.Length;
        while (_waiting.Length == before)
        {
            if (_isClosed || !await base.FillAsync(expected))
                return false;
        }

        return true;
    }

    // What the peer's records held; the answer to a KeyUpdate or close_notify goes back at once.
    private void Decrypted()
    {
        _waiting.Append(_tls.Input());
        var output = _tls.Output();
        if (_tls.IsClosed)
        {
            (WasClosed, _isClosed) = (true, true);
            _transcript.Event("close_notify came");
        }

        if (output.Length > 0)
        {
            try
            {
                _socket.Send(output);
            }
            catch (SocketException)
            {
                // It has closed for good.
            }
        }
    }

    private void Fail(string why)
    {
        Failure = why;
        _isClosed = true;
        _transcript.Event($"the TLS session ended: {why}");
    }

    private void Say(ReadOnlySpan<byte> octets)
    {
        _transcript.Inside(_me, octets);
        _sent = $"{Expect.Show(octets, 60)} inside";
    }

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

    [GeneratedRegex("(^|\\n)[2-5][0-9][0-9]( |-|\\r\\n)")]
    private static partial Regex ReplyLine();
}

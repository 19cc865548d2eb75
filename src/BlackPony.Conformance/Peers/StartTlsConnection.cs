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

    private protected override void WriteDown(string line, ReadOnlySpan<byte> octets)
    {
        if (IsInside)
            _transcript.Inside(_peer, octets);
        else
            base.WriteDown(line, octets);
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

    [GeneratedRegex("(^|\\n)[2-5][0-9][0-9]( |-|\\r\\n)")]
    private static partial Regex ReplyLine();
}

using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;

namespace BlackPony.Traces.Replay;

/// <summary>A connection to a live peer: lines and replies, in plaintext, under ROT or in records.</summary>
internal sealed class LiveConnection(Socket socket, TimeSpan timeout) : IDisposable
{
    private Stream _stream = new NetworkStream(socket, ownsSocket: true);
    private readonly byte[] _octets = new byte[65536];
    private readonly ArrayBufferWriter<byte> _output = new();
    private byte[] _waiting = [];
    private SecureChannel? _channel;
    private int _shift;
    private string _end = "the end of the connection";

    /// <summary>The connection's end.</summary>
    public bool IsOver { get; private set; }

    public async Task SendAsync(byte[] octets, CancellationToken cancel)
    {
        if (_channel is { } channel)
        {
            channel.Send(octets, _output);
            await FlushAsync(cancel);
            return;
        }

        if (_shift > 0)
        {
            octets = [.. octets];
            Reference.Suites.RotShift.Shift(octets, _shift);
        }

        await WriteAsync(octets, cancel);
    }

    /// <summary>A reply; null at the end of the connection, or if what comes is none.</summary>
    public async Task<Reply?> ReplyAsync(CancellationToken cancel)
    {
        var reader = new ReplyReader();
        while (true)
        {
            var read = _waiting;
            var reply = reader.Read(read, out int consumed);
            _waiting = read[consumed..];
            if (reader.IsMalformed)
            {
                _end = "something that is not a reply: "
                    + $"{Sessions.Escape.Octets(read.AsSpan(0, Math.Max(consumed, Math.Min(read.Length, 80))).TrimEnd("\r\n"u8), 80)}";
            }

            if (reply is not null || reader.IsMalformed || !await FillAsync(cancel))
                return reply;
        }
    }

    /// <summary>Octets up to and including a mark; null at the end of the connection.</summary>
    public async Task<byte[]?> UntilAsync(byte[] mark, int atMost, CancellationToken cancel)
    {
        while (true)
        {
            int at = _waiting.AsSpan().IndexOf(mark);
            if (at >= 0)
                return Take(at + mark.Length);

            if (_waiting.Length > atMost || !await FillAsync(cancel))
                return null;
        }
    }

    /// <summary>So many octets; null at the end of the connection.</summary>
    public async Task<byte[]?> CountAsync(long count, CancellationToken cancel)
    {
        while (_waiting.Length < count)
        {
            if (!await FillAsync(cancel))
                return null;
        }

        return Take((int)count);
    }

    /// <summary>Shifts from here on.</summary>
    public void Shift(int n) => _shift = n;

    /// <summary>Seals from here on: waits for the server's Finished.</summary>
    /// <returns>False if it does not verify.</returns>
    public async Task<bool> SecureAsync(SecureChannel channel, CancellationToken cancel)
    {
        _channel = channel;
        var early = _waiting;
        _waiting = [];
        Receive(early);
        await FlushAsync(cancel);
        while (!channel.IsEstablished)
        {
            if (!await FillAsync(cancel))
                return false;
        }

        return true;
    }

    /// <summary>TLS from here on, whoever the server is: what is played is no secret of its.</summary>
    /// <returns>False if no session comes about.</returns>
    public async Task<bool> TlsAsync(string name, CancellationToken cancel)
    {
        if (_waiting.Length > 0)
        {
            _end = "octets after the reply to STARTTLS";
            return false;
        }

#pragma warning disable CA5359 // A live server under test has any certificate.
        var tls = new SslStream(_stream, leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore CA5359
        _stream = tls;
        using var limit = Limit(cancel);
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name }, limit.Token);
            return true;
        }
        catch (Exception e) when (e is System.Security.Authentication.AuthenticationException or IOException
            || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            (IsOver, _end) = (true, $"no TLS: {e.Message}");
            return false;
        }
    }

    /// <summary>Ends it in order.</summary>
    public async Task CloseAsync(CancellationToken cancel)
    {
        if (_channel is { State: ChannelState.Open, IsEstablished: true } channel)
        {
            channel.Close(_output);
            await FlushAsync(cancel);
        }
    }

    public void Dispose()
    {
        _channel?.Dispose();
        _stream.Dispose();
    }

    private byte[] Take(int count)
    {
        var taken = _waiting[..count];
        _waiting = _waiting[count..];
        return taken;
    }

    private void Receive(ReadOnlySpan<byte> octets)
    {
        if (_channel is null)
        {
            byte[] plain = octets.ToArray();
            if (_shift > 0)
                Reference.Suites.RotShift.Shift(plain, 26 - _shift);

            _waiting = [.. _waiting, .. plain];
            return;
        }

        var inside = new ArrayBufferWriter<byte>();
        _channel.Receive(octets, inside, _output);
        _waiting = [.. _waiting, .. inside.WrittenSpan];
        IsOver |= _channel.State is not (ChannelState.Open or ChannelState.Closing);
    }

    private async Task<bool> FillAsync(CancellationToken cancel)
    {
        if (IsOver)
            return false;

        using var limit = Limit(cancel);
        try
        {
            int count = await _stream.ReadAsync(_octets.AsMemory(), limit.Token);
            IsOver |= count == 0;
            Receive(_octets.AsSpan(0, count));
            await FlushAsync(cancel);
            return count > 0;
        }
        catch (Exception e) when (e is SocketException or IOException
            || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            Over(e);
            return false;
        }
    }

    private CancellationTokenSource Limit(CancellationToken cancel)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(timeout);
        return limit;
    }

    private void Over(Exception why)
    {
        IsOver = true;
        _end = why is SocketException or IOException ? _end : $"nothing for {timeout.TotalSeconds:0.###} seconds";
    }

    private async Task FlushAsync(CancellationToken cancel)
    {
        if (_output.WrittenCount > 0)
        {
            var octets = _output.WrittenSpan.ToArray();
            _output.ResetWrittenCount();
            await WriteAsync(octets, cancel);
        }
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> octets, CancellationToken cancel)
    {
        using var limit = Limit(cancel);
        try
        {
            const int Piece = 65536;
            for (; !octets.IsEmpty; octets = octets[Math.Min(Piece, octets.Length)..])
            {
                await _stream.WriteAsync(octets[..Math.Min(Piece, octets.Length)], limit.Token);
                limit.CancelAfter(timeout);
            }
        }
        catch (Exception e) when (e is SocketException or IOException
            || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            Over(e);
        }
    }

    /// <summary>A reply for people, or why there is none.</summary>
    public string Show(Reply? reply) => reply is null ? _end : string.Join(" / ", reply.Lines.Select(l => Sessions.Escape.Octets(l, 200)));

    public static string Text(Reply reply) => string.Concat(reply.Lines.Select(l => Encoding.Latin1.GetString(l) + "\r\n"));
}

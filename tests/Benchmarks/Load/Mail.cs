using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Benchmarks.Load;

/// <summary>How a session is protected.</summary>
internal enum Protection
{
    None,
    StartTls,

    /// <summary>TLS from the first octet on.</summary>
    ImplicitTls,
    BlackPony,
}

/// <summary>A client that sends mail, command by command, the same way whatever protects it.</summary>
internal sealed class Mail : IDisposable
{
    private readonly byte[] _octets = new byte[8192];
    private readonly ReplyReader _replies = new();
    private Stream _stream;
    private int _have;

    private Mail(Stream stream) => _stream = stream;

    /// <summary>A message of a size, final dot included, in lines of 78 octets.</summary>
    public static byte[] Message(int size)
    {
        var message = new byte[size + 5];
        "Subject: benchmark\r\n\r\n"u8.CopyTo(message);
        for (int i = 22; i < size; i++)
        {
            message[i] = (i % 80) switch { 78 => (byte)'\r', 79 => (byte)'\n', int column => (byte)('a' + (column % 26)) };
        }

        "\r\n.\r\n"u8.CopyTo(message.AsSpan(size));
        return message;
    }

    /// <summary>Connects, says EHLO and protects the session.</summary>
    public static async Task<Mail> ConnectAsync(int port, Protection protection, Suite? suite = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        var mail = new Mail(new NetworkStream(socket, ownsSocket: true));
        try
        {
            if (protection == Protection.ImplicitTls)
            {
                mail._stream = await Tls.ClientAsync(mail._stream);
            }

            await mail.ExpectAsync(220);
            await mail.BeginAsync(protection, suite);
            return mail;
        }
        catch
        {
            mail.Dispose();
            throw;
        }
    }

    /// <summary>Sends one message.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> message)
    {
        await EnvelopeAsync();
        await _stream.WriteAsync(message);
        await ExpectAsync(250);
    }

    /// <summary>EHLO and its reply.</summary>
    public Task<Reply> EhloAsync() => SayAsync("EHLO bench.test\r\n"u8.ToArray(), 250);

    /// <summary>MAIL, RCPT and DATA.</summary>
    public async Task EnvelopeAsync()
    {
        await SayAsync("MAIL FROM:<bench@mail.test>\r\n"u8.ToArray(), 250);
        await SayAsync("RCPT TO:<sink@mail.test>\r\n"u8.ToArray(), 250);
        await SayAsync("DATA\r\n"u8.ToArray(), 354);
    }

    /// <summary>Ends the session as its protection asks for.</summary>
    public async Task QuitAsync()
    {
        await SayAsync("QUIT\r\n"u8.ToArray(), 221);
        switch (_stream)
        {
            case PonyStream pony:
                await pony.ShutdownAsync();
                break;
            case SslStream tls:
                await tls.ShutdownAsync();
                break;
        }
    }

    public void Dispose() => _stream.Dispose();

    private async Task BeginAsync(Protection protection, Suite? suite)
    {
        var ehlo = await EhloAsync();
        if (protection is Protection.None or Protection.ImplicitTls)
        {
            return;
        }

        if (protection == Protection.StartTls)
        {
            await SayAsync("STARTTLS\r\n"u8.ToArray(), 220);
            _stream = await Tls.ClientAsync(_stream);
        }
        else
        {
            var offer = Enumerable.Range(0, ehlo.Lines.Count).Where(i => Offer.IsKeyword(ehlo.Text(i)))
                .Select(i => Offer.Parse(ehlo.Text(i))).FirstOrDefault() ?? throw new IOException("XBLACKPONY is not offered.");
            var pony = new PonyStream(_stream);
            _stream = pony;
            await pony.AuthenticateAsClientAsync(offer, suite ?? offer.Common(SuiteRegistry.Default).First());
        }

        await EhloAsync();
    }

    private async Task<Reply> SayAsync(byte[] line, int code)
    {
        await _stream.WriteAsync(line);
        return await ExpectAsync(code);
    }

    private async Task<Reply> ExpectAsync(int code)
    {
        while (true)
        {
            var reply = _replies.Read(_octets.AsSpan(0, _have), out int consumed);
            _octets.AsSpan(consumed, _have - consumed).CopyTo(_octets);
            _have -= consumed;
            if (reply is not null)
            {
                return reply.Code == code ? reply : throw new IOException($"{reply.Code} in the place of {code}.");
            }

            int count = await _stream.ReadAsync(_octets.AsMemory(_have));
            _have += count > 0 ? count : throw new IOException("The server closed.");
        }
    }
}

using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A name server for one domain: answers MX questions over UDP.</summary>
internal sealed class NameServer : IDisposable
{
    private readonly UdpClient _socket = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly (int Preference, string Name)[] _exchangers;

    public NameServer(params (int Preference, string Name)[] exchangers)
    {
        _exchangers = exchangers;
        _ = ServeAsync();
    }

    public int Port => ((IPEndPoint)_socket.Client.LocalEndPoint!).Port;

    /// <summary>0 for an answer; 2 SERVFAIL, 5 REFUSED.</summary>
    public int ResponseCode { get; set; }

    public void Dispose() => _socket.Dispose();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var question = await _socket.ReceiveAsync();
                await _socket.SendAsync(Answer(question.Buffer), question.RemoteEndPoint);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private byte[] Answer(byte[] query)
    {
        int end = 12;
        while (query[end] != 0)
        {
            end += query[end] + 1;
        }

        end += 5;
        var answer = new List<byte>(query[..end]);
        (answer[2], answer[3], answer[7], answer[9], answer[11]) = (0x81, (byte)(0x80 | ResponseCode), (byte)_exchangers.Length, 0, 0);
        foreach (var (preference, name) in _exchangers)
        {
            byte[] encoded = [.. name.Split('.', StringSplitOptions.RemoveEmptyEntries).SelectMany(l => (byte[])[(byte)l.Length, .. Encoding.ASCII.GetBytes(l)]), 0];
            answer.AddRange([0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 0, 0, (byte)(encoded.Length + 2), 0, (byte)preference, .. encoded]);
        }

        return [.. answer];
    }
}

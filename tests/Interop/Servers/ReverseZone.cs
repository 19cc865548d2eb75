using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A name server for reverse look-ups, over UDP on loopback: PTR, A and AAAA records as a test writes them, NXDOMAIN for all
/// else.</summary>
internal sealed class ReverseZone : IDisposable
{
    private readonly UdpClient _socket = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly Dictionary<(string Name, int Type), byte[]> _records = [];
    private readonly HashSet<string> _broken = [];

    public ReverseZone() => _ = ServeAsync();

    public int Port => ((IPEndPoint)_socket.Client.LocalEndPoint!).Port;

    /// <summary>Adds a PTR record, <c>9.0.0.127.in-addr.arpa</c>.</summary>
    public void Pointer(string name, string host) => _records[(name, 12)] = Encode(host);

    /// <summary>Adds an A or AAAA record.</summary>
    public void Address(string host, string address) =>
        _records[(host, IPAddress.Parse(address).AddressFamily == AddressFamily.InterNetwork ? 1 : 28)] = IPAddress.Parse(address)
            .GetAddressBytes();

    /// <summary>Answers for a name with SERVFAIL.</summary>
    public void Break(string name) => _broken.Add(name);

    public void Dispose() => _socket.Dispose();

    private static byte[] Encode(string name) => [.. name.Split('.')
        .SelectMany(l => (byte[])[(byte)l.Length, .. Encoding.ASCII.GetBytes(l)]), 0];

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
        var labels = new List<string>();
        int end = 12;
        for (; query[end] != 0; end += query[end] + 1)
        {
            labels.Add(Encoding.ASCII.GetString(query, end + 1, query[end]));
        }

        end += 5;
        var name = string.Join('.', labels);
        var record = _records.GetValueOrDefault((name, query[end - 3]));
        bool exists = record is not null || _records.Keys.Any(k => k.Name == name);
        var answer = new List<byte>(query[..end]);
        (answer[2], answer[3], answer[7], answer[9], answer[11]) = (0x81, (byte)(0x80 | (_broken.Contains(name) ? 2 : exists ? 0 : 3)), 0,
            0, 0);
        if (record is not null && !_broken.Contains(name))
        {
            answer[7] = 1;
            answer.AddRange([0xC0, 12, 0, query[end - 3], 0, 1, 0, 0, 0, 0, 0, (byte)record.Length, .. record]);
        }

        return [.. answer];
    }
}

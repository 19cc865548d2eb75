using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>
/// A name server whose zone the test writes, over UDP and TCP. Each line is a record, <c>mx.test A 192.0.2.1</c>, <c>b.test MX 10
/// mx.test</c> or
/// <c>a.test CNAME b.test</c>; or what becomes of a question instead: <c>b.test SERVFAIL</c>, <c>mx.test AAAA REFUSED</c>, <c>b.test
/// TIMEOUT</c>,
/// FORMERR, LAME (a referral) or OTHER (the answer to another question). <c>b.test ALL</c>: each answer has the records of all types.
/// <c>*.b.test</c> is a wildcard; a backslash in an exchanger's
/// name writes an octet.
/// </summary>
internal sealed class NameServer : IDisposable
{
    private static readonly Dictionary<string, int> Types = new() { ["A"] = 1, ["CNAME"] = 5, ["MX"] = 15, ["AAAA"] = 28 };
    private static readonly Dictionary<string, int> Codes = new()
    {
        ["FORMERR"] = 1, ["SERVFAIL"] = 2, ["NXDOMAIN"] = 3, ["REFUSED"] = 5, ["TIMEOUT"] = -1, ["LAME"] = -2, ["OTHER"] = -3,
    };

    private readonly Socket _udp;
    private readonly TcpListener _tcp;
    private readonly List<string[]> _zone = [];
    private readonly (int Preference, string Name)[]? _exchangers;

    /// <summary>A server on loopback that answers every MX question with the same exchangers, and says that localhost is
    /// 127.0.0.1.</summary>
    public NameServer(params (int Preference, string Name)[] exchangers)
        : this(new IPEndPoint(IPAddress.Loopback, 0),
            "localhost A 127.0.0.1\ndead.test A 127.0.0.9\nother.test A 127.0.0.3\nfar.test A 192.0.2.1")
        => _exchangers = exchangers;

    /// <summary>A server on loopback for a zone.</summary>
    public NameServer(string zone)
        : this(new IPEndPoint(IPAddress.Loopback, 0), zone)
    {
    }

    /// <summary>A server for a zone.</summary>
    public NameServer(IPEndPoint address, string zone)
    {
        _zone.AddRange(zone.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        (_udp, _tcp) = Bind(address);
        _ = ServeUdpAsync();
        _ = ServeTcpAsync();
    }

    // One port for both: where the system chose one for UDP that TCP does not have free, another.
    private static (Socket Udp, TcpListener Tcp) Bind(IPEndPoint address)
    {
        for (int tries = 0; ; tries++)
        {
            var udp = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            TcpListener? tcp = null;
            try
            {
                udp.Bind(address);
                tcp = new TcpListener(address.Address, ((IPEndPoint)udp.LocalEndPoint!).Port);
                tcp.Start();
                return (udp, tcp);
            }
            catch (SocketException) when (address.Port == 0 && tries < 20)
            {
                udp.Dispose();
                tcp?.Dispose();
            }
        }
    }

    public int Port => ((IPEndPoint)_udp.LocalEndPoint!).Port;

    /// <summary>0 for an answer; 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.</summary>
    public int ResponseCode { get; set; }

    /// <summary>What was asked so far, each as <c>mx.test A</c>.</summary>
    public ConcurrentQueue<string> Questions { get; } = new();

    public void Dispose()
    {
        _udp.Dispose();
        _tcp.Dispose();
    }

    private async Task ServeUdpAsync()
    {
        var octets = new byte[2048];
        var from = new IPEndPoint(_udp.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        try
        {
            while (true)
            {
                var question = await _udp.ReceiveFromAsync(octets.AsMemory(), from);
                if (Answer(octets.AsSpan(0, question.ReceivedBytes)) is { } answer)
                {
                    // Cut at 512, with TC set: it comes over TCP.
                    byte[] sent = answer.Length <= 512 ? answer
                        : [answer[0], answer[1], (byte)(answer[2] | 2), .. answer[3..6], 0, 0, .. answer[8..QuestionEnd(answer)]];
                    await _udp.SendToAsync(sent, question.RemoteEndPoint);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeTcpAsync()
    {
        try
        {
            while (true)
            {
                using var client = await _tcp.AcceptTcpClientAsync();
                var stream = client.GetStream();
                var length = new byte[2];
                await stream.ReadExactlyAsync(length);
                var question = new byte[(length[0] << 8) | length[1]];
                await stream.ReadExactlyAsync(question);
                if (Answer(question) is { } answer)
                {
                    await stream.WriteAsync((byte[])[(byte)(answer.Length >> 8), (byte)answer.Length, .. answer]);
                }
            }
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
        }
    }

    private static int QuestionEnd(ReadOnlySpan<byte> message)
    {
        int end = 12;
        while (message[end] != 0)
        {
            end += message[end] + 1;
        }

        return end + 5;
    }

    private byte[]? Answer(ReadOnlySpan<byte> query)
    {
        int end = QuestionEnd(query);
        var labels = new List<string>();
        for (int at = 12; query[at] != 0; at += query[at] + 1)
        {
            labels.Add(Encoding.ASCII.GetString(query.Slice(at + 1, query[at])).ToLowerInvariant());
        }

        var name = string.Join('.', labels);
        int type = query[end - 3];
        Questions.Enqueue($"{name} {Types.First(t => t.Value == type).Key}");
        var (code, records) = _exchangers is not null && type == 15
            ? (0, _exchangers.Select(e => (name, 15, $"{e.Preference} {e.Name}")).ToList()) : Find(name, type);
        code = ResponseCode > 0 ? ResponseCode : code;
        if (code == -1)
        {
            return null;
        }

        var answer = new List<byte>(query[..end].ToArray());
        (answer[2], answer[3], answer[7], answer[9], answer[11]) = (0x81, (byte)(0x80 | Math.Max(code, 0)), (byte)records.Count, 0, 0);
        if (code == -2)
        {
            // Neither authoritative nor recursive, and nothing in it.
            answer[3] = 0;
        }
        else if (code == -3)
        {
            answer[13] ^= 1;
        }

        foreach (var (owner, kind, data) in records)
        {
            byte[] rdata = kind switch
            {
                1 or 28 => IPAddress.Parse(data).GetAddressBytes(),
                5 => Encode(data),
                _ => [0, byte.Parse(data.Split(' ')[0], CultureInfo.InvariantCulture),
                    .. Encode(data[(data.IndexOf(' ', StringComparison.Ordinal) + 1)..])],
            };
            answer.AddRange([.. Encode(owner), 0, (byte)kind, 0, 1, 0, 0, 0, 0, (byte)(rdata.Length >> 8), (byte)rdata.Length, .. rdata]);
        }

        return [.. answer];
    }

    private (int Code, List<(string Owner, int Type, string Data)> Records) Find(string name, int type)
    {
        var records = new List<(string, int, string)>();
        for (int depth = 0; depth < 4; depth++)
        {
            var lines = _zone.Where(l => l[0] == name).ToList();
            if (lines.Count == 0)
            {
                lines = _zone.Where(l => l[0].StartsWith('*') && name.EndsWith(l[0][1..], StringComparison.Ordinal)).ToList();
            }

            var failure = lines.FirstOrDefault(l => Codes.ContainsKey(l[^1]) && (l.Length == 2 || Types[l[1]] == type));
            if (failure is not null || lines.Count == 0)
            {
                return (failure is null ? 3 : Codes[failure[^1]], failure is null || Codes[failure[^1]] == -3 ? records : []);
            }

            bool all = lines.Any(l => l[1] == "ALL");
            records.AddRange(lines.Where(l => l.Length > 2 && (Types[l[1]] == type || all) && !Codes.ContainsKey(l[^1]))
                .Select(l => (name, Types[l[1]], string.Join(' ', l[2..]))));
            if (lines.FirstOrDefault(l => l[1] == "CNAME") is not { } alias)
            {
                break;
            }

            records.Add((name, 5, alias[2]));
            name = alias[2];
        }

        return (0, records);
    }

    // A dot by itself is the root; \DDD is an octet of a label.
    private static byte[] Encode(string name)
    {
        var encoded = new List<byte>();
        foreach (var label in name.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            var octets = new List<byte>();
            for (int i = 0; i < label.Length; i++)
            {
                bool isEscaped = label[i] == '\\';
                octets.Add(isEscaped ? byte.Parse(label.AsSpan(i + 1, 3), CultureInfo.InvariantCulture) : (byte)label[i]);
                i += isEscaped ? 3 : 0;
            }

            encoded.Add((byte)octets.Count);
            encoded.AddRange(octets);
        }

        return [.. encoded, 0];
    }
}

using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>A record on its way through a <see cref="TamperingProxy"/>.</summary>
internal sealed record Rec(RecordType Type, byte[] Data)
{
    /// <summary>The length of its inner; 0 for the usual padding.</summary>
    public int Inner { get; init; }

    /// <summary>Whether it verified when it came.</summary>
    public bool Verified { get; init; } = true;

    /// <summary>Octets to send in its place, as they are.</summary>
    public byte[]? Raw { get; init; }

    /// <summary>Changes the sealed record.</summary>
    public Action<byte[]>? Tamper { get; init; }

    /// <summary>Whether it goes on its way only when the port has answered what went before it.</summary>
    public bool Waits { get; init; }

    /// <summary>Whether its data becomes its sender's right verify_data.</summary>
    public bool Finishes { get; init; }

    /// <summary>Whether it is no record but the end of the connection.</summary>
    public bool Ends { get; init; }

    public string Text => Encoding.Latin1.GetString(Data);

    public static Rec Line(string text) => new(RecordType.Data, Encoding.Latin1.GetBytes(text));
}

/// <summary>
/// What a faulty port does otherwise than the reference that it is made of. "Port" is the reference's side, "peer" the suite's.
/// </summary>
internal sealed class Mutations
{
    /// <summary>
    /// Answers a peer's plaintext line in the port's place; null passes it on. The text has its own CRLFs; a <c>\0</c> at the end closes.
    /// </summary>
    public Func<string, string?>? Answer { get; init; }

    /// <summary>Changes a plaintext line of the port; null drops it, CRLFs inside make several, a <c>\0</c> at the end closes.</summary>
    public Func<string, string?>? PortLine { get; init; }

    /// <summary>Changes a plaintext line of the peer; null drops it.</summary>
    public Func<string, string?>? PeerLine { get; init; }

    /// <summary>Changes a record of the port.</summary>
    public Func<Rec, IEnumerable<Rec>>? PortRecord { get; init; }

    /// <summary>Changes a record of the peer. One that did not verify is dropped with the connection unless this takes it.</summary>
    public Func<Rec, IEnumerable<Rec>>? PeerRecord { get; init; }

    /// <summary>Told of every segment of the peer.</summary>
    public Action? PeerSpoke { get; init; }

    /// <summary>Changes the octets of the peer after the upgrade, as the transport brought them.</summary>
    public Func<byte[], byte[]>? PeerSegment { get; init; }

    /// <summary>The session's secrets as the port has them, from its first record on, if the port tells its shared secrets.</summary>
    public KeySchedule? Keys { get; set; }

    /// <summary>
    /// Records that the port gets before it sees the peer's end; given how many octets wait of a record that did not come whole.
    /// </summary>
    public Func<int, IEnumerable<Rec>>? BeforePeerEnd { get; init; }

    /// <summary>Whether more octets of the peer's came in one segment with the plaintext line that it looks at.</summary>
    public bool HasMore { get; set; }

    /// <summary>The suite of the peer's, or the port's, last XBLACKPONY command, in upper case.</summary>
    public string Suite { get; set; } = "";

    /// <summary>The port's end comes to the peer as a reset, behind all that it sent.</summary>
    public bool EndsByReset { get; set; }

    /// <summary>The port's end comes to the peer as FIN, and what the peer sends then is answered with a reset.</summary>
    public bool ClosesForGood { get; set; }

    /// <summary>The port's end is kept from the peer.</summary>
    public bool HidesPortEnd { get; set; }

    /// <summary>Whether records are opened at all.</summary>
    public bool NeedsRecords => PortRecord is not null || PeerRecord is not null || BeforePeerEnd is not null;
}

/// <summary>The secrets of the reference's sessions, by transcript hash.</summary>
internal sealed class Secrets : IKeyLog
{
    private readonly ConcurrentDictionary<string, byte[]> _secrets = new();

    /// <summary>The results of the reference's key exchanges, if it tells them.</summary>
    public ConcurrentBag<byte[]> Shared { get; } = [];

    public void Log(string line)
    {
        var fields = line.Split(' ');
        _secrets[fields[0] + fields[1]] = Convert.FromHexString(fields[2]);
    }

    /// <summary>Both first traffic secrets of a session; null until the reference has told both.</summary>
    public (byte[] Client, byte[] Server)? Find(byte[] th)
    {
        var id = Convert.ToHexStringLower(th);
        return _secrets.TryGetValue("BLACKPONY_CLIENT_TRAFFIC_SECRET_0" + id, out var client)
            && _secrets.TryGetValue("BLACKPONY_SERVER_TRAFFIC_SECRET_0" + id, out var server) ? (client, server) : null;
    }

    /// <summary>All secrets of a session; null if the reference does not tell its shared secrets.</summary>
    public KeySchedule? Schedule(Suite suite, byte[] th) =>
        Shared.Select(s => new KeySchedule(suite.Name, s, th))
            .FirstOrDefault(k => k.ClientTraffic.AsSpan().SequenceEqual(Find(th)?.Client));
}

/// <summary>
/// Stands between the reference and the suite and tampers: so a faulty port is the reference with one requirement broken.
/// It follows the reference's sessions by its key log, and opens and seals records with the reference's own secrets.
/// </summary>
internal sealed class TamperingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<Task> _sessions = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Task<(string Host, int Port)>> _target;
    private readonly Func<Mutations> _hooks;
    private readonly Secrets _secrets;
    private readonly Role _portRole;

    /// <param name="target">Where the shim connects to.</param>
    /// <param name="portRole">Whether the reference is the server behind the shim, or the client before it.</param>
    /// <param name="secrets">The reference's key log.</param>
    /// <param name="hooks">The fault, for each connection anew.</param>
    public TamperingProxy(Func<Task<(string, int)>> target, Role portRole, Secrets secrets, Func<Mutations> hooks)
    {
        (_target, _portRole, _secrets, _hooks) = (target, portRole, secrets, hooks);
        _listener.Start(512);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await Task.WhenAll(_sessions);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync(_stop.Token);
                _sessions.Add(Task.Run(() => RunAsync(socket)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
        {
        }
    }

    private async Task RunAsync(Socket accepted)
    {
        using var connected = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (accepted)
        {
            accepted.NoDelay = true;
            try
            {
                var (host, port) = await _target();

                // The suite sees where a relay's connection to its mail server came from.
                if (((IPEndPoint)accepted.RemoteEndPoint!).Address is var from && !from.Equals(IPAddress.Loopback))
                {
                    connected.Bind(new IPEndPoint(from, 0));
                }

                await connected.ConnectAsync(host, port, _stop.Token);
                var (peer, reference) = _portRole == Role.Server ? (accepted, connected) : (connected, accepted);
                using var session = new Session(reference, peer, _portRole, _secrets, _hooks(), _stop.Token);
                await session.RunAsync();
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
            {
            }
        }
    }

    private sealed class Session(Socket port, Socket peer, Role portRole, Secrets secrets, Mutations hooks,
        CancellationToken cancel) : IDisposable
    {
        private readonly SemaphoreSlim _turn = new(1);
        private readonly Flow _fromPort = new(port, peer);
        private readonly Flow _fromPeer = new(peer, port);
        private readonly List<byte[]> _transcript = [];

        // What was refused with 504 since the offer.
        private readonly List<byte[]> _refused = [];
        private string _offer = "";
        private string _suite = "";
        private bool _upgrading;
        private bool _starttls;
        private bool _raw;
        private byte[]? _th;
        private int _segmentsOfPort;

        private bool PortIsServer => portRole == Role.Server;

        public void Dispose() => _turn.Dispose();

        public Task RunAsync() => Task.WhenAll(PumpAsync(_fromPort, null), PumpAsync(_fromPeer, hooks.BeforePeerEnd));

        private async Task PumpAsync(Flow flow, Func<int, IEnumerable<Rec>>? beforeEnd)
        {
            var octets = new byte[65536];
            int count;
            do
            {
                try
                {
                    count = await flow.From.ReceiveAsync(octets.AsMemory(), cancel);
                }
                catch (SocketException)
                {
                    count = 0;
                }

                if (flow == _fromPort)
                {
                    Interlocked.Increment(ref _segmentsOfPort);
                }

                await _turn.WaitAsync(cancel);
                try
                {
                    var segment = octets[..count];
                    if (flow == _fromPeer)
                    {
                        hooks.PeerSpoke?.Invoke();
                    }

                    flow.Waiting = [.. flow.Waiting,
                        .. flow == _fromPeer && _th is not null && count > 0 && hooks.PeerSegment is { } change
                            ? change(segment)
                            : segment];
                    await StepAsync(flow, count == 0);
                    if (count == 0)
                    {
                        foreach (var rec in flow.Writer is null || beforeEnd is null ? [] : beforeEnd(flow.Waiting.Length))
                        {
                            Write(flow, rec);
                        }
                    }

                    await FlushAsync();
                }
                finally
                {
                    _turn.Release();
                }
            }
            while (count > 0);
            if (hooks.EndsByReset && flow == _fromPort)
            {
                flow.To.LingerState = new LingerOption(true, 0);
                flow.To.Close();
            }
            else if (hooks.ClosesForGood && flow == _fromPort)
            {
                flow.To.Shutdown(SocketShutdown.Send);
                flow.To.Close();
            }
            else if (!hooks.HidesPortEnd || flow != _fromPort)
            {
                try
                {
                    flow.To.Shutdown(SocketShutdown.Send);
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                }
            }
        }

        private async Task FlushAsync()
        {
            foreach (var flow in (Flow[])[_fromPort, _fromPeer])
            {
                var octets = flow.Output.ToArray();
                flow.Output.SetLength(0);
                try
                {
                    await SendAsync(flow.To, octets);
                    if (flow.Closes)
                    {
                        flow.To.Shutdown(SocketShutdown.Both);
                    }
                }
                catch (SocketException)
                {
                    // The other side is gone; its end comes by its own pump.
                }
            }
        }

        private async Task StepAsync(Flow flow, bool ended)
        {
            while (!_raw && _th is null)
            {
                int end = flow.Waiting.AsSpan().IndexOf("\r\n"u8);
                if (end < 0)
                {
                    if (ended || flow.Waiting.Length > 70_000)
                    {
                        flow.PassAll();
                    }

                    return;
                }

                var line = Encoding.Latin1.GetString(flow.Waiting, 0, end);
                flow.Waiting = flow.Waiting[(end + 2)..];
                if (flow == _fromPort)
                {
                    OnPortLine(line);
                }
                else
                {
                    hooks.HasMore = flow.Waiting.Length > 0;
                    OnPeerLine(line);
                }
            }

            if (_th is not null && !_raw && hooks.NeedsRecords)
            {
                await RecordsAsync(flow);
            }
            else
            {
                flow.PassAll();
            }
        }

        private void OnPeerLine(string line)
        {
            if (hooks.Answer?.Invoke(line) is { } answer)
            {
                _fromPort.Output.Write(Encoding.Latin1.GetBytes(answer.TrimEnd('\0')));
                _fromPort.Closes |= answer.EndsWith('\0');
                return;
            }

            var text = hooks.PeerLine is null ? line : hooks.PeerLine(line);
            if (text is not null)
            {
                _fromPeer.Output.Write(Encoding.Latin1.GetBytes(text + "\r\n"));
                foreach (var seen in text.Split("\r\n"))
                {
                    Follow(seen, fromServer: !PortIsServer);
                }
            }
        }

        private void OnPortLine(string line)
        {
            // Followed as the port sent it: that is what it hashes.
            Follow(line, fromServer: PortIsServer);
            var text = hooks.PortLine is null ? line : hooks.PortLine(line);
            if (text is not null)
            {
                _fromPort.Output.Write(Encoding.Latin1.GetBytes(text.TrimEnd('\0') + "\r\n"));
                _fromPort.Closes |= text.EndsWith('\0');
            }
        }

        private void Follow(string line, bool fromServer)
        {
            if (fromServer)
            {
                // The first such line of the last EHLO reply is the offer.
                if (!_upgrading && _offer.Length == 0 && line.Length > 4
                    && line[4..].StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase))
                {
                    _offer = line[4..];
                }
                else if (_upgrading
                    && (line.StartsWith("334", StringComparison.Ordinal) || line.StartsWith("220", StringComparison.Ordinal)))
                {
                    _transcript.Add(Encoding.Latin1.GetBytes(line));
                    if (line.StartsWith("220 ", StringComparison.Ordinal))
                    {
                        _upgrading = false;
                        var hash = new TranscriptHash();
                        _transcript.ForEach(l => hash.Add(l));
                        _th = _suite == "ROT" ? null : hash.Finish();
                    }
                }
                else if (_upgrading && line.StartsWith("504-", StringComparison.Ordinal))
                {
                    _transcript.Add(Encoding.Latin1.GetBytes(line));
                }
                else if (_upgrading && line.Length > 3 && line[3] == ' ')
                {
                    if (line.StartsWith("504", StringComparison.Ordinal))
                    {
                        _refused.AddRange([.. _transcript.Skip(1 + _refused.Count), Encoding.Latin1.GetBytes(line)]);
                    }

                    _upgrading = false;
                }
                else if (_starttls && line.StartsWith("220", StringComparison.Ordinal))
                {
                    _raw = true;
                }
            }
            else if (line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase) && line.Split(' ') is { Length: > 3 } fields)
            {
                _upgrading = true;
                _suite = fields[2].ToUpperInvariant();
                hooks.Suite = _suite;
                _transcript.Clear();
                _transcript.AddRange([Encoding.Latin1.GetBytes(_offer), .. _refused, Encoding.Latin1.GetBytes(line)]);
            }
            else if (_upgrading)
            {
                _transcript.Add(Encoding.Latin1.GetBytes(line));
            }
            else
            {
                if (line.StartsWith("EHLO ", StringComparison.OrdinalIgnoreCase))
                {
                    _offer = "";
                    _refused.Clear();
                }

                _starttls = line.Equals("STARTTLS", StringComparison.OrdinalIgnoreCase);
            }
        }

        private async Task RecordsAsync(Flow flow)
        {
            if (flow.Waiting.Length == 0)
            {
                return;
            }

            if (flow.Reader is null)
            {
                // Before the first record is read its 220 must have reached the port.
                await FlushAsync();
                var suite = SuiteRegistry.Find(_suite)!;
                (byte[] Client, byte[] Server)? found = null;
                for (int i = 0; i < 1000 && found is null; i++)
                {
                    // A port that found the share invalid ends, and has no secrets.
                    bool ended = port.Poll(0, SelectMode.SelectRead) && port.Available == 0;
                    found = secrets.Find(_th!);
                    if (found is null && ended)
                    {
                        break;
                    }

                    await Task.Delay(found is null ? 5 : 0, cancel);
                }

                if (found is not var (client, server))
                {
                    _raw = true;
                    flow.PassAll();
                    return;
                }

                hooks.Keys = secrets.Schedule(suite, _th!);
                var (ports, peers) = PortIsServer ? (server, client) : (client, server);
                (_fromPort.Reader, _fromPort.Writer) = (new Direction(suite, ports), new Direction(suite, ports));
                (_fromPeer.Reader, _fromPeer.Writer) = (new Direction(suite, peers), new Direction(suite, peers));
            }

            while (flow.Waiting.Length >= 2)
            {
                int length = BinaryPrimitives.ReadUInt16BigEndian(flow.Waiting);
                int tag = flow.Reader!.TagLength;
                if (length < 1 + tag || length > Limits.MaxInner + tag)
                {
                    var bad = new Rec(0, []) { Verified = false, Raw = flow.Waiting };
                    flow.Waiting = [];
                    await EmitAsync(flow, bad);
                    return;
                }

                if (flow.Waiting.Length < 2 + length)
                {
                    return;
                }

                var raw = flow.Waiting[..(2 + length)];
                flow.Waiting = flow.Waiting[(2 + length)..];
                await EmitAsync(flow, flow.Reader.Open(raw));
            }
        }

        private async Task EmitAsync(Flow flow, Rec rec)
        {
            var hook = flow == _fromPort ? hooks.PortRecord : hooks.PeerRecord;
            foreach (var next in hook is null ? [rec] : hook(rec))
            {
                if (next.Waits)
                {
                    // The answer is received while this waits, and looked at afterwards.
                    int answers = Volatile.Read(ref _segmentsOfPort);
                    await FlushAsync();
                    for (int i = 0; i < 1000 && Volatile.Read(ref _segmentsOfPort) == answers; i++)
                    {
                        await Task.Delay(5, cancel);
                    }
                }

                Write(flow, next);
            }
        }

        private void Write(Flow flow, Rec rec)
        {
            var sender = flow == _fromPort == PortIsServer ? Role.Server : Role.Client;
            flow.Write(rec.Finishes
                ? new Rec(RecordType.Finished, secrets.Schedule(SuiteRegistry.Find(_suite)!, _th!)!.Finished(sender))
                : rec);
        }

        private async Task SendAsync(Socket socket, ReadOnlyMemory<byte> octets)
        {
            for (; !octets.IsEmpty;)
            {
                octets = octets[await socket.SendAsync(octets, cancel)..];
            }
        }
    }

    /// <summary>One direction through the shim.</summary>
    private sealed class Flow(Socket from, Socket to)
    {
        public Socket From { get; } = from;

        public Socket To { get; } = to;

        public byte[] Waiting { get; set; } = [];

        public MemoryStream Output { get; } = new();

        public bool Closes { get; set; }

        public Direction? Reader { get; set; }

        public Direction? Writer { get; set; }

        public void PassAll()
        {
            Output.Write(Waiting);
            Waiting = [];
        }

        public void Write(Rec rec)
        {
            if (rec.Ends)
            {
                Closes = true;
                return;
            }

            if (rec.Raw is not null)
            {
                Output.Write(rec.Raw);
                return;
            }

            var record = Writer!.Seal(rec);
            rec.Tamper?.Invoke(record);
            Output.Write(record);
        }
    }

    /// <summary>Keys and count of one direction, with no rule of its own.</summary>
    private sealed class Direction(Suite suite, byte[] secret)
    {
        private byte[] _secret = secret;
        private RecordProtection _protection = suite.Protect(secret);
        private ulong _seq;

        public int TagLength => _protection.TagLength;

        public Rec Open(byte[] raw)
        {
            var record = (byte[])raw.Clone();
            bool good = _protection.Open(_seq, record);
            byte[] inner;
            if (good)
            {
                inner = record[2..^TagLength];
            }
            else
            {
                // The key stream is what zeros are sealed to.
                var stream = new byte[raw.Length];
                _protection.Seal(_seq, stream);
                inner = [.. raw[2..^TagLength].Zip(stream[2..^TagLength], (a, b) => (byte)(a ^ b))];
            }

            _seq++;
            int last = inner.AsSpan().LastIndexOfAnyExcept((byte)0);
            var rec = new Rec(last < 0 ? 0 : (RecordType)inner[last], last < 0 ? [] : inner[..last])
            {
                Inner = inner.Length,
                Verified = good,
                Raw = good && last >= 0 ? null : raw,
            };
            if (good && rec.Type == RecordType.Rekey)
            {
                Rekey();
            }

            return rec;
        }

        public byte[] Seal(Rec rec)
        {
            int usual = Math.Min((rec.Data.Length + Limits.PadTo) / Limits.PadTo * Limits.PadTo, Limits.MaxInner);
            var inner = new byte[Math.Max(rec.Inner == 0 ? usual : rec.Inner, rec.Data.Length + 1)];
            rec.Data.CopyTo(inner, 0);
            inner[rec.Data.Length] = (byte)rec.Type;
            var record = new byte[2 + inner.Length + TagLength];
            BinaryPrimitives.WriteUInt16BigEndian(record, (ushort)(record.Length - 2));
            inner.CopyTo(record, 2);
            _protection.Seal(_seq++, record);
            if (rec.Type == RecordType.Rekey)
            {
                Rekey();
            }

            return record;
        }

        private void Rekey()
        {
            _secret = KeySchedule.ExpandLabel(_secret, "upd", [], KeySchedule.SecretLength);
            _protection = suite.Protect(_secret);
            _seq = 0;
        }
    }
}

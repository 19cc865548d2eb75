using System.Buffers.Binary;
using System.Net;
using BlackPony.Reference;
using BlackPony.Traces.Network;

namespace BlackPony.Traces.Sessions;

/// <summary>Decides by content (or by a port) whether a connection is SMTP and who is the client, and then follows it.</summary>
internal sealed class SessionObserver : IStreams
{
    private const int MaxUndecided = 2048;
    private const int MaxUndecidedPieces = 12;

    private readonly IPEndPoint[] _ends;
    private readonly SessionOpening _opening;
    private readonly long _start;
    private List<(int Side, byte[] Octets, long Time)>? _undecided = [];
    private int _undecidedOctets;
    private int _clientSide;
    private Session? _session;
    private Layer? _layer;
    private bool _tunnel;
    private readonly bool[] _spoke = new bool[2];

    public SessionObserver(IPEndPoint first, IPEndPoint second, long start, SessionOpening opening)
    {
        (_ends, _start, _opening) = ([first, second], start, opening);
    }

    public bool IsIgnored { get; private set; }

    public void Data(int side, ReadOnlySpan<byte> octets, long time)
    {
        if (!_spoke[side])
        {
            _spoke[side] = true;
            octets = BehindProxyHeader(octets);
            if (octets.IsEmpty)
            {
                return;
            }
        }

        if (_layer is null)
        {
            if (!IsIgnored)
            {
                Decide(side, octets, time);
            }

            return;
        }

        Pass(side, octets, time);
    }

    public void Gap(int side, long length, bool cut, long time)
    {
        if (_layer is null)
        {
            if (!IsIgnored && IsSmtpPort(out int client))
            {
                Begin(client, time);
            }
            else
            {
                return;
            }
        }

        var sender = Of(side);
        var report = _session!.Report;
        report.Gaps++;
        if (cut)
        {
            _session.FindOnce(FindingKind.CutPacket, sender, $"Packets are cut short in the capture; the first lacks {length} octets.");
        }
        else
        {
            _session.Find(FindingKind.Gap, sender, $"{length} octets of the {sender.Name()} are not in the capture.");
        }

        if (report.Dialogue is not null)
        {
            report.Say(time, sender, false, "(gap)", length);
        }

        _session.Recorder?.Comment($"{length} octets of the {sender.Name()} are not in the capture");
        Count(sender, length);
        _layer!.Gap(sender, length, cut, time);
    }

    public void End(int side, bool reset, long time)
    {
        if (_layer is not null)
        {
            _session!.Report.End = Math.Max(_session.Report.End, time);
            _layer.End(Of(side), reset, time);
            _session.Recorder?.End(Of(side));
        }
    }

    public void Finish()
    {
        if (_layer is null && !IsIgnored && _undecided is { Count: > 0 } && IsSmtpPort(out int client))
        {
            Begin(client, _undecided[0].Time);
        }

        _layer?.Finish();
        _undecided = null;
        if (_session is not null)
        {
            _opening.Done(_session.Report);
        }
        else if (!IsIgnored)
        {
            _opening.Done(null);
        }

        IsIgnored = true;
    }

    private Role Of(int side) => side == _clientSide ? Role.Client : Role.Server;

    private void Count(Role sender, long octets)
    {
        if (sender == Role.Client)
        {
            _session!.Report.ClientOctets += octets;
        }
        else
        {
            _session!.Report.ServerOctets += octets;
        }
    }

    private void Pass(int side, ReadOnlySpan<byte> octets, long time)
    {
        var sender = Of(side);
        _session!.Report.End = Math.Max(_session.Report.End, time);
        _layer!.Octets(sender, octets, time);
        Count(sender, octets.Length);
    }

    private void Decide(int side, ReadOnlySpan<byte> octets, long time)
    {
        _undecided!.Add((side, octets.ToArray(), time));
        _undecidedOctets += octets.Length;
        if (_tunnel)
        {
            BehindTunnel();
            return;
        }

        if (octets.StartsWith("CONNECT "u8))
        {
            _tunnel = true;
            _clientSide = side;
            return;
        }

        if (IsSmtpPort(out int client))
        {
            Begin(client, time);
            return;
        }

        int end = octets.IndexOf((byte)'\n');
        var line = (end < 0 ? octets : octets[..end]).TrimEnd((byte)'\r');
        if (Verbs.IsUnmistakable(line))
        {
            Begin(side, time);
        }
        else if (line.StartsWith("220"u8) && Verbs.Contains(line[..Math.Min(line.Length, 512)], "SMTP"u8))
        {
            Begin(1 - side, time);
        }
        else if (_undecided.Count >= MaxUndecidedPieces || _undecidedOctets > MaxUndecided || IsKnownOther(line))
        {
            Ignore();
        }
    }

    // What says at once that it is something else.
    private static bool IsKnownOther(ReadOnlySpan<byte> line) =>
        line is [TlsLayer.Handshake, 3, ..] || line.StartsWith("SSH-"u8) || line.StartsWith("GET "u8) || line.StartsWith("POST "u8) || line.StartsWith("HTTP/"u8)
        || line.StartsWith("USER "u8) || line.StartsWith("+OK"u8) || line.StartsWith("* OK"u8);

    private void BehindTunnel()
    {
        // Behind the blank line of the proxy's reply the server speaks.
        byte[] server = [.. _undecided!.Where(p => p.Side != _clientSide).SelectMany(p => p.Octets)];
        int end = server.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0 || server.Length == end + 4)
        {
            if (_undecidedOctets > 8 * MaxUndecided)
            {
                Ignore();
            }

            return;
        }

        byte[] client = [.. _undecided!.Where(p => p.Side == _clientSide).SelectMany(p => p.Octets)];
        int clientEnd = client.AsSpan().IndexOf("\r\n\r\n"u8);
        var rest = server.AsSpan(end + 4);
        if (clientEnd < 0 || !rest.StartsWith("220"u8))
        {
            Ignore();
            return;
        }

        long time = _undecided![^1].Time;
        _undecided = [];
        if (clientEnd + 4 < client.Length)
        {
            _undecided.Add((_clientSide, client[(clientEnd + 4)..], time));
        }

        _undecided.Add((1 - _clientSide, rest.ToArray(), time));
        Begin(_clientSide, time);
        _session!.Find(FindingKind.Tunnel, Role.Client, $"SMTP through an HTTP proxy: {Escape.Octets(client.AsSpan(0, client.AsSpan().IndexOf((byte)'\r')), 80)}");
    }

    private void Ignore()
    {
        (IsIgnored, _undecided) = (true, null);
        _opening.Done(null);
    }

    // The port that was connected to; where nobody saw that, either.
    private bool IsSmtpPort(out int clientSide)
    {
        clientSide = _opening.Options.IsSmtp(_ends[1].Port) ? 0 : 1;
        return clientSide == 0 || (!_opening.OpeningSeen && _opening.Options.IsSmtp(_ends[0].Port));
    }

    // Told by a balancer in front of the server (haproxy's PROXY protocol, version 2).
    private static ReadOnlySpan<byte> BehindProxyHeader(ReadOnlySpan<byte> octets)
    {
        if (octets.Length < 16 || !octets.StartsWith("\r\n\r\n\0\r\nQUIT\n"u8))
        {
            return octets;
        }

        int length = 16 + BinaryPrimitives.ReadUInt16BigEndian(octets[14..]);
        return octets[Math.Min(length, octets.Length)..];
    }

    private void Begin(int clientSide, long time)
    {
        _clientSide = clientSide;
        var pieces = _undecided!;
        _undecided = null;
        _session = _opening.Begin(_ends[clientSide].ToString(), _ends[1 - clientSide].ToString(), pieces.Count > 0 ? Math.Min(pieces[0].Time, _start) : time);
        _layer = new SmtpDialogue(_session, inside: false);
        if (!_session.OpeningSeen)
        {
            _session.Find(FindingKind.Midstream, Role.Client, "The beginning of the connection is not in the capture.");
        }

        foreach (var piece in pieces)
        {
            Pass(piece.Side, piece.Octets, piece.Time);
        }

        if (pieces.Count > 0 && (pieces[0].Octets is [> 127, ..] or [< 9, ..] || IsKnownOther(pieces[0].Octets)))
        {
            _session.FindOnce(FindingKind.NotSmtp, Of(pieces[0].Side), $"Octets on an SMTP port that are no SMTP: {Escape.Octets(pieces[0].Octets, 40)}");
        }
    }
}

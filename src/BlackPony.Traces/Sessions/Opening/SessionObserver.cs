using System.Net;
using BlackPony.Reference;
using BlackPony.Traces.Network;

namespace BlackPony.Traces.Sessions;

/// <summary>Decides by content (or by a port) whether a connection is SMTP, behind what proxies, and who is the client; and then follows
/// it.</summary>
internal sealed class SessionObserver : IStreams
{
    private const int MaxUndecided = 2048;
    private const int MaxPrologue = 32768;
    private const int MaxUndecidedPieces = 12;
    private const int MaxPrologues = 4;

    private readonly IPEndPoint[] _ends;
    private readonly SessionOpening _opening;
    private readonly long _start;
    private readonly bool[] _spoke = new bool[2];
    private readonly byte[]?[] _header = new byte[2][];
    private readonly List<ProloguePart> _parts = [];
    private List<(int Side, byte[] Octets, long Time)>? _undecided = [];
    private int _undecidedOctets;
    private int _clientSide;
    private int _prologues;
    private int _targetPort;
    private string? _via;
    private bool _isTunnelled;
    private Session? _session;
    private Layer? _layer;

    public SessionObserver(IPEndPoint first, IPEndPoint second, long start, SessionOpening opening)
    {
        (_ends, _start, _opening) = ([first, second], start, opening);
    }

    public bool IsIgnored { get; private set; }

    public void Data(int side, ReadOnlySpan<byte> octets, long time)
    {
        if (!_spoke[side])
        {
            octets = BehindHeader(side, octets);
            if (octets.IsEmpty)
                return;
        }

        if (_layer is not null)
        {
            Pass(side, octets, time);
        }
        else if (!IsIgnored)
        {
            _undecided!.Add((side, octets.ToArray(), time));
            _undecidedOctets += octets.Length;
            Decide(over: false);
        }
    }

    public void Gap(int side, long length, bool cut, long time)
    {
        if (_layer is null)
        {
            if (IsIgnored || !IsSmtpPort(out int client))
                return;

            Begin(client, time);
        }

        var sender = Of(side);
        var report = _session!.Report;
        report.Gaps++;
        if (cut)
            _session.FindOnce(FindingKind.CutPacket, sender, $"Packets are cut short in the capture; the first lacks {length} octets.");
        else
            _session.Find(FindingKind.Gap, sender, $"{length} octets of the {sender.Name()} are not in the capture.");

        if (report.Dialogue is not null)
            report.Say(time, sender, false, "(gap)", length);

        _session.Recorder?.Gap(sender, length, cut, time);
        _session.Tap?.Gap(sender, length, cut, time);
        Count(sender, length);
        _layer!.Gap(sender, length, cut, time);
    }

    public void End(int side, bool reset, long time)
    {
        if (_layer is not null)
        {
            _session!.Report.End = Math.Max(_session.Report.End, time);
            _layer.End(Of(side), reset, time);
            _session.Recorder?.End(Of(side), reset, time);
            _session.Tap?.End(Of(side), reset, time);
        }
    }

    public void Finish()
    {
        for (int side = 0; side < 2; side++)
        {
            if (_header[side] is { } header && !IsIgnored)
            {
                // It was none, or its end was not captured.
                (_header[side], _spoke[side]) = (null, true);
                Data(side, header, _start);
            }
        }

        if (_layer is null && !IsIgnored && _undecided is { Count: > 0 })
            Decide(over: true);

        _layer?.Finish();
        _session?.Recorder?.Finish();
        _session?.Tap?.Finish();
        _undecided = null;
        if (_session is not null)
            _opening.Done(_session.Report);
        else if (!IsIgnored)
            _opening.Done(null);

        IsIgnored = true;
    }

    private Role Of(int side) => side == _clientSide ? Role.Client : Role.Server;

    private void Count(Role sender, long octets)
    {
        if (sender == Role.Client)
            _session!.Report.ClientOctets += octets;
        else
            _session!.Report.ServerOctets += octets;
    }

    private void Pass(int side, ReadOnlySpan<byte> octets, long time)
    {
        var sender = Of(side);
        _session!.Report.End = Math.Max(_session.Report.End, time);
        _session.Tap?.Octets(sender, octets, time);
        _layer!.Octets(sender, octets, time);
        Count(sender, octets.Length);
    }

    private byte[] All(int side) => [.. _undecided!.Where(p => p.Side == side).SelectMany(p => p.Octets)];

    private void Decide(bool over)
    {
        if (_prologues < MaxPrologues && !IsReplyLike(_undecided![0].Octets) && InPrologue(over))
            return;

        int opener = _undecided![0].Side;
        byte[] first = All(opener);
        byte[] other = All(1 - opener);
        if (IsSmtpPort(out int client) || (_isTunnelled && _opening.Options.IsSmtp(_targetPort)))
        {
            client = _isTunnelled ? _clientSide : client;
            OnSmtpPort(client, opener, first, other, over);
            return;
        }

        // A part of what may be a hello.
        if (!over && first.Length < 6 && TlsRecords.MayBeHello(first))
            return;

        if (TlsRecords.IsClientHello(first) && _ends[1 - opener].Port == InspectOptions.AlternativePort)
            Begin(opener, _undecided[0].Time);
        else if (Foreign.Of(first) is not null)
            Ignore();
        else
            ByContent(over);
    }

    private void ByContent(bool over)
    {
        var (side, octets, time) = _undecided![^1];
        int end = octets.AsSpan().IndexOf((byte)'\n');
        var line = (end < 0 ? octets : octets.AsSpan(0, end)).TrimEnd((byte)'\r');
        if (Verbs.IsUnmistakable(line))
            Begin(side, time);
        else if (IsGreeting(line) || (over && IsGreeting(All(side))))
            Begin(1 - side, time);
        else if (over || _undecided.Count >= MaxUndecidedPieces || _undecidedOctets > MaxUndecided || Foreign.Of(octets) is not null)
            Ignore();
    }

    private static bool IsGreeting(ReadOnlySpan<byte> line) => line.StartsWith("220"u8)
        && (Verbs.Contains(line[..Math.Min(line.Length, 512)], "SMTP"u8) || Verbs.Contains(line[..Math.Min(line.Length, 512)], "LMTP"u8));

    private static bool IsReplyLike(ReadOnlySpan<byte> octets) => octets.Length >= 3 && octets[0] is >= (byte)'2' and <= (byte)'5'
        && char.IsAsciiDigit((char)octets[1]) && char.IsAsciiDigit((char)octets[2]);

    // On such a port it is SMTP unless it is seen to be something else, and the server does not answer as SMTP does.
    private void OnSmtpPort(int client, int opener, byte[] first, byte[] other, bool over)
    {
        long time = _undecided![0].Time;
        if (!_opening.OpeningSeen)
        {
            // A capture that begins within a TLS connection begins between two records as a rule; on 465 there is nothing else.
            // What a server says in SMTP is text.
            bool isTls = TlsRecords.IsRecord(first)
                || (IsBinary(first) && (opener != client || _ends[1 - client].Port == InspectOptions.ImplicitTlsPort));
            Begin(client, time, isTls: isTls);
            return;
        }

        if (!over && first.Length < 6 && TlsRecords.MayBeHello(first))
            return;

        var what = Foreign.Of(first);
        if (what is null or "TLS" || (opener == client && IsReplyLike(other))
            || (opener != client && Verbs.IsUnmistakable(
            other.AsSpan(0, Math.Max(0, other.AsSpan().IndexOf((byte)'\n'))).TrimEnd((byte)'\r'))))
        {
            Begin(client, time);
        }
        else if (over || other.Length > 3 || opener != client || _undecidedOctets > MaxUndecided)
        {
            Begin(client, time, what);
        }
    }

    private static bool IsBinary(ReadOnlySpan<byte> octets) =>
        octets.ContainsAnyInRange((byte)0, (byte)8) || octets.ContainsAnyInRange((byte)14, (byte)31);

    // Whether octets before SMTP are still coming, or were no SMTP's.
    private bool InPrologue(bool over)
    {
        int opener = _isTunnelled ? _clientSide : _undecided![0].Side;
        var parts = new List<ProloguePart>();
        var client = new Cursor(opener, All(opener), parts);
        var server = new Cursor(1 - opener, All(1 - opener), parts);
        switch (Prologue.Read(client, server, out var target, out int port))
        {
            case Prologue.State.Partial when !over && _undecidedOctets <= MaxPrologue:
                return true;
            case Prologue.State.Refused:
                Ignore();
                return true;
            case Prologue.State.Whole:
                break;
            default:
                return false;
        }

        long time = _undecided![^1].Time;
        (_isTunnelled, _clientSide, _targetPort) = (true, opener, port);
        _prologues++;
        _via = (_via is null ? "" : _via + ", ") + target;
        _parts.AddRange(parts);
        // The server speaks first, unless the client did not wait.
        var rest = new List<(int, byte[], long)>();
        if (server.Left > 0)
            rest.Add((1 - opener, server.Rest.ToArray(), time));

        if (client.Left > 0)
            rest.Add((opener, client.Rest.ToArray(), time));

        (_undecided, _undecidedOctets) = (rest, client.Left + server.Left);
        if (rest.Count > 0)
            Decide(over);

        return true;
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

    // Told by a balancer in front of the server.
    private ReadOnlySpan<byte> BehindHeader(int side, ReadOnlySpan<byte> octets)
    {
        if (_header[side] is { } before)
            octets = (byte[])[.. before, .. octets];

        int length = IsIgnored ? 0 : ProxyHeader.Length(octets);
        if (length < 0)
        {
            _header[side] = octets.ToArray();
            return default;
        }

        (_header[side], _spoke[side]) = (null, true);
        if (length > 0)
        {
            var header = octets[..length].ToArray();
            var parts = ProxyHeader.Parts(side, header);
            var client = ProxyHeader.Client(header);
            _via ??= client is null ? "proxy" : "proxy for " + client;
            if (_session is null)
            {
                _parts.AddRange(parts);
            }
            else
            {
                _session.Report.Via ??= _via;
                Write(parts);
            }
        }

        return octets[length..];
    }

    private void Write(IEnumerable<ProloguePart> parts)
    {
        foreach (var part in parts)
        {
            var sender = Of(part.Side);
            Count(sender, part.Octets.Length);
            _session!.Recorder?.Before(sender, part.Kind, part.Octets, _session.Report.End);
            _session.Tap?.Octets(sender, part.Octets, _session.Report.End);
            if (part.Kind == PartKind.Text && _session.HasDialogue)
                _session.Report.Say(_session.Report.End, sender, false, "(before SMTP)", part.Octets.Length);
        }
    }

    private void Begin(int clientSide, long time, string? foreign = null, bool isTls = false)
    {
        _clientSide = clientSide;
        var pieces = _undecided!;
        _undecided = null;
        _session = _opening.Begin(_ends[clientSide].ToString(), _ends[1 - clientSide].ToString(),
            pieces.Count > 0 ? Math.Min(pieces[0].Time, _start) : time);
        _session.Report.Via = _via;
        _layer = foreign is not null ? new ForeignLayer(_session) : isTls ? TlsLayer.Midstream(_session, _ends[1 - clientSide].Port)
            : new SmtpDialogue(_session, Place.Outside);
        if (!_session.OpeningSeen)
            _session.Find(FindingKind.Midstream, Role.Client, "The beginning of the connection is not in the capture.");

        if (_isTunnelled)
            _session.Find(FindingKind.Tunnel, Role.Client, $"SMTP through a proxy to {_via}.");

        Write(_parts);
        if (foreign is not null)
        {
            _session.FindOnce(FindingKind.NotSmtp, Of(pieces[0].Side),
                $"{(foreign == "binary" ? "Binary octets" : foreign)} on an SMTP port: {Shown(foreign, pieces[0].Octets)}");
        }

        foreach (var piece in pieces)
            Pass(piece.Side, piece.Octets, piece.Time);
    }

    private static string Shown(string foreign, byte[] octets)
    {
        int space = octets.AsSpan().IndexOf((byte)' ');
        return foreign is "HTTP" && space > 0 ? Escape.Octets(octets.AsSpan(0, space), 20)
            : Escape.Octets(octets, foreign == "POP3" ? 4 : 40);
    }
}

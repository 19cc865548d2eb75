using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>TLS: opaque but for its hellos. Where a capture shows the plaintext instead, as decrypting mirrors write it, that is read
/// on.</summary>
internal sealed class TlsLayer : Layer
{
    private readonly Session _session;
    private readonly UpgradeKind _kind;
    private readonly TlsReport _report = new();
    private readonly TlsDirection[] _directions;
    private readonly TlsOpener _opener;
    private SmtpDialogue? _plain;
    private SmtpDialogue? _opened;
    private bool _answeredInPlain;
    private bool _isMidstream;

    public TlsLayer(Session session, UpgradeKind kind)
    {
        (_session, _kind) = (session, kind);
        var parameters = new TlsParameters();
        _opener = new TlsOpener(session, parameters);
        _directions = [.. ((Role[])[Role.Client, Role.Server]).Select(
            r => new TlsDirection(r, _report, parameters, _opener, Opened, Lost))];
    }

    /// <summary>A connection in which TLS began before the capture: on 465 from its first octet, elsewhere after STARTTLS.</summary>
    public static TlsLayer Midstream(Session session, int port)
    {
        var kind = port == InspectOptions.ImplicitTlsPort ? UpgradeKind.Tls : UpgradeKind.StartTls;
        session.Report.Upgrade = kind;
        var layer = new TlsLayer(session, kind) { _isMidstream = true };
        Array.ForEach(layer._directions, d => d.Lose());
        return layer;
    }

    public override void Octets(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (_plain is not null)
        {
            _plain.Octets(sender, octets, time);
            return;
        }

        var direction = _directions[(int)sender];
        bool first = direction.Octets == 0;
        if (direction.IsAtRecord && IsPlain(sender, octets))
        {
            if (_kind == UpgradeKind.StartTls)
            {
                ReadOn(sender, octets, time);
                return;
            }

            AnsweredInPlain(sender, octets, time);
            return;
        }

        if (first)
            Begin(sender, octets, time);

        direction.Octets += octets.Length;
        _session.Recorder?.Raw(sender, octets);
        direction.Take(octets, time);
    }

    public override void Gap(Role sender, long length, bool cut, long time)
    {
        if (_plain is not null)
        {
            _plain.Gap(sender, length, cut, time);
            return;
        }

        _directions[(int)sender].Octets += length;
        _directions[(int)sender].Gap(length, time);
    }

    public override void End(Role sender, bool reset, long time) => (_plain ?? _opened)?.End(sender, reset, time);

    public override void Finish()
    {
        (_plain ?? _opened)?.Finish();
        _opener.Finish();
    }

    private void Lost(Role sender, long length, long time) => _opened?.Gap(sender, length, cut: false, time);

    // What a record of application data holds.
    private void Opened(Role sender, byte[] octets, long time)
    {
        _session.Report.IsDecrypted = true;
        _opened ??= new SmtpDialogue(_session, Place.OpenedTls, greets: _kind == UpgradeKind.Tls);
        _opened.Octets(sender, octets, time);
    }

    // Commands, or replies, instead of a record.
    private static bool IsPlain(Role sender, ReadOnlySpan<byte> octets)
    {
        if (TlsRecords.MayBegin(octets))
            return false;

        int end = octets.IndexOf((byte)'\n');
        var line = (end < 0 ? octets : octets[..end]).TrimEnd((byte)'\r');
        return sender == Role.Client
            ? Verbs.LooksLikeCommand(line) || (end >= 0 && IsVerb(line))
            : line.Length >= 3 && line[0] is >= (byte)'2' and <= (byte)'5' && char.IsAsciiDigit((char)line[1])
                && char.IsAsciiDigit((char)line[2]) && (line.Length == 3 || line[3] is (byte)' ' or (byte)'-');
    }

    private static bool IsVerb(ReadOnlySpan<byte> line)
    {
        _ = Verbs.Find(line, out var name);
        return name is not null;
    }

    private void ReadOn(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        _session.Report.IsDecrypted = true;
        _session.FindOnce(FindingKind.Decrypted, sender,
            "Plaintext follows STARTTLS: the capture was decrypted, or TLS was not used.");
        _plain = new SmtpDialogue(_session, Place.Tls);
        _plain.Octets(sender, octets, time);
    }

    private void AnsweredInPlain(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (!_answeredInPlain)
        {
            _answeredInPlain = true;
            _session.Report.Upgrade = UpgradeKind.None;
            _session.Report.Tls = null;
            _session.Find(FindingKind.UnexpectedTls, sender,
                $"The client begins with TLS, and the server answers with SMTP: {Escape.Octets(octets, 60)}");
        }

        if (_session.HasDialogue)
            _session.Report.Say(time, sender, false, Escape.Octets(octets.TrimEnd("\r\n"u8), 200), octets.Length);

        _session.Recorder?.Plain(sender, octets, time);
    }

    private void Begin(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (!_isMidstream && !TlsRecords.MayBegin(octets))
        {
            _session.FindOnce(FindingKind.StartTlsBroken, sender,
                $"After STARTTLS the {sender.Name()} does not send TLS: {Escape.Octets(octets, 40)}");
            _directions[(int)sender].Lose();
        }
        else if (!_answeredInPlain)
        {
            _session.Report.Tls ??= _report;
        }

        if (_session.HasDialogue)
            _session.Report.Say(time, sender, false, "(TLS from here on)", octets.Length);
    }
}

using System.Buffers;
using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>
/// Follows the records of one direction: the handshake as long as it is shown, and what was encrypted where a key log opens it.
/// </summary>
internal sealed class TlsDirection
{
    private readonly Role _sender;
    private readonly TlsParameters _parameters;
    private readonly TlsOpener _opener;
    private readonly Action<Role, byte[], long> _data;
    private readonly Action<Role, long, long> _lost;
    private readonly TlsHandshake _handshake;
    private readonly byte[] _header = new byte[TlsRecords.Header];
    private readonly ArrayBufferWriter<byte> _fragment = new();
    private int _inHeader;
    private int _inRecord;
    private bool _isLost;
    private bool _isEncrypted;
    private bool _isHoled;

    /// <param name="sender">Whose records they are.</param>
    /// <param name="report">What is shown of the handshake.</param>
    /// <param name="parameters">What both directions' hellos said.</param>
    /// <param name="opener">Opens what is encrypted.</param>
    /// <param name="data">Takes what records of application data hold.</param>
    /// <param name="lost">Takes how many octets of it are lost.</param>
    public TlsDirection(Role sender, TlsReport report, TlsParameters parameters, TlsOpener opener, Action<Role, byte[], long> data,
        Action<Role, long, long> lost)
    {
        (_sender, _parameters, _opener, _data, _lost) = (sender, parameters, opener, data, lost);
        _handshake = new TlsHandshake(report, parameters, sender)
        {
            OnFinished = finished =>
            {
                if (finished)
                    opener.OnFinished(sender);
                else
                    opener.OnKeyUpdate(sender);
            },
        };
    }

    /// <summary>Octets so far, with those that were lost.</summary>
    public long Octets { get; set; }

    /// <summary>Whether a record would begin here.</summary>
    public bool IsAtRecord => _inHeader == 0 && _inRecord == 0 && !_isLost;

    // In TLS 1.3 what is encrypted says that it is data; before, it follows a ChangeCipherSpec.
    private bool IsSealed => _isEncrypted || (_parameters.Is13 && _header[0] == TlsRecords.Data);

    private bool IsOpening => _opener.HasSecrets && !_opener.IsOpaque(_sender);

    /// <summary>Octets came.</summary>
    public void Take(ReadOnlySpan<byte> octets, long time)
    {
        while (!octets.IsEmpty && !_isLost)
        {
            if (_inRecord == 0)
            {
                _header[_inHeader++] = octets[0];
                octets = octets[1..];
                if (_inHeader == TlsRecords.Header)
                    BeginRecord();

                continue;
            }

            int take = Math.Min(_inRecord, octets.Length);
            if (_header[0] == TlsRecords.Handshake && !IsSealed)
                _handshake.Take(octets[..take]);
            else if (IsSealed && IsOpening && !_isHoled)
                _fragment.Write(octets[..take]);

            _inRecord -= take;
            octets = octets[take..];
            if (_inRecord == 0)
                EndRecord(time);
        }
    }

    /// <summary>Octets are missing. Within one record it is known where the next one begins, and how many were lost.</summary>
    public void Gap(long length, long time)
    {
        if (_isLost || length <= 0)
            return;

        if (_inRecord < length)
        {
            _isLost = true;
            _opener.Lose(_sender);
            _lost(_sender, length, time);
            return;
        }

        if (!IsSealed || !_opener.IsFinished(_sender))
            _handshake.Stop();

        _isHoled = true;
        _inRecord -= (int)length;
        if (_inRecord == 0)
            EndRecord(time);
    }

    /// <summary>What comes is no TLS.</summary>
    public void Lose() => _isLost = true;

    private void BeginRecord()
    {
        _inHeader = 0;
        _inRecord = (_header[3] << 8) | _header[4];
        _isLost = !TlsRecords.MayBegin(_header);
        _fragment.ResetWrittenCount();
        _isHoled = false;
        if (!_opener.HasSecrets && _header[0] is TlsRecords.ChangeCipherSpec or TlsRecords.Data)
            _handshake.Stop();
    }

    private void EndRecord(long time)
    {
        if (_header[0] == TlsRecords.ChangeCipherSpec && !_parameters.Is13)
        {
            _isEncrypted = true;
            _opener.OnChangeCipherSpec(_sender);
            return;
        }

        if (!IsSealed || !IsOpening)
            return;

        if (_isHoled)
        {
            _opener.Skip(_sender);
            int overhead = _parameters.Suite?.Overhead(_parameters.Is13) ?? 0;
            _lost(_sender, Math.Max(1, ((_header[3] << 8) | _header[4]) - overhead), time);
        }
        else if (_opener.Open(_sender, _header, _fragment.WrittenSpan, out byte type, out var content))
        {
            if (type == TlsRecords.Handshake)
                _handshake.Take(content);
            else if (type == TlsRecords.Data && content.Length > 0)
                _data(_sender, content, time);
        }
    }
}

using System.Buffers;
using System.Net;
using BlackPony.Reference;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>Writes a session into a capture as its octets come; as items too, where they were changed. What came at the same time goes in
/// the same packets.</summary>
internal sealed class PcapTap : IWireTap, IItemSink
{
    private const int MaxWaiting = 16384;

    private readonly TcpWriter _tcp;
    private readonly ArrayBufferWriter<byte> _waiting = new(256);
    private Role _sender;
    private long _time;

    public PcapTap(PcapWriter output, IPEndPoint client, IPEndPoint server, int number, long start, bool openingSeen, bool isTimed)
    {
        // What is captured keeps its time, and what acknowledges it has the same; where there are no times packets go one by one.
        _tcp = new TcpWriter(output, client, server, number) { Time = start, Step = isTimed ? 0 : 1000 };
        if (openingSeen)
            _tcp.Open();
    }

    public void Octets(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (_waiting.WrittenCount > 0 && (sender != _sender || time != _time || _waiting.WrittenCount + octets.Length > MaxWaiting))
            Finish();

        (_sender, _time) = (sender, time);
        _waiting.Write(octets);
    }

    public void Gap(Role sender, long length, bool cut, long time)
    {
        Finish();
        _tcp.Time = Math.Max(_tcp.Time, time);
        if (cut)
            _tcp.Cut(sender, length);
        else
            _tcp.Skip(sender, length);
    }

    public void End(Role sender, bool reset, long time)
    {
        Finish();
        _tcp.Time = Math.Max(_tcp.Time, time);
        if (reset)
            _tcp.Reset(sender);
        else
            _tcp.End(sender);
    }

    public void Take(WireItem item)
    {
        switch (item.Kind)
        {
            case WireKind.Line:
                Octets(item.Sender, item.Octets, item.Time);
                _waiting.Write("\r\n"u8);
                break;
            case WireKind.Raw or WireKind.Record:
                Octets(item.Sender, item.Octets, item.Time);
                break;
            case WireKind.End or WireKind.Reset:
                End(item.Sender, item.Kind == WireKind.Reset, item.Time);
                break;
            case WireKind.Gap or WireKind.Cut:
                Gap(item.Sender, item.Length, item.Kind == WireKind.Cut, item.Time);
                break;
            default:
                break;
        }
    }

    public void Finish()
    {
        if (_waiting.WrittenCount > 0)
        {
            _tcp.Time = Math.Max(_tcp.Time, _time);
            _tcp.Send(_sender, _waiting.WrittenSpan);
            _waiting.ResetWrittenCount();
        }
    }
}

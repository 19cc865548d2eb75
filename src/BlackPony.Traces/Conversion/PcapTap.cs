using System.Net;
using BlackPony.Reference;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>Writes a session into a capture as its octets come; as items too, where they were changed.</summary>
internal sealed class PcapTap : IWireTap, IItemSink
{
    private readonly TcpWriter _tcp;

    public PcapTap(PcapWriter output, IPEndPoint client, IPEndPoint server, int number, long start, bool openingSeen)
    {
        _tcp = new TcpWriter(output, client, server, number) { Time = start };
        if (openingSeen)
        {
            _tcp.Open();
        }
    }

    public void Octets(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        _tcp.Time = Math.Max(_tcp.Time, time);
        _tcp.Send(sender, octets);
    }

    public void Gap(Role sender, long length, bool cut, long time)
    {
        _tcp.Time = Math.Max(_tcp.Time, time);
        if (cut)
        {
            _tcp.Cut(sender, length);
        }
        else
        {
            _tcp.Skip(sender, length);
        }
    }

    public void End(Role sender, bool reset, long time)
    {
        _tcp.Time = Math.Max(_tcp.Time, time);
        if (reset)
        {
            _tcp.Reset(sender);
        }
        else
        {
            _tcp.End(sender);
        }
    }

    public void Take(WireItem item)
    {
        switch (item.Kind)
        {
            case WireKind.Line:
                Octets(item.Sender, [.. item.Octets, .. "\r\n"u8], item.Time);
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
    }
}

using System.Buffers;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Records;

/// <summary>What lies between a session's SMTP and its wire, last before sending and first after receiving: nothing, ROT ([BP-5.5-5],
/// [BP-5.5-6]), or records (spec 7).</summary>
internal sealed class SessionLayer : IDisposable
{
    private int _shift;

    /// <summary>The records; null if there are none.</summary>
    public SecureChannel? Channel { get; private set; }

    /// <summary>Whether the session is inside BlackPony.</summary>
    public bool IsOn => Channel is not null || _shift > 0;

    /// <summary>The upgrade has happened.</summary>
    /// <param name="channel">The records; null for ROT.</param>
    /// <param name="shift">ROT's shift.</param>
    public void Begin(SecureChannel? channel, int shift) => (Channel, _shift) = (channel, shift);

    /// <summary>Sends SMTP to the wire; a channel that is not open any more sends nothing.</summary>
    public void Send(ReadOnlySpan<byte> octets, PooledBuffer wire)
    {
        if (Channel is null)
            Shift(octets, _shift, wire);
        else if (Channel.State == ChannelState.Open)
            Channel.Send(octets, wire);
    }

    /// <summary>Takes octets from the wire.</summary>
    /// <param name="octets">Any octets, split in any way.</param>
    /// <param name="text">Receives the SMTP in them.</param>
    /// <param name="wire">Receives what the records answer by themselves.</param>
    public void Receive(ReadOnlySpan<byte> octets, OctetBuffer text, PooledBuffer wire)
    {
        if (Channel is null)
            Shift(octets, _shift > 0 ? 26 - _shift : 0, text.Writer);
        else
            Channel.Receive(octets, text.Writer, wire);
    }

    /// <summary>The connection is given up, and the secrets with it.</summary>
    public void Drop()
    {
        Dispose();
        Begin(null, 0);
    }

    /// <inheritdoc/>
    public void Dispose() => Channel?.Dispose();

    private static void Shift(ReadOnlySpan<byte> octets, int n, IBufferWriter<byte> output)
    {
        if (n == 0)
        {
            output.Write(octets);
            return;
        }

        var room = output.GetSpan(octets.Length)[..octets.Length];
        octets.CopyTo(room);
        RotShift.Shift(room, n);
        output.Advance(octets.Length);
    }
}

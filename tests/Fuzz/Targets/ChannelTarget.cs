using System.Buffers;
using BlackPony.Fuzz.Sessions;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;

namespace BlackPony.Fuzz.Targets;

/// <summary>
/// The secure channel as server or client (first setting), with each record protection (second).
/// The peer's events are records (<see cref="Peer"/>);
/// its own: s it sends, k rekeys, o closes, f gives up, e the connection ends.
/// </summary>
public sealed class ChannelTarget : ITarget
{
    private static readonly byte[] Th = new byte[32];
    private static readonly IdentKey Key = new(new byte[32]);

    /// <inheritdoc/>
    public string Name => "channel";

    /// <inheritdoc/>
    public void Run(ReadOnlySpan<byte> input)
    {
        var script = Script.Read(input);
        var (data, sent, state) = Play(script, Cut.Whole);
        var (dataOfPieces, sentOfPieces, stateOfPieces) = Play(script, Cut.Anywhere);
        Invariant.Same(data, dataOfPieces, "the same comes out whatever the cut [BP-7.1-6]");
        Invariant.Same(sent, sentOfPieces, "the same is answered whatever the cut");
        Invariant.That(state == stateOfPieces, "it ends in the same way whatever the cut");
    }

    private static (byte[] Data, byte[] Sent, ChannelState State) Play(Script script, Func<byte[], IEnumerable<byte[]>> cut)
    {
        var role = (Role)(script.Setting(0) & 1);
        var suite = QuickSuite.All[script.Setting(1) % QuickSuite.All.Count];
        using var channel = new SecureChannel(role, suite, QuickSuite.Secret, Th, role == Role.Server ? [Key] : null);
        using var peer = new Peer(role == Role.Server ? Role.Client : Role.Server, suite, Th);
        using var keys = new KeySchedule(suite.Name, QuickSuite.Secret, Th);
        var data = new ArrayBufferWriter<byte>();
        var wire = new ArrayBufferWriter<byte>();
        var sealedData = new List<byte>();
        channel.Start(wire);
        foreach (var step in script.Events)
        {
            var before = channel.State;
            int had = wire.WrittenCount;
            sealedData.AddRange(DataOf(step));
            foreach (var piece in peer.Octets(step) is { } octets ? cut(octets) : [])
            {
                channel.Receive(piece, data, wire);
            }

            Do(channel, step, wire);
            if (before is not (ChannelState.Open or ChannelState.Closing))
            {
                Invariant.That(wire.WrittenCount == had && channel.State == before,
                    "nothing goes out after the end [BP-8.1-2], [BP-8.3-3]");
            }
        }

        Invariant.That(sealedData.ToArray().AsSpan().StartsWith(data.WrittenSpan),
            "nothing comes out that was not sealed, or in another order [BP-7.1-8]");
        Invariant.That(data.WrittenCount == 0 || channel.IsEstablished, "nothing comes out before the peer's Finished [BP-6.3-6]");
        Invariant.That(channel.PeerIdents is [] || (role == Role.Client
            && channel.PeerIdents[0].Key == Convert.ToHexStringLower(Key.PublicKey)),
            "an ident is the one that was proved");
        var traffic = role == Role.Client ? keys.ClientTraffic : keys.ServerTraffic;
        RecordWatch.Check(role, suite, traffic, wire.WrittenSpan, channel.IsEstablished);
        return (data.WrittenSpan.ToArray(), wire.WrittenSpan.ToArray(), channel.State);
    }

    // The data of a data record, also of one whose type is the last octet of what looks like data: type 0 is padding.
    private static byte[] DataOf(ScriptEvent step)
    {
        var octets = step.Octets[..Math.Min(step.Octets.Length, Limits.MaxData)];
        return (step.Kind, octets) switch
        {
            ('D', _) => octets,
            ('T', [(byte)RecordType.Data, .. var data]) => data,
            ('T', [0, .. var inner]) when inner.AsSpan().TrimEnd((byte)0) is [.., (byte)RecordType.Data] typed => typed[..^1].ToArray(),
            _ => [],
        };
    }

    private static void Do(SecureChannel channel, ScriptEvent step, ArrayBufferWriter<byte> wire)
    {
        switch (step.Kind)
        {
            case 's' when channel is { IsEstablished: true, State: ChannelState.Open }:
                channel.Send(step.Octets, wire);
                break;
            case 'k':
                channel.Rekey(wire);
                break;
            case 'o' when channel.IsEstablished:
                channel.Close(wire);
                break;
            case 'f':
                channel.Fail(wire);
                break;
            case 'e':
                channel.ConnectionEnded();
                break;
        }
    }
}

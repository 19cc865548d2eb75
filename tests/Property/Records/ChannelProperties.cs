using System.Buffers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace BlackPony.Tests.Property.Records;

/// <summary>Spec 7 and 8 for any messages, cuts and harm.</summary>
public class ChannelProperties
{
    private static readonly IReadOnlyList<Suite> Encrypting = SuiteRegistry.Default;

    /// <summary>[BP-7.1-6], [BP-7.1-7], [BP-7.6-4]: whatever the split and wherever the rekey, what comes out is what went in.</summary>
    [Property(MaxTest = 60)]
    public bool Any_split_and_any_rekey_lose_nothing(byte[][] parts, PositiveInt chunk, byte pick)
    {
        var (client, server, toServer) = Open(pick);
        foreach (var part in parts)
        {
            client.Send(part, toServer);
            if (part.Length % 3 == 0)
            {
                client.Rekey(toServer);
            }
        }

        var data = new ArrayBufferWriter<byte>();
        var back = new ArrayBufferWriter<byte>();
        foreach (var piece in toServer.WrittenSpan.ToArray().Chunk(1 + (chunk.Get % 700)))
        {
            server.Receive(piece, data, back);
        }

        // More than MaxIdleRecords rekeys in a row are a failure by [BP-7.4-5]; parts without data make such a row.
        int row = 0, longest = 0;
        foreach (var part in parts)
        {
            row = (part.Length > 0 ? 0 : row) + (part.Length % 3 == 0 ? 1 : 0);
            longest = Math.Max(longest, row);
        }

        return longest > Limits.MaxIdleRecords
            ? server.State == ChannelState.Failed
            : server.State == ChannelState.Open && data.WrittenSpan.SequenceEqual(parts.SelectMany(p => p).ToArray());
    }

    /// <summary>[BP-8.3-1], [BP-8.3-3], [BP-8.3-5]: a flipped bit ends in the alert, and nothing of its record or behind it comes out.</summary>
    [Property(MaxTest = 100)]
    public bool A_flipped_bit_ends_the_channel(NonEmptyArray<byte> first, NonEmptyArray<byte> second, PositiveInt where, byte pick)
    {
        var (client, server, toServer) = Open(pick);
        client.Send(first.Get, toServer);
        int good = toServer.WrittenCount;
        client.Send(second.Get, toServer);
        client.Send(second.Get, toServer);
        var octets = toServer.WrittenSpan.ToArray();
        int at = good + 2 + (where.Get % (octets.Length - good - 2));
        bool inSecond = at < good + ((octets.Length - good) / 2);
        octets[at] ^= (byte)(1 << (where.Get % 8));
        var data = new ArrayBufferWriter<byte>();
        var back = new ArrayBufferWriter<byte>();
        server.Receive(octets, data, back);
        byte[] expected = inSecond ? first.Get : [.. first.Get, .. second.Get];

        // A flipped length may make the record longer than what came: then it waits, and the end of the connection is a truncation.
        server.ConnectionEnded();
        return server.State is ChannelState.Failed or ChannelState.Truncated && data.WrittenSpan.SequenceEqual(expected);
    }

    /// <summary>[BP-8.2-1]: octets cut off at the end never look like a whole session.</summary>
    [Property(MaxTest = 60)]
    public bool A_cut_is_a_truncation(NonEmptyArray<byte> message, PositiveInt cut, byte pick)
    {
        var (client, server, toServer) = Open(pick);
        client.Send(message.Get, toServer);
        client.Close(toServer);
        var octets = toServer.WrittenSpan.ToArray();
        server.Receive(octets.AsSpan(0, octets.Length - 1 - (cut.Get % (octets.Length - 1))), new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        server.ConnectionEnded();
        return server.State == ChannelState.Truncated;
    }

    /// <summary>[BP-6.2-2]: a record sent back to its sender does not verify.</summary>
    [Property(MaxTest = 40)]
    public bool A_reflected_record_fails(NonEmptyArray<byte> message, byte pick)
    {
        var (client, _, toServer) = Open(pick);
        client.Send(message.Get, toServer);
        var data = new ArrayBufferWriter<byte>();
        client.Receive(toServer.WrittenSpan, data, new ArrayBufferWriter<byte>());
        return client.State == ChannelState.Failed && data.WrittenCount == 0;
    }

    /// <summary>Hostile octets never throw and never get anything out (the bad input).</summary>
    [Property(MaxTest = 100)]
    public bool Any_octets_end_in_failure_or_wait(byte[] octets, byte pick)
    {
        var (_, server, _) = Open(pick);
        var data = new ArrayBufferWriter<byte>();
        server.Receive(octets, data, new ArrayBufferWriter<byte>());
        return data.WrittenCount == 0 && server.State is ChannelState.Failed or ChannelState.Open;
    }

    private static (SecureChannel Client, SecureChannel Server, ArrayBufferWriter<byte> ToServer) Open(byte pick)
    {
        var suite = Encrypting[pick % Encrypting.Count];
        byte[] secret = [.. Enumerable.Repeat(pick, 64)];
        var th = new byte[32];
        var client = new SecureChannel(Role.Client, suite, secret, th);
        var server = new SecureChannel(Role.Server, suite, secret, th);
        var toClient = new ArrayBufferWriter<byte>();
        var toServer = new ArrayBufferWriter<byte>();
        server.Start(toClient);
        client.Receive(toClient.WrittenSpan, new ArrayBufferWriter<byte>(), toServer);
        server.Receive(toServer.WrittenSpan, new ArrayBufferWriter<byte>(), toClient);
        toServer.ResetWrittenCount();
        return (client, server, toServer);
    }
}

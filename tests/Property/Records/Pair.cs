using System.Buffers;
using System.Buffers.Binary;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Property.Records;

/// <summary>Both ends of a protected channel, both Finished exchanged, and what is under way.</summary>
internal sealed class Pair : IDisposable
{
    private static readonly byte[] Secret = [.. Enumerable.Range(0, 64).Select(i => (byte)i)];

    public Pair(Suite suite, Suite? serverSuite = null)
    {
        Client = End(Role.Client, suite);
        Server = End(Role.Server, serverSuite ?? suite);
        Server.Start(ToClient);
        Client.Receive(Taken(ToClient), Read, ToServer);
        Server.Receive(Taken(ToServer), Read, ToClient);
    }

    public SecureChannel Client { get; }

    public SecureChannel Server { get; }

    public ArrayBufferWriter<byte> ToServer { get; } = new();

    public ArrayBufferWriter<byte> ToClient { get; } = new();

    /// <summary>The SMTP stream as it came out.</summary>
    public ArrayBufferWriter<byte> Read { get; } = new();

    /// <summary>One end, before any Finished.</summary>
    public static SecureChannel End(Role role, Suite suite) => new(role, suite, Secret, new byte[32]);

    /// <summary>The keys, for who forges.</summary>
    public static KeySchedule Keys(Suite suite) => new(suite.Name, Secret, new byte[32]);

    public static byte[] Taken(ArrayBufferWriter<byte> output)
    {
        var octets = output.WrittenSpan.ToArray();
        output.ResetWrittenCount();
        return octets;
    }

    /// <summary>The records of a stream.</summary>
    public static List<byte[]> Records(byte[] stream)
    {
        var records = new List<byte[]>();
        for (int at = 0; at < stream.Length;)
        {
            int length = 2 + BinaryPrimitives.ReadUInt16BigEndian(stream.AsSpan(at));
            records.Add(stream[at..(at + length)]);
            at += length;
        }

        return records;
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
    }
}

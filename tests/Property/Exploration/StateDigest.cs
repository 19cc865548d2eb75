using BlackPony.Hosting;
using BlackPony.Reference;
using System.Buffers;
using System.Buffers.Binary;
using System.Collections;
using System.Collections.Concurrent;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>
/// A hash of everything that decides how a machine goes on: all its fields, private ones too, down to the octets.
/// Two machines of one digest are one state; a field that is forgotten here would merge what differs,
/// so that nothing is left out but what a scenario fixes.
/// </summary>
internal static class StateDigest
{
    private static readonly ConcurrentDictionary<Type, FieldInfo[]> Fields = new();

    public static UInt128 Of(object machine)
    {
        var octets = new ArrayBufferWriter<byte>(4096);
        AddFields(machine, octets);
        return BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(octets.WrittenSpan));
    }

    private static void Add(object? value, ArrayBufferWriter<byte> to)
    {
        switch (value)
        {
            // What the scenario fixes.
            case null or Delegate or TimeProvider or RsaKeys or IKeyLog or ServerOptions or MailerOptions:
                AddNumber(0, to);
                break;
            case bool or byte or int or long or uint or Enum:
                AddNumber(Convert.ToInt64(value, null), to);
                break;
            case ulong number:
                AddNumber(unchecked((long)number), to);
                break;
            case string text:
                AddOctets(Encoding.UTF8.GetBytes(text), to);
                break;
            case byte[] octets:
                AddOctets(octets, to);
                break;
            case PooledBuffer writer:
                AddOctets(writer.WrittenSpan, to);
                break;
            case ReadOnlyMemory<byte> octets:
                AddOctets(octets.Span, to);
                break;
            case IncrementalHash hash:
                AddHash(hash, to);
                break;
            case Suite suite:
                AddOctets(Encoding.UTF8.GetBytes(suite.Name), to);
                break;
            case ServerMemory memory:
                AddOctets(Encoding.UTF8.GetBytes(MemoryText.Of(memory)), to);
                break;
            case RecordReader reader:
                // Behind what the reader has stands an older record.
                AddOctets(((byte[])Field(reader, "_record")).AsSpan(0, (int)Field(reader, "_have")), to);
                AddFields(reader, to, except: "_record");
                break;
            case var buffer when buffer.GetType().Name == "OctetBuffer":
                AddOctets(((PooledBuffer)Field(buffer, "_octets")).WrittenSpan[(int)Field(buffer, "_start")..], to);
                break;
            case IEnumerable items:
                int count = 0;
                foreach (var item in items)
                {
                    Add(item, to);
                    count++;
                }

                AddNumber(count, to);
                break;
            default:
                AddFields(value, to);
                break;
        }
    }

    private static void AddFields(object value, ArrayBufferWriter<byte> to, string except = "")
    {
        foreach (var field in FieldsOf(value.GetType()))
        {
            if (field.Name != except)
            {
                Add(field.GetValue(value), to);
            }
        }
    }

    private static void AddHash(IncrementalHash hash, ArrayBufferWriter<byte> to)
    {
        try
        {
            AddOctets(hash.GetCurrentHash(), to);
        }
        catch (ObjectDisposedException)
        {
            AddNumber(0, to);
        }
    }

    private static void AddOctets(ReadOnlySpan<byte> octets, ArrayBufferWriter<byte> to)
    {
        AddNumber(octets.Length, to);
        to.Write(octets);
    }

    private static void AddNumber(long number, ArrayBufferWriter<byte> to)
    {
        BinaryPrimitives.WriteInt64BigEndian(to.GetSpan(8), number);
        to.Advance(8);
    }

    private static object Field(object value, string name) => FieldsOf(value.GetType()).First(f => f.Name == name).GetValue(value)!;

    private static FieldInfo[] FieldsOf(Type type) => Fields.GetOrAdd(type, t =>
    {
        var fields = new List<FieldInfo>();
        for (var level = t; level is not null && level != typeof(object); level = level.BaseType)
        {
            fields.AddRange(
                level.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
                    .OrderBy(f => f.Name, StringComparer.Ordinal));
        }

        return [.. fields];
    });
}

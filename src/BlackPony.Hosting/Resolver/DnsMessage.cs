using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;

namespace BlackPony.Hosting.Resolver;

/// <summary>The record types that are asked for: of mail routing, and of clients' names (RFC 1035 3.2.2, RFC 3596).</summary>
internal enum DnsType
{
    A = 1,
    Cname = 5,
    Ptr = 12,
    Mx = 15,
    Aaaa = 28,
}

/// <summary>A record of an answer.</summary>
/// <param name="Owner">Its name, in lower case.</param>
/// <param name="Type">Its type.</param>
/// <param name="Name">The exchanger of an MX record, the target of a CNAME or PTR record; empty is the root.</param>
/// <param name="Preference">An MX record's preference.</param>
/// <param name="Address">The address of an A or AAAA record.</param>
internal sealed record DnsRecord(string Owner, DnsType Type, string Name, int Preference, IPAddress? Address);

/// <summary>
/// A response to one question (RFC 1035 4.1). Names are without their final dot and in lower case; what is no letter, digit, hyphen or
/// underscore
/// is escaped as <c>\DDD</c>, so that no octet of a label reads as a dot, a space or a control character.
/// </summary>
/// <param name="Code">The response code: 0 no error, 3 no such name.</param>
/// <param name="IsTruncated">Whether it has to be asked for over TCP.</param>
/// <param name="IsReferral">Whether it answers nothing and names other servers only: the server asked does not resolve.</param>
/// <param name="Records">The answer section's MX, CNAME, PTR, A and AAAA records.</param>
internal sealed record DnsMessage(int Code, bool IsTruncated, bool IsReferral, IReadOnlyList<DnsRecord> Records)
{
    private const int HeaderLength = 12;
    private const int MaxName = 255;
    private const int Internet = 1;

    /// <summary>Writes a recursive question.</summary>
    /// <param name="id">The query's identifier.</param>
    /// <param name="name">An absolute name of valid length, without its final dot.</param>
    /// <param name="type">The record type.</param>
    public static byte[] Question(ushort id, string name, DnsType type)
    {
        var question = new List<byte>(HeaderLength + name.Length + 6) { (byte)(id >> 8), (byte)id, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
        foreach (var label in name.Split('.'))
        {
            question.Add((byte)label.Length);
            question.AddRange(Encoding.ASCII.GetBytes(label));
        }

        question.AddRange([0, 0, (byte)type, 0, Internet]);
        return [.. question];
    }

    /// <summary>Reads a response.</summary>
    /// <param name="octets">The message.</param>
    /// <param name="question">The question that was sent.</param>
    /// <returns>Null if it does not answer this question.</returns>
    /// <exception cref="FormatException">It answers this question, and is malformed.</exception>
    public static DnsMessage? Read(ReadOnlySpan<byte> octets, ReadOnlySpan<byte> question)
    {
        if (octets.Length < HeaderLength || !octets[..2].SequenceEqual(question[..2]) || (octets[2] & 0xf8) != 0x80)
            return null;

        int code = octets[3] & 0x0f;
        int questions = Word(octets, 4), answers = Word(octets, 6);
        if (questions == 0 && answers == 0 && code is not (0 or 3))
        {
            // Some servers say no more than that they failed.
            return new DnsMessage(code, false, false, []);
        }

        int at = HeaderLength;
        if (questions != 1 || !IsSame(octets, ref at, question))
            return null;

        bool isTruncated = (octets[2] & 0x02) != 0;
        bool isAuthoritative = (octets[2] & 0x04) != 0, isRecursive = (octets[3] & 0x80) != 0;
        var records = new List<DnsRecord>();
        for (int i = 0; i < answers && !isTruncated; i++)
        {
            if (ReadRecord(octets, ref at) is { } record)
                records.Add(record);
        }

        return new DnsMessage(code, isTruncated, code == 0 && answers == 0 && !isAuthoritative && !isRecursive, records);
    }

    private static bool IsSame(ReadOnlySpan<byte> octets, ref int at, ReadOnlySpan<byte> question)
    {
        int start = HeaderLength;
        try
        {
            return ReadName(octets, ref at) == ReadName(question, ref start)
                && at + 4 <= octets.Length && octets.Slice(at, 4).SequenceEqual(question.Slice(start, 4)) && (at += 4) > 0;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static DnsRecord? ReadRecord(ReadOnlySpan<byte> octets, ref int at)
    {
        var owner = ReadName(octets, ref at);
        if (at + 10 > octets.Length)
            throw new FormatException("A record is cut short.");

        var type = (DnsType)Word(octets, at);
        int recordClass = Word(octets, at + 2), length = Word(octets, at + 8);
        int data = at + 10;
        at = data + length;
        if (at > octets.Length)
            throw new FormatException("A record's data are cut short.");

        return recordClass != Internet ? null : (type, length) switch
        {
            (DnsType.A, 4) or (DnsType.Aaaa, 16) => new DnsRecord(owner, type, "", 0, new IPAddress(octets.Slice(data, length))),
            (DnsType.Mx, > 2) => new DnsRecord(owner, type, ReadTarget(octets, data + 2, at), Word(octets, data), null),
            (DnsType.Cname or DnsType.Ptr, > 0) => new DnsRecord(owner, type, ReadTarget(octets, data, at), 0, null),
            (DnsType.A or DnsType.Aaaa or DnsType.Mx or DnsType.Cname or DnsType.Ptr, _) =>
                throw new FormatException("A record's data have the wrong length."),
            _ => null,
        };
    }

    private static string ReadTarget(ReadOnlySpan<byte> octets, int at, int end)
    {
        var name = ReadName(octets, ref at);
        return at == end ? name : throw new FormatException("A record's name does not fill its data.");
    }

    // A pointer leads backward only, so each name ends.
    private static string ReadName(ReadOnlySpan<byte> octets, ref int at)
    {
        var name = new StringBuilder();
        int length = 0, position = at, first = at;
        bool hasJumped = false;
        while (true)
        {
            if (position >= octets.Length)
                throw new FormatException("A name is cut short.");

            int size = octets[position++];
            if (size == 0)
            {
                at = hasJumped ? at : position;
                return name.ToString();
            }

            if ((size & 0xc0) == 0xc0 && position < octets.Length)
            {
                int target = ((size & 0x3f) << 8) | octets[position++];
                at = hasJumped ? at : position;
                hasJumped = true;
                if (target >= first)
                    throw new FormatException("A compressed name points forward.");

                (first, position) = (target, target);
                continue;
            }

            length += size + 1;
            if ((size & 0xc0) != 0 || length > MaxName - 1 || position + size > octets.Length)
                throw new FormatException("A label is too long.");

            AddLabel(name, octets.Slice(position, size));
            position += size;
        }
    }

    private static void AddLabel(StringBuilder name, ReadOnlySpan<byte> label)
    {
        if (name.Length > 0)
            name.Append('.');

        foreach (byte octet in label)
        {
            char c = char.ToLowerInvariant((char)octet);
            if (char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
                name.Append(c);
            else
                name.Append(CultureInfo.InvariantCulture, $"\\{octet:d3}");
        }
    }

    private static int Word(ReadOnlySpan<byte> octets, int at) => BinaryPrimitives.ReadUInt16BigEndian(octets[at..]);
}

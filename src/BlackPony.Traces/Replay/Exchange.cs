using System.Buffers;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Replay;

/// <summary>What a client sent that was answered, and the answer: a command, DATA's content, a chunk with its BDAT, a line of
/// AUTH.</summary>
public sealed class Exchange
{
    private const int MaxFill = 64 << 20;

    private readonly ArrayBufferWriter<byte> _octets = new();

    internal Exchange(Verb verb, bool pipelined, long time) => (Verb, IsPipelined, Time) = (verb, pipelined, time);

    /// <summary>What it is, for people.</summary>
    public string Name => IsSecret ? "(hidden)" : Verb == Verb.Other ? Escape.Octets(_octets.WrittenSpan.TrimEnd("\r\n"u8), 40)
        : Verb.Name();

    /// <summary>Whether it was sent before the reply to the one before had come.</summary>
    public bool IsPipelined { get; }

    /// <summary>When it was sent, nanoseconds since 1970.</summary>
    public long Time { get; }

    /// <summary>The octets.</summary>
    public byte[] Octets => _octets.WrittenSpan.ToArray();

    /// <summary>The reply's code; null if none was captured.</summary>
    public int? Code { get; internal set; }

    /// <summary>The reply as captured, lines with CRLF.</summary>
    public string Reply { get; internal set; } = "";

    internal Verb Verb { get; }

    /// <summary>Whether it may be a credential, and is not shown.</summary>
    internal bool IsSecret { get; set; }

    internal void Append(ReadOnlySpan<byte> octets) => _octets.Write(octets);

    /// <summary>Lines of x for what was not captured of a message, so that its size and its end stay.</summary>
    internal void Fill(long length)
    {
        const int Line = 78;
        for (length = Math.Min(length, MaxFill - _octets.WrittenCount); length > 0;)
        {
            int take = length >= 2 * Line ? Line : (int)length;
            var line = _octets.GetSpan(take)[..take];
            line.Fill((byte)'x');
            if (take > 2)
                "\r\n"u8.CopyTo(line[^2..]);

            _octets.Advance(take);
            length -= take;
        }
    }
}

using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Smtp;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <summary>A record that came.</summary>
/// <param name="Type">The type.</param>
/// <param name="Data">The data.</param>
public sealed record Incoming(RecordType Type, byte[] Data);

/// <summary>A TCP connection as a case sees it: lines, replies and, after the switch, records, each sent as the case likes.</summary>
public sealed class Wire(Socket socket, CancellationToken cancel) : IAsyncDisposable
{
    private readonly byte[] _octets = new byte[32768];
    private byte[] _waiting = [];
    private byte[] _inside = [];
    private KeySchedule? _keys;
    private RecordReader? _reader;

    /// <summary>The records' writer, after <see cref="SwitchTo"/>.</summary>
    public RecordWriter Writer { get; private set; } = null!;

    /// <summary>The session's secrets, after <see cref="SwitchTo"/>.</summary>
    public KeySchedule Keys => _keys!;

    /// <summary>Everything that came in, as text for findings.</summary>
    public StringBuilder Seen { get; } = new();

    /// <summary>Sends octets.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> octets)
    {
        for (; !octets.IsEmpty;)
        {
            octets = octets[await socket.SendAsync(octets, cancel).ConfigureAwait(false)..];
        }
    }

    /// <summary>Sends a line in Latin-1, with CRLF.</summary>
    public Task SendLineAsync(string line) => SendAsync(Encoding.Latin1.GetBytes(line + "\r\n"));

    /// <summary>Receives a plaintext reply.</summary>
    public async Task<Reply> ReplyAsync()
    {
        var reader = new ReplyReader();
        while (true)
        {
            var reply = reader.Read(_waiting, out int consumed);
            _waiting = _waiting[consumed..];
            if (reply is not null)
            {
                Seen.AppendLine(Encoding.Latin1.GetString(reply.Lines[^1]));
                return reply;
            }

            if (reader.IsMalformed)
            {
                throw new CaseFailedException($"Expected an SMTP reply, got {Show(_waiting)}.");
            }

            if (!await FillAsync().ConfigureAwait(false))
            {
                throw new CaseFailedException("Expected an SMTP reply, but the connection ended.");
            }
        }
    }

    /// <summary>Receives a plaintext line without its CRLF; null at the end of the connection.</summary>
    public async Task<string?> LineAsync()
    {
        while (true)
        {
            int end = _waiting.AsSpan().IndexOf("\r\n"u8);
            if (end >= 0)
            {
                var line = Encoding.Latin1.GetString(_waiting, 0, end);
                _waiting = _waiting[(end + 2)..];
                Seen.AppendLine(line);
                return line;
            }

            if (!await FillAsync().ConfigureAwait(false))
            {
                return null;
            }
        }
    }

    /// <summary>Sends a line and receives the reply, which must have the code.</summary>
    public async Task<Reply> CommandAsync(string line, int code)
    {
        await SendLineAsync(line).ConfigureAwait(false);
        return Expect(await ReplyAsync().ConfigureAwait(false), code, line);
    }

    /// <summary>Waits for the end of the connection; what comes before it is thrown away.</summary>
    public async Task ExpectEndAsync()
    {
        while (await FillAsync().ConfigureAwait(false))
        {
            _waiting = [];
        }
    }

    /// <summary>Ends this direction.</summary>
    public void EndDirection() => socket.Shutdown(SocketShutdown.Send);

    /// <summary>Takes what follows as records.</summary>
    public void SwitchTo(Suite suite, Role role, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> th)
    {
        _keys = new KeySchedule(suite.Name, secret, th);
        Writer = new RecordWriter(suite, role == Role.Client ? _keys.ClientTraffic : _keys.ServerTraffic);
        _reader = new RecordReader(suite, role == Role.Client ? _keys.ServerTraffic : _keys.ClientTraffic);
    }

    /// <summary>Sends a record.</summary>
    public Task SendRecordAsync(RecordType type, ReadOnlyMemory<byte> data = default) => SendAsync(Seal(type, data.Span));

    /// <summary>Makes a record without sending it.</summary>
    public byte[] Seal(RecordType type, ReadOnlySpan<byte> data)
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        Writer.Write(type, data, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Sends text in one data record.</summary>
    public Task SendInsideAsync(string text) => SendRecordAsync(RecordType.Data, Encoding.Latin1.GetBytes(text));

    /// <summary>Receives the next record; null at the end of the connection.</summary>
    public async Task<Incoming?> RecordAsync()
    {
        while (true)
        {
            if (Take() is { } record)
            {
                return record;
            }

            if (_reader!.Failed)
            {
                throw new CaseFailedException("A record came that does not verify, or has a wrong length.");
            }

            if (!await FillAsync().ConfigureAwait(false))
            {
                return null;
            }
        }

        Incoming? Take()
        {
            ReadOnlySpan<byte> octets = _waiting;
            bool whole = _reader!.Read(ref octets, out var type, out var data);
            var record = whole ? new Incoming(type, data.ToArray()) : null;
            _waiting = octets.ToArray();
            if (type == RecordType.Rekey)
            {
                _reader.Rekey();
            }

            return record;
        }
    }

    /// <summary>Receives the next record, which must have the type.</summary>
    public async Task<Incoming> RecordAsync(RecordType type)
    {
        var record = await RecordAsync().ConfigureAwait(false);
        return record?.Type == type ? record : throw new CaseFailedException($"Expected a record of type {type}, got {record?.Type.ToString() ?? "the end of the connection"}.");
    }

    /// <summary>Receives a line inside records, without CRLF; null at close or end.</summary>
    public async Task<string?> LineInsideAsync()
    {
        while (true)
        {
            int end = _inside.AsSpan().IndexOf("\r\n"u8);
            if (end >= 0)
            {
                var line = Encoding.Latin1.GetString(_inside, 0, end);
                _inside = _inside[(end + 2)..];
                Seen.AppendLine(line);
                return line;
            }

            var record = await RecordAsync().ConfigureAwait(false);
            if (record is null || record.Type is RecordType.Close or RecordType.Alert)
            {
                return null;
            }

            _inside = record.Type == RecordType.Data ? [.. _inside, .. record.Data] : _inside;
        }
    }

    /// <summary>Receives a reply inside records.</summary>
    public async Task<Reply> ReplyInsideAsync()
    {
        var lines = new List<byte[]>();
        do
        {
            var line = await LineInsideAsync().ConfigureAwait(false) ?? throw new CaseFailedException("Expected a reply inside, but the session ended.");
            lines.Add(Encoding.Latin1.GetBytes(line));
        }
        while (lines[^1].Length > 3 && lines[^1][3] == '-');
        return new Reply(int.Parse(Encoding.Latin1.GetString(lines[0], 0, 3), System.Globalization.CultureInfo.InvariantCulture), lines);
    }

    /// <summary>Sends a line inside and receives the reply, which must have the code.</summary>
    public async Task<Reply> CommandInsideAsync(string line, int code)
    {
        await SendInsideAsync(line + "\r\n").ConfigureAwait(false);
        return Expect(await ReplyInsideAsync().ConfigureAwait(false), code, line);
    }

    /// <summary>Expects that the peer sends nothing but one alert, or just ends the connection.</summary>
    public async Task ExpectFailureAsync()
    {
        var record = await RecordAsync().ConfigureAwait(false);
        if (record is null)
        {
            throw new CaseFailedException("Expected an alert before the end of the connection.");
        }

        if (record.Type != RecordType.Alert || !record.Data.AsSpan().SequenceEqual((byte[])[1]))
        {
            throw new CaseFailedException($"Expected an alert with the one octet 1, got type {record.Type} with {record.Data.Length} octets.");
        }

        await ExpectEndAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _keys?.Dispose();
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private static Reply Expect(Reply reply, int code, string sent) => reply.Code == code
        ? reply
        : throw new CaseFailedException($"Sent {Show(Encoding.Latin1.GetBytes(sent))}, expected {code}, got {Show(reply.Lines[^1])}.");

    private static string Show(ReadOnlySpan<byte> octets)
    {
        var text = new StringBuilder();
        foreach (byte b in octets[..Math.Min(octets.Length, 80)])
        {
            text.Append(b is >= 32 and <= 126 and not (byte)'\\' ? ((char)b).ToString() : $"\\x{b:X2}");
        }

        return $"\"{text}{(octets.Length > 80 ? "…" : "")}\"";
    }

    private async Task<bool> FillAsync()
    {
        try
        {
            int count = await socket.ReceiveAsync(_octets.AsMemory(), cancel).ConfigureAwait(false);
            _waiting = [.. _waiting, .. _octets[..count]];
            return count > 0;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

using System.Text;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;

namespace BlackPony.Conformance.Peers;

/// <content>SMTP inside records.</content>
public sealed partial class ProbeConnection
{
    /// <summary>Sends text in one data record.</summary>
    public async Task SendInsideAsync(string text)
    {
        var data = Encoding.Latin1.GetBytes(text);
        await SendRecordAsync(RecordType.Data, data);
        _sent = $"{Expect.Show(data, 60)} inside";
    }

    /// <summary>Receives a line inside records, without CRLF; null at close, alert or end.</summary>
    public async Task<string?> LineInsideAsync()
    {
        int length = await LineLengthAsync();
        if (length == 0)
            return null;

        var line = Encoding.Latin1.GetString(_inside.Span[..(length - 2)]);
        _inside.Consume(length);
        return line;
    }

    /// <summary>Receives octets inside records, exactly so many; fewer at the end.</summary>
    public async Task<byte[]> OctetsInsideAsync(int count)
    {
        while (_inside.Length < count && await DataAsync() is { } data)
            _inside.Append(data);

        count = Math.Min(count, _inside.Length);
        var octets = _inside.Span[..count].ToArray();
        _inside.Consume(count);
        return octets;
    }

    /// <summary>Receives a reply inside records.</summary>
    public async Task<Reply> ReplyInsideAsync()
    {
        var reader = new ReplyReader();
        while (true)
        {
            int length = await Expecting("an SMTP reply inside", LineLengthAsync);
            if (length == 0)
            {
                throw new CaseFailedException(
                    $"After {_sent}: expected a reply inside, but the session ended with {Name(Records.LastOrDefault())}.");
            }

            var reply = reader.Read(_inside.Span[..length], out _);
            var wrong = reader.IsMalformed ? Expect.Show(_inside.Span[..(length - 2)]) : "";
            _inside.Consume(length);
            Expect.That(!reader.IsMalformed, $"After {_sent}: expected a reply inside, got {wrong}.");
            if (reply is not null)
                return reply;
        }
    }

    /// <summary>Sends a line inside and receives the reply, which must have the code.</summary>
    public async Task<Reply> CommandInsideAsync(string line, int code, string? requirement = null)
    {
        await SendInsideAsync(line + "\r\n");
        return Check(await ReplyInsideAsync(), code, requirement);
    }

    // Of the line inside that is next, with its CRLF; 0 at close, alert or end.
    private async Task<int> LineLengthAsync()
    {
        while (true)
        {
            int end = _inside.Span.IndexOf("\r\n"u8);
            if (end >= 0)
                return end + 2;

            if (await DataAsync() is not { } data)
                return 0;

            _inside.Append(data);
        }
    }

    private async Task<byte[]?> DataAsync()
    {
        while (await RecordAsync() is { } record)
        {
            switch (record.Type)
            {
                case RecordType.Data:
                    return record.Data;
                case RecordType.Close or RecordType.Alert:
                    return null;
            }
        }

        return null;
    }
}

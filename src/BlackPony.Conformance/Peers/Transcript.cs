using System.Text;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;

namespace BlackPony.Conformance.Peers;

/// <summary>A dialogue in the format of the specification's Appendix D.</summary>
public sealed class Transcript
{
    private const int MaxLength = 200_000;

    private readonly StringBuilder _text = new("# BlackPony transcript 1\n");
    private readonly List<string> _keys = [];
    private readonly Lock _lock = new();

    /// <summary>The secrets of the sessions so far, in the format of a key log (spec 11.3).</summary>
    public string KeyLog
    {
        get
        {
            lock (_lock)
            {
                return string.Concat(_keys);
            }
        }
    }

    // Long ones are cut: a transcript is for reading.
    private bool IsFull
    {
        get
        {
            lock (_lock)
            {
                return _text.Length >= MaxLength;
            }
        }
    }

    /// <summary>The transcript so far.</summary>
    public override string ToString()
    {
        lock (_lock)
        {
            return _text.ToString();
        }
    }

    /// <summary>Adds a comment.</summary>
    public void Comment(string text) => Add($"# {text}");

    /// <summary>Adds a parameter.</summary>
    public void Parameter(string key, string value) => Add($"@ {key} {value}");

    /// <summary>Keeps the secrets of a session, for <see cref="KeyLog"/>.</summary>
    internal void Keys(KeySchedule keys)
    {
        var th = Convert.ToHexStringLower(keys.TranscriptHash);
        lock (_lock)
        {
            _keys.Add($"BLACKPONY_CLIENT_TRAFFIC_SECRET_0 {th} {Convert.ToHexStringLower(keys.ClientTraffic)}\n"
                + $"BLACKPONY_SERVER_TRAFFIC_SECRET_0 {th} {Convert.ToHexStringLower(keys.ServerTraffic)}\n"
                + $"BLACKPONY_EXPORTER_SECRET {th} {Convert.ToHexStringLower(keys.ExporterSecret)}\n");
        }
    }

    /// <summary>Adds plaintext: whole lines as text, the rest as octets.</summary>
    /// <param name="side"><c>C</c> or <c>S</c>.</param>
    /// <param name="octets">The octets.</param>
    public void Plain(char side, ReadOnlySpan<byte> octets)
    {
        while (!octets.IsEmpty && !IsFull)
        {
            int end = octets.IndexOf("\r\n"u8);
            if (end < 0)
            {
                Raw(side, octets);
                return;
            }

            Add($"{side}: ", Expect.Escape(octets[..end]));
            octets = octets[(end + 2)..];
        }
    }

    /// <summary>Adds octets that are neither a line nor a record.</summary>
    public void Raw(char side, ReadOnlySpan<byte> octets)
    {
        if (!IsFull)
            Add($"{side}+ ", Convert.ToHexStringLower(octets));
    }

    /// <summary>Adds text that was sent inside TLS, without the records that held it.</summary>
    public void Inside(char side, ReadOnlySpan<byte> octets)
    {
        if (!IsFull)
            Add($"{side}}} data ", Expect.Escape(octets));
    }

    /// <summary>Adds a record and what it holds.</summary>
    internal void Record(char side, ReadOnlySpan<byte> raw, RecordType type, ReadOnlySpan<byte> data)
    {
        if (IsFull)
            return;

        var name = type switch
        {
            >= RecordType.Data and <= RecordType.Alert => type.ToString().ToLowerInvariant(),
            _ => ((int)type).ToString(System.Globalization.CultureInfo.InvariantCulture),
        };
        var content = (type == RecordType.Data ? Expect.Escape(data) : Convert.ToHexStringLower(data)).TrimEnd();
        lock (_lock)
        {
            _text.Append($"{side}> ").Append(Convert.ToHexStringLower(raw)).Append($"\n{side}}} {name}");
            _text.Append(content.Length > 0 ? " " : "").Append(content).Append('\n');
        }
    }

    /// <summary>Adds the end of a direction.</summary>
    public void End(char side) => Add($"{side}!");

    /// <summary>Adds an event.</summary>
    public void Event(string text) => Add($"= {text}");

    private void Add(string line, string rest = "")
    {
        lock (_lock)
        {
            if (!IsFull)
                _text.Append(line).Append(rest).Append('\n');
        }
    }
}

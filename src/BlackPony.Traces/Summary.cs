using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces;

/// <summary>What many sessions have in common: servers, codes, reasons, times, encryption. Bounded, whatever the capture.</summary>
public sealed class Summary
{
    private const int MaxKeys = 20_000;
    private const int MaxSlowest = 10;

    private readonly Dictionary<string, ServerSum> _servers = [];
    private readonly Dictionary<int, long> _codes = [];
    private readonly Dictionary<string, long> _reasons = [];
    private readonly List<(double Seconds, string Command, ObservedSession Session)> _slowest = [];
    private long _sessions;
    private long _protected;
    private long _messages;
    private long _refused;

    private sealed class ServerSum
    {
        public long Sessions;
        public long Messages;
        public long Refused;
        public long Protected;
    }

    /// <summary>Adds a session.</summary>
    public void Add(ObservedSession session)
    {
        bool isProtected = session.Upgrade is UpgradeKind.Tls or UpgradeKind.StartTls
            || (session.Upgrade == UpgradeKind.BlackPony && session.Suite != "ROT");
        var refused = session.Messages.Where(m => m.IsRefused == true).Select(m => m.ReplyText).Concat(session.Refusals).ToList();
        _sessions++;
        _protected += isProtected ? 1 : 0;
        _messages += session.Messages.Count;
        _refused += refused.Count;
        if (Room(_servers, session.Server) is { } server)
        {
            server.Sessions++;
            server.Messages += session.Messages.Count;
            server.Refused += refused.Count;
            server.Protected += isProtected ? 1 : 0;
        }

        session.Replies.ForEach(c => _codes[c] = _codes.GetValueOrDefault(c) + 1);
        foreach (var text in refused.OfType<string>())
        {
            // The same reason for another address is the same reason.
            var reason = Replay.Normaliser.Text(text.Split("\r\n")[0]);
            if (_reasons.Count < MaxKeys || _reasons.ContainsKey(reason))
                _reasons[reason] = _reasons.GetValueOrDefault(reason) + 1;
        }

        if (session.SlowestCommand is { } command && (_slowest.Count < MaxSlowest || session.SlowestReply > _slowest[^1].Seconds))
        {
            _slowest.Add((session.SlowestReply, command, session));
            _slowest.Sort((a, b) => b.Seconds.CompareTo(a.Seconds));
            _slowest.RemoveRange(Math.Min(MaxSlowest, _slowest.Count), _slowest.Count - Math.Min(MaxSlowest, _slowest.Count));
        }
    }

    /// <summary>Writes it, for people.</summary>
    public void Write(TextWriter output)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{_sessions} sessions, {Share(_protected, _sessions)} of them encrypted; {_messages} messages, {_refused} refusals"));
        Table(output, "servers (sessions, messages, refusals, encrypted)",
            _servers.OrderByDescending(s => s.Value.Sessions).ThenBy(s => s.Key, StringComparer.Ordinal),
            s => $"{s.Value.Sessions,8} {s.Value.Messages,8} {s.Value.Refused,8} {Share(s.Value.Protected, s.Value.Sessions),6}  {s.Key}");
        Table(output, "reply codes", _codes.OrderBy(c => c.Key), c => $"{c.Value,8}  {c.Key}");
        Table(output, "reasons", _reasons.OrderByDescending(r => r.Value).ThenBy(r => r.Key, StringComparer.Ordinal),
            r => $"{r.Value,8}  {Escape.Octets(System.Text.Encoding.Latin1.GetBytes(r.Key), 120)}");
        Table(output, "slowest replies (seconds)", _slowest,
            s => string.Create(CultureInfo.InvariantCulture,
            $"{s.Seconds,8:0.000}  {s.Command}  {s.Session.Client} > {s.Session.Server}, session {s.Session.Number}"));
    }

    /// <summary>Writes it as a JSON object, for programs.</summary>
    public void WriteJson(Stream output)
    {
        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        Numbers(json, _sessions, _messages, _refused, _protected);
        json.WriteStartArray("servers");
        foreach (var (name, server) in _servers.OrderByDescending(s => s.Value.Sessions).ThenBy(s => s.Key, StringComparer.Ordinal))
        {
            json.WriteStartObject();
            json.WriteString("server", name);
            Numbers(json, server.Sessions, server.Messages, server.Refused, server.Protected);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("codes");
        foreach (var (code, count) in _codes.OrderBy(c => c.Key))
            json.WriteNumber(code.ToString(CultureInfo.InvariantCulture), count);

        json.WriteEndObject();
        json.WriteStartArray("reasons");
        foreach (var (reason, count) in _reasons.OrderByDescending(r => r.Value).ThenBy(r => r.Key, StringComparer.Ordinal))
        {
            json.WriteStartObject();
            json.WriteString("reason", Escape.Octets(System.Text.Encoding.Latin1.GetBytes(reason), 500));
            json.WriteNumber("count", count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("slowest");
        foreach (var (seconds, command, session) in _slowest)
        {
            json.WriteStartObject();
            json.WriteNumber("seconds", Math.Round(seconds, 6));
            json.WriteString("command", command);
            json.WriteString("client", session.Client);
            json.WriteString("server", session.Server);
            json.WriteNumber("session", session.Number);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        output.Write("\n"u8);
    }

    private static void Numbers(Utf8JsonWriter json, long sessions, long messages, long refused, long encrypted)
    {
        json.WriteNumber("sessions", sessions);
        json.WriteNumber("messages", messages);
        json.WriteNumber("refusals", refused);
        json.WriteNumber("encrypted", encrypted);
    }

    private static string Share(long part, long whole) => whole == 0 ? "0%"
        : string.Create(CultureInfo.InvariantCulture, $"{100.0 * part / whole:0}%");

    private static ServerSum? Room(Dictionary<string, ServerSum> sums, string key)
    {
        if (!sums.TryGetValue(key, out var sum) && sums.Count < MaxKeys)
            sums[key] = sum = new ServerSum();

        return sum;
    }

    private static void Table<T>(TextWriter output, string title, IEnumerable<T> rows, Func<T, string> show)
    {
        const int Most = 25;
        output.WriteLine();
        output.WriteLine(title);
        int count = 0;
        foreach (var row in rows)
        {
            if (count++ < Most)
                output.WriteLine(show(row));
        }

        if (count > Most)
            output.WriteLine($"          and {count - Most} more");
    }
}

using System.Text.Json;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Reports;

/// <summary>JSON by tools/trace-replayer/inspect.schema.json. The sums come last, because they are known last.</summary>
public sealed class JsonReport : IReport, IDisposable
{
    private const int FlushAt = 65536;

    private readonly Utf8JsonWriter _json;
    private readonly Stream _output;
    private readonly bool _lines;

    /// <summary>Begins the document.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="lines">Whether each session is a line by itself, and nothing else is written.</param>
    public JsonReport(Stream output, bool lines = false)
    {
        (_output, _lines) = (output, lines);
        _json = new Utf8JsonWriter(output,
            new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        if (!lines)
        {
            _json.WriteStartObject();
            _json.WriteStartArray("sessions");
        }
    }

    /// <inheritdoc/>
    public void Session(SessionReport session)
    {
        _json.WriteStartObject();
        _json.WriteNumber("session", session.Number);
        _json.WriteString("file", session.File);
        _json.WriteString("client", session.Client);
        _json.WriteString("server", session.Server);
        _json.WriteString("start", Words.Time(session.Start));
        _json.WriteString("end", Words.Time(session.End));
        _json.WriteString("greeting", session.Greeting);
        _json.WriteString("helo", session.Helo);
        _json.WriteStartArray("commands");
        session.Commands.ForEach(_json.WriteStringValue);
        _json.WriteEndArray();
        _json.WriteStartArray("replies");
        session.Replies.ForEach(_json.WriteNumberValue);
        _json.WriteEndArray();
        _json.WriteStartArray("messages");
        foreach (var message in session.Messages)
        {
            _json.WriteStartObject();
            _json.WriteString("from", message.From);
            _json.WriteStartArray("to");
            foreach (var to in message.To)
            {
                _json.WriteStringValue(to);
            }

            _json.WriteEndArray();
            _json.WriteStartArray("recipients");
            foreach (var recipient in message.Recipients)
            {
                _json.WriteStartObject();
                _json.WriteString("address", recipient.Address);
                Number("reply", recipient.Reply);
                _json.WriteString("text", recipient.Text);
                Flag("refused", recipient.IsRefused);
                _json.WriteEndObject();
            }

            _json.WriteEndArray();
            _json.WriteNumber("octets", message.Octets);
            _json.WriteString("via", message.InChunks ? "bdat" : "data");
            if (message.Reply is { } reply)
            {
                _json.WriteNumber("reply", reply);
            }

            _json.WriteString("text", message.ReplyText);
            Flag("refused", message.IsRefused);
            _json.WriteString("time", Words.Time(message.Time));
            Number("seconds", message.Seconds);
            _json.WriteString("subject", message.Subject);
            _json.WriteString("message_id", message.MessageId);
            _json.WriteString("queue_id", message.QueueId);
            _json.WriteNumber("missing", message.Missing);
            _json.WriteString("file", message.File);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        _json.WriteStartObject("upgrade");
        _json.WriteString("kind", Words.Of(session.Upgrade));
        _json.WriteString("suite", session.Suite);
        _json.WriteBoolean("decrypted", session.IsDecrypted);
        _json.WriteEndObject();
        Tls(session);
        _json.WriteString("proxy", session.Via);
        Exchanges(session);
        Findings(session.Findings);
        _json.WriteEndObject();
        if (_lines)
        {
            _json.Flush();
            _output.WriteByte((byte)'\n');
            _output.Flush();
            _json.Reset();
        }
        else if (_json.BytesPending > FlushAt)
        {
            _json.Flush();
        }
    }

    /// <inheritdoc/>
    public void Finish(IReadOnlyList<FileReport> files, Totals totals)
    {
        if (_lines)
        {
            return;
        }

        _json.WriteEndArray();
        _json.WriteStartArray("files");
        foreach (var file in files)
        {
            _json.WriteStartObject();
            _json.WriteString("name", file.Name);
            _json.WriteString("format", file.Format);
            _json.WriteString("unreadable", file.Unreadable);
            _json.WriteNumber("packets", file.Packets);
            _json.WriteNumber("bytes", file.Octets);
            Findings(file.Findings);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        _json.WriteStartObject("totals");
        _json.WriteNumber("packets", totals.Packets);
        _json.WriteNumber("bytes", totals.Octets);
        _json.WriteNumber("sessions", totals.Sessions);
        _json.WriteNumber("messages", totals.Messages);
        _json.WriteStartObject("upgrades");
        _json.WriteNumber("starttls", totals.StartTls);
        _json.WriteNumber("tls", totals.Tls);
        _json.WriteNumber("blackpony", totals.BlackPony);
        _json.WriteEndObject();
        _json.WriteNumber("gaps", totals.Gaps);
        _json.WriteNumber("findings", totals.Findings);
        _json.WriteEndObject();
        _json.WriteEndObject();
        _json.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    private void Number(string name, double? value)
    {
        if (value is { } number)
        {
            _json.WriteNumber(name, number);
        }
        else
        {
            _json.WriteNull(name);
        }
    }

    private void Flag(string name, bool? value)
    {
        if (value is { } flag)
        {
            _json.WriteBoolean(name, flag);
        }
        else
        {
            _json.WriteNull(name);
        }
    }

    private void Tls(SessionReport session)
    {
        if (session.Tls is not { } tls)
        {
            _json.WriteNull("tls");
            return;
        }

        _json.WriteStartObject("tls");
        _json.WriteString("version", tls.Version);
        Number("cipher_suite", tls.CipherSuite);
        _json.WriteString("server_name", tls.ServerName);
        _json.WriteStartArray("certificate_names");
        foreach (var name in tls.CertificateNames)
        {
            _json.WriteStringValue(name);
        }

        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void Exchanges(SessionReport session)
    {
        if (session.Exchanges is not { } exchanges)
        {
            return;
        }

        _json.WriteStartArray("exchanges");
        foreach (var exchange in exchanges)
        {
            _json.WriteStartObject();
            _json.WriteString("command", exchange.Command);
            Number("reply", exchange.Reply);
            _json.WriteString("text", exchange.Text);
            _json.WriteString("time", Words.Time(exchange.Time));
            Number("seconds", exchange.Seconds);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }

    private void Findings(IReadOnlyList<Finding> findings)
    {
        _json.WriteStartArray("findings");
        foreach (var finding in findings)
        {
            _json.WriteStartObject();
            _json.WriteString("level", Words.Of(finding.Level));
            _json.WriteString("id", finding.Id);
            _json.WriteString("requirement", finding.Requirement);
            _json.WriteString("text", finding.Text);
            _json.WriteNumber("offset", finding.Offset);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }
}

using System.Text.Json;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Reports;

/// <summary>JSON by tools/trace-replayer/inspect.schema.json. The sums come last, because they are known last.</summary>
public sealed class JsonReport : IReport, IDisposable
{
    private const int FlushAt = 65536;

    private readonly Utf8JsonWriter _json;

    /// <summary>Begins the document.</summary>
    public JsonReport(Stream output)
    {
        _json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        _json.WriteStartObject();
        _json.WriteStartArray("sessions");
    }

    /// <inheritdoc/>
    public void Session(SessionReport session)
    {
        _json.WriteStartObject();
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
            _json.WriteNumber("octets", message.Octets);
            _json.WriteString("via", message.InChunks ? "bdat" : "data");
            if (message.Reply is { } reply)
            {
                _json.WriteNumber("reply", reply);
            }

            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        _json.WriteStartObject("upgrade");
        _json.WriteString("kind", Words.Of(session.Upgrade));
        _json.WriteString("suite", session.Suite);
        _json.WriteEndObject();
        Findings(session.Findings);
        _json.WriteEndObject();
        if (_json.BytesPending > FlushAt)
        {
            _json.Flush();
        }
    }

    /// <inheritdoc/>
    public void Finish(IReadOnlyList<FileReport> files, Totals totals)
    {
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

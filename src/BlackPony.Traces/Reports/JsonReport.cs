using System.Text.Json;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Reports;

/// <summary>JSON by tools/trace-replayer/inspect.schema.json. The sums come last, because they are known last.</summary>
public sealed class JsonReport : IReport, IDisposable
{
    private const int FlushAt = 65536;

    private readonly Utf8JsonWriter _json;
    private readonly JsonMoment _moment;
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
        _moment = new JsonMoment(_json);
        if (!lines)
        {
            _json.WriteStartObject();
            _json.WriteStartArray(JsonNames.Sessions);
        }
    }

    /// <inheritdoc/>
    public void Session(ObservedSession session)
    {
        _json.WriteStartObject();
        _json.WriteNumber(JsonNames.Session, session.Number);
        _json.WriteString(JsonNames.File, session.File);
        _json.WriteString(JsonNames.Client, session.Client);
        _json.WriteString(JsonNames.Server, session.Server);
        _moment.Time(JsonNames.Start, session.Start);
        _moment.Time(JsonNames.End, session.End);
        _json.WriteString(JsonNames.Greeting, session.Greeting);
        _json.WriteString(JsonNames.Helo, session.Helo);
        _json.WriteStartArray(JsonNames.Commands);
        session.Commands.ForEach(_json.WriteStringValue);
        _json.WriteEndArray();
        _json.WriteStartArray(JsonNames.Replies);
        session.Replies.ForEach(_json.WriteNumberValue);
        _json.WriteEndArray();
        _json.WriteStartArray(JsonNames.Messages);
        foreach (var message in session.Messages)
        {
            _json.WriteStartObject();
            _json.WriteString(JsonNames.From, message.From);
            _json.WriteStartArray(JsonNames.To);
            foreach (var to in message.To)
                _json.WriteStringValue(to);

            _json.WriteEndArray();
            _json.WriteStartArray(JsonNames.Recipients);
            foreach (var recipient in message.Recipients)
            {
                _json.WriteStartObject();
                _json.WriteString(JsonNames.Address, recipient.Address);
                Number(JsonNames.Reply, recipient.Reply);
                _json.WriteString(JsonNames.Text, recipient.Text);
                Flag(JsonNames.Refused, recipient.IsRefused);
                _json.WriteEndObject();
            }

            _json.WriteEndArray();
            _json.WriteNumber(JsonNames.Octets, message.Octets);
            _json.WriteString(JsonNames.Via, message.InChunks ? "bdat" : "data");
            if (message.Reply is { } reply)
                _json.WriteNumber(JsonNames.Reply, reply);

            _json.WriteString(JsonNames.Text, message.ReplyText);
            Flag(JsonNames.Refused, message.IsRefused);
            _moment.Time(JsonNames.Time, message.Time);
            _moment.Seconds(JsonNames.Seconds, message.Seconds);
            _json.WriteString(JsonNames.Subject, message.Subject);
            _json.WriteString(JsonNames.MessageId, message.MessageId);
            _json.WriteString(JsonNames.QueueId, message.QueueId);
            _json.WriteNumber(JsonNames.Missing, message.Missing);
            _json.WriteString(JsonNames.File, message.File);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        _json.WriteStartObject(JsonNames.Upgrade);
        _json.WriteString(JsonNames.Kind, Words.Of(session.Upgrade));
        _json.WriteString(JsonNames.Suite, session.Suite);
        _json.WriteBoolean(JsonNames.Decrypted, session.IsDecrypted);
        _json.WriteEndObject();
        Tls(session);
        _json.WriteString(JsonNames.Proxy, session.Via);
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
            return;

        _json.WriteEndArray();
        _json.WriteStartArray(JsonNames.Files);
        foreach (var file in files)
        {
            _json.WriteStartObject();
            _json.WriteString(JsonNames.Name, file.Name);
            _json.WriteString(JsonNames.Format, file.Format);
            _json.WriteString(JsonNames.Unreadable, file.Unreadable);
            _json.WriteNumber(JsonNames.Packets, file.Packets);
            _json.WriteNumber(JsonNames.Bytes, file.Octets);
            Findings(file.Findings);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        _json.WriteStartObject(JsonNames.Totals);
        _json.WriteNumber(JsonNames.Packets, totals.Packets);
        _json.WriteNumber(JsonNames.Bytes, totals.Octets);
        _json.WriteNumber(JsonNames.Sessions, totals.Sessions);
        _json.WriteNumber(JsonNames.Messages, totals.Messages);
        _json.WriteStartObject(JsonNames.Upgrades);
        _json.WriteNumber(JsonNames.Starttls, totals.StartTls);
        _json.WriteNumber(JsonNames.Tls, totals.Tls);
        _json.WriteNumber(JsonNames.Blackpony, totals.BlackPony);
        _json.WriteEndObject();
        _json.WriteNumber(JsonNames.Gaps, totals.Gaps);
        _json.WriteNumber(JsonNames.Findings, totals.Findings);
        _json.WriteEndObject();
        _json.WriteEndObject();
        _json.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    private void Number(JsonEncodedText name, double? value)
    {
        if (value is { } number)
            _json.WriteNumber(name, number);
        else
            _json.WriteNull(name);
    }

    private void Flag(JsonEncodedText name, bool? value)
    {
        if (value is { } flag)
            _json.WriteBoolean(name, flag);
        else
            _json.WriteNull(name);
    }

    private void Tls(ObservedSession session)
    {
        if (session.Tls is not { } tls)
        {
            _json.WriteNull(JsonNames.Tls);
            return;
        }

        _json.WriteStartObject(JsonNames.Tls);
        _json.WriteString(JsonNames.Version, tls.Version);
        Number(JsonNames.CipherSuite, tls.CipherSuite);
        _json.WriteString(JsonNames.ServerName, tls.ServerName);
        _json.WriteStartArray(JsonNames.CertificateNames);
        foreach (var name in tls.CertificateNames)
            _json.WriteStringValue(name);

        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void Exchanges(ObservedSession session)
    {
        if (session.Exchanges is not { } exchanges)
            return;

        _json.WriteStartArray(JsonNames.Exchanges);
        foreach (var exchange in exchanges)
        {
            _json.WriteStartObject();
            _json.WriteString(JsonNames.Command, exchange.Command);
            Number(JsonNames.Reply, exchange.Reply);
            _json.WriteString(JsonNames.Text, exchange.Text);
            _moment.Time(JsonNames.Time, exchange.Time);
            _moment.Seconds(JsonNames.Seconds, exchange.Seconds);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }

    private void Findings(IReadOnlyList<Finding> findings)
    {
        _json.WriteStartArray(JsonNames.Findings);
        foreach (var finding in findings)
        {
            _json.WriteStartObject();
            _json.WriteString(JsonNames.Level, Words.Of(finding.Level));
            _json.WriteString(JsonNames.Id, finding.Id);
            _json.WriteString(JsonNames.Requirement, finding.Requirement);
            _json.WriteString(JsonNames.Text, finding.Text);
            _json.WriteNumber(JsonNames.Offset, finding.Offset);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }
}

using System.Text.Json;

namespace BlackPony.Traces.Reports;

/// <summary>The properties of tools/trace-replayer/inspect.schema.json, encoded once.</summary>
internal static class JsonNames
{
    public static readonly JsonEncodedText Sessions = JsonEncodedText.Encode("sessions");
    public static readonly JsonEncodedText Session = JsonEncodedText.Encode("session");
    public static readonly JsonEncodedText File = JsonEncodedText.Encode("file");
    public static readonly JsonEncodedText Client = JsonEncodedText.Encode("client");
    public static readonly JsonEncodedText Server = JsonEncodedText.Encode("server");
    public static readonly JsonEncodedText Start = JsonEncodedText.Encode("start");
    public static readonly JsonEncodedText End = JsonEncodedText.Encode("end");
    public static readonly JsonEncodedText Greeting = JsonEncodedText.Encode("greeting");
    public static readonly JsonEncodedText Helo = JsonEncodedText.Encode("helo");
    public static readonly JsonEncodedText Commands = JsonEncodedText.Encode("commands");
    public static readonly JsonEncodedText Replies = JsonEncodedText.Encode("replies");
    public static readonly JsonEncodedText Messages = JsonEncodedText.Encode("messages");
    public static readonly JsonEncodedText From = JsonEncodedText.Encode("from");
    public static readonly JsonEncodedText To = JsonEncodedText.Encode("to");
    public static readonly JsonEncodedText Recipients = JsonEncodedText.Encode("recipients");
    public static readonly JsonEncodedText Address = JsonEncodedText.Encode("address");
    public static readonly JsonEncodedText Reply = JsonEncodedText.Encode("reply");
    public static readonly JsonEncodedText Text = JsonEncodedText.Encode("text");
    public static readonly JsonEncodedText Refused = JsonEncodedText.Encode("refused");
    public static readonly JsonEncodedText Octets = JsonEncodedText.Encode("octets");
    public static readonly JsonEncodedText Via = JsonEncodedText.Encode("via");
    public static readonly JsonEncodedText Time = JsonEncodedText.Encode("time");
    public static readonly JsonEncodedText Seconds = JsonEncodedText.Encode("seconds");
    public static readonly JsonEncodedText Subject = JsonEncodedText.Encode("subject");
    public static readonly JsonEncodedText MessageId = JsonEncodedText.Encode("message_id");
    public static readonly JsonEncodedText QueueId = JsonEncodedText.Encode("queue_id");
    public static readonly JsonEncodedText Missing = JsonEncodedText.Encode("missing");
    public static readonly JsonEncodedText Upgrade = JsonEncodedText.Encode("upgrade");
    public static readonly JsonEncodedText Kind = JsonEncodedText.Encode("kind");
    public static readonly JsonEncodedText Suite = JsonEncodedText.Encode("suite");
    public static readonly JsonEncodedText Decrypted = JsonEncodedText.Encode("decrypted");
    public static readonly JsonEncodedText Proxy = JsonEncodedText.Encode("proxy");
    public static readonly JsonEncodedText Files = JsonEncodedText.Encode("files");
    public static readonly JsonEncodedText Name = JsonEncodedText.Encode("name");
    public static readonly JsonEncodedText Format = JsonEncodedText.Encode("format");
    public static readonly JsonEncodedText Unreadable = JsonEncodedText.Encode("unreadable");
    public static readonly JsonEncodedText Packets = JsonEncodedText.Encode("packets");
    public static readonly JsonEncodedText Bytes = JsonEncodedText.Encode("bytes");
    public static readonly JsonEncodedText Totals = JsonEncodedText.Encode("totals");
    public static readonly JsonEncodedText Upgrades = JsonEncodedText.Encode("upgrades");
    public static readonly JsonEncodedText Starttls = JsonEncodedText.Encode("starttls");
    public static readonly JsonEncodedText Tls = JsonEncodedText.Encode("tls");
    public static readonly JsonEncodedText Blackpony = JsonEncodedText.Encode("blackpony");
    public static readonly JsonEncodedText Gaps = JsonEncodedText.Encode("gaps");
    public static readonly JsonEncodedText Findings = JsonEncodedText.Encode("findings");
    public static readonly JsonEncodedText Version = JsonEncodedText.Encode("version");
    public static readonly JsonEncodedText CipherSuite = JsonEncodedText.Encode("cipher_suite");
    public static readonly JsonEncodedText ServerName = JsonEncodedText.Encode("server_name");
    public static readonly JsonEncodedText CertificateNames = JsonEncodedText.Encode("certificate_names");
    public static readonly JsonEncodedText Exchanges = JsonEncodedText.Encode("exchanges");
    public static readonly JsonEncodedText Command = JsonEncodedText.Encode("command");
    public static readonly JsonEncodedText Level = JsonEncodedText.Encode("level");
    public static readonly JsonEncodedText Id = JsonEncodedText.Encode("id");
    public static readonly JsonEncodedText Requirement = JsonEncodedText.Encode("requirement");
    public static readonly JsonEncodedText Offset = JsonEncodedText.Encode("offset");
}

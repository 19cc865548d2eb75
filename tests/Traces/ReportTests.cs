using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlackPony.Conformance.Peers;
using BlackPony.Traces;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Reports;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>
/// The reports and conversions of a number of sessions, whole: what <c>tests/Traces/Reports</c> contains. <c>BLACKPONY_WRITE=1</c> writes
/// it again.
/// </summary>
public sealed class ReportTests : IDisposable
{
    private static readonly string[] Transcripts =
    [
        "pipelining", "bdat", "rot-by-hand", "relay-starttls", "ident", "failure-bit-flipped", "broken-offer-edited", "truncation",
        "fallback-refused-454", "refusal-504-version-and-suite", "records-split", "rekey", "refusal-inside",
    ];

    internal static readonly string[] Captures =
    [
        "starttls.pcap", "rot.pcap", "fallback.pcap", "x25519-chacha20poly1305.pcap", "rsa-blowfish.pcap",
        "tls/starttls-tls12-cbc.pcap", "tls/starttls-tls13-secrets-inside.pcapng",
    ];

    private readonly Folder _folder = new();
    private readonly List<string> _files;

    public ReportTests()
    {
        _files =
        [
            .. Transcripts.Select(t => Repository.At("spec", "transcripts", t + ".txt")),
            .. Captures.Select(At),
            _folder.Write("mime.pcap", Inspection.Connection(Mime)),
            _folder.Write("refused.pcap", Inspection.Connection(Refused)),
            _folder.Write("chunks.pcap", Inspection.Connection(Chunks)),
            _folder.Write("gap.pcap", Gaps.Connection(Frames.Lines, 'C', 40, 30)),
            _folder.Write("unfinished.pcap", Inspection.Connection(Frames.Lines[..10])),
            _folder.Write("midstream.pcap", Inspection.Connection(Frames.Lines[3..])),
        ];
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("inspect.txt", "text", false)]
    [InlineData("inspect-verbose.txt", "text", true)]
    [InlineData("inspect.json", "json", false)]
    [InlineData("inspect.html", "html", true)]
    [InlineData("summary.txt", "summary", false)]
    [InlineData("summary.json", "summary json", false)]
    public void A_report_is_written_whole(string name, string kind, bool verbose)
    {
        var stream = new MemoryStream();
        using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true);
        using var json = kind == "json" ? new JsonReport(stream) : null;
        IReport report = json ?? (kind == "html" ? new HtmlReport(writer) : (IReport)new TextReport(writer, verbose));
        var sum = new Summary();
        var inspector = new Inspector(Options() with { Dialogue = verbose, Exchanges = kind == "json" }, session =>
        {
            sum.Add(session);
            report.Session(session);
        });
        var files = inspector.Inspect(_files);
        if (kind.StartsWith("summary", StringComparison.Ordinal))
        {
            writer.Flush();
            stream.SetLength(0);
            if (kind == "summary")
            {
                sum.Write(writer);
            }
            else
            {
                sum.WriteJson(stream);
            }
        }
        else
        {
            report.Finish(files, inspector.Totals);
        }

        writer.Flush();
        json?.Dispose();
        var text = Encoding.UTF8.GetString(stream.ToArray());
        Compare(name, kind.EndsWith("json", StringComparison.Ordinal) ? Indented(text) : text);
    }

    [Fact]
    public void A_page_says_which_file_was_not_read_and_why()
    {
        var page = new StringWriter();
        var report = new HtmlReport(page);
        var inspector = new Inspector(new InspectOptions(), report.Session);
        var file = inspector.Inspect(new MemoryStream("no <capture>"u8.ToArray()), "<a>.txt");
        report.Finish(inspector.Files, inspector.Totals);
        Assert.NotEmpty(file.Unreadable!);
        Assert.Contains($"<p>&lt;a&gt;.txt {file.Unreadable!.Replace("<", "&lt;", StringComparison.Ordinal)}</p>\n", page.ToString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_says_which_file_is_damaged_and_names_no_other()
    {
        var page = new StringWriter();
        var report = new HtmlReport(page);
        var inspector = new Inspector(new InspectOptions(), report.Session);
        var whole = Inspection.Pcap(Frames.Session());
        inspector.Inspect(new MemoryStream(whole[..^3]), "damaged.pcap");
        inspector.Inspect(new MemoryStream(whole), "whole.pcap");
        report.Finish(inspector.Files, inspector.Totals);
        var header = page.ToString()[page.ToString().IndexOf("<header", StringComparison.Ordinal)..];
        Assert.Contains("<p>damaged.pcap </p>\n", header, StringComparison.Ordinal);
        Assert.Contains("The file ends within a packet.", header, StringComparison.Ordinal);
        Assert.DoesNotContain("whole.pcap", header, StringComparison.Ordinal);
    }

    [Fact]
    public void The_text_says_which_file_was_not_read_and_why()
    {
        var text = new StringWriter();
        var report = new TextReport(text, notes: false);
        var inspector = new Inspector(new InspectOptions(), report.Session);
        var file = inspector.Inspect(new MemoryStream("no capture"u8.ToArray()), "a.txt");
        report.Finish(inspector.Files, inspector.Totals);
        Assert.StartsWith($"a.txt: {file.Unreadable}\n1 file, ", text.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(25, "")]
    [InlineData(27, "          and 2 more")]
    public void A_summary_names_the_first_of_many_and_counts_the_others(int servers, string end)
    {
        var sum = new Summary();
        var inspector = new Inspector(new InspectOptions(), sum.Add);
        for (int i = 0; i < servers; i++)
        {
            var server = IPEndPoint.Parse($"10.0.1.{i}:25");
            inspector.Inspect(new MemoryStream(Inspection.Connection(Inspection.Client, server, Frames.Lines)), "a");
        }

        var text = new StringWriter();
        sum.Write(text);
        var rows = text.ToString().Split('\n').SkipWhile(l => !l.StartsWith("servers", StringComparison.Ordinal)).Skip(1)
            .TakeWhile(l => l.Length > 0).ToList();
        Assert.Equal(25, rows.Count(r => r.Contains("10.0.1.", StringComparison.Ordinal)));
        Assert.Equal(end, rows.Skip(25).SingleOrDefault(""));
    }

    [Theory]
    [InlineData("converted.txt", false)]
    [InlineData("anonymized.txt", true)]
    public void A_conversion_is_written_whole(string name, bool anonymized)
    {
        var text = new StringBuilder();
        foreach (var file in _files)
        {
            var converter = new Converter(Options(), anonymized ? new SeededRandom("reports", Path.GetFileName(file)) : null);
            using var transcript = new MemoryStream();
            var read = converter.ToTranscript(file, transcript, out int sessions);
            text.Append(CultureInfo.InvariantCulture,
                $"=== {Path.GetFileName(file)}: {sessions}, {read.Unreadable ?? "read"}, {converter.Leaks.Count}\n");
            text.Append(Encoding.UTF8.GetString(transcript.ToArray()));
        }

        Compare(name, text.ToString());
    }

    [Theory]
    [InlineData("converted-pcap.txt", false)]
    [InlineData("anonymized-pcap.txt", true)]
    public void A_capture_that_is_written_is_read_again(string name, bool anonymized)
    {
        var text = new StringWriter();
        foreach (var file in _files)
        {
            var converter = new Converter(Options(), anonymized ? new SeededRandom("reports", Path.GetFileName(file)) : null);
            using var pcap = new MemoryStream();
            converter.ToPcap(file, pcap, out int sessions);
            text.Write($"=== {Path.GetFileName(file)}: {sessions}\n");
            var report = new TextReport(text, notes: true);
            var inspector = new Inspector(Options() with { Dialogue = true }, report.Session);
            inspector.Inspect(new MemoryStream(pcap.ToArray()), "capture");
            report.Finish([], inspector.Totals);
        }

        Compare(name, text.ToString());
    }

    internal static string At(string capture) => Repository.At(["tests", "Traces", "Captures", .. capture.Split('/')]);

    private InspectOptions Options() => Options(_folder);

    // One log of all keys, as a program would write it.
    internal static InspectOptions Options(Folder folder)
    {
        var all = folder.Write("keys.log", [.. Captures.Select(At).Select(c => Path.ChangeExtension(c, "keys.log")).Where(File.Exists)
            .SelectMany(File.ReadAllBytes)]);
        return new InspectOptions { Keys = KeyLog.Read(all) };
    }

    private void Compare(string name, string written)
    {
        written = written.Replace(_folder.Path + "/", "", StringComparison.Ordinal)
            .Replace(Repository.Root + "/", "", StringComparison.Ordinal);
        var path = Repository.At("tests", "Traces", "Reports", name);
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, written);
        }

        Assert.Equal(File.ReadAllText(path), written);
    }

    private static string Indented(string json) => JsonNode.Parse(json)!.ToJsonString(
        new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";

    internal static readonly (char Who, string Text)[] Mime =
    [
        ('S', "220-mx.b.test ESMTP of Example Ltd\r\n220 ready\r\n"), ('C', "ehlo Mail.A.Test\r\n"),
        ('S', "250-mx.b.test Hello mail.a.test [192.0.2.7]\r\n250-SIZE 10240000\r\n250-8BITMIME\r\n250-AUTH PLAIN LOGIN\r\n"
            + "250-X-OWN thing\r\n250 SMTPUTF8\r\n"),
        ('C', "AUTH LOGIN\r\n"), ('S', "334 VXNlcm5hbWU6\r\n"), ('C', "YWxpY2U=\r\n"), ('S', "334 UGFzc3dvcmQ6\r\n"),
        ('C', "c2VjcmV0\r\n"), ('S', "235 2.7.0 Welcome alice\r\n"),
        ('C', "MAIL FROM:<Alice.Smith@a.test> SIZE=700 BODY=8BITMIME\r\n"), ('S', "250 2.1.0 Alice.Smith@a.test is fine\r\n"),
        ('C', "RCPT TO:<bob+list@b.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@b.test\r\n"), ('S', "250 2.1.5 Ok\r\n"),
        ('C', "rcpt to: <\"odd local\"@[192.0.2.9]>\r\n"), ('S', "550 5.1.1 No \"odd local\" here\r\n"), ('C', "DATA\r\n"),
        ('S', "354 End with .\r\n"),
        ('C', "Received: from desk (desk.a.test [192.0.2.3])\r\n\tby mail.a.test; Sat, 28 Nov 2026 09:05:07 +0000\r\n"
            + "From: Alice Smith <alice.smith@a.test>\r\nTo: bob@b.test,\r\n Carol <carol@c.test>\r\n"
            + "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= to you\r\nMessage-ID: <1234.5678@a.test>\r\n"
            + "X-Own-Header: something private\r\nMIME-Version: 1.0\r\n"
            + "Content-Type: multipart/mixed; boundary=\"=_frontier\"\r\n\r\nThis is MIME.\r\n--=_frontier\r\n"
            + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            + "Dear Bob, =C3=A4 long l=\r\nine.\r\n..dots at the start\r\n\r\n--=_frontier\r\n"
            + "Content-Type: application/octet-stream; name=\"secret plan.pdf\"\r\n"
            + "Content-Transfer-Encoding: base64\r\n\r\nU2VjcmV0IHBsYW5zIG9mIEFsaWNl\r\nAAEC\r\n--=_frontier--\r\n.\r\n"),
        ('S', "250 2.0.0 Ok: queued as 4Xy12zAbC\r\n"), ('C', "NOOP x\r\nVRFY bob\r\nHELP\r\nFROB nicate\r\n"),
        ('S', "250 Ok\r\n252 2.1.5 Cannot say\r\n214-Commands\r\n214 QUIT\r\n500 5.5.2 What\r\n"), ('C', "RSET\r\n"), ('S', "250 Ok\r\n"),
        ('C', "QUIT\r\n"), ('S', "221 2.0.0 mx.b.test closing\r\n"),
    ];

    internal static readonly (char Who, string Text)[] Refused =
    [
        ('S', "220 mx.b.test\r\n"), ('C', "EHLO a.test\r\n"), ('S', "502 no\r\n"), ('C', "HELO a.test\r\n"), ('S', "250 mx.b.test\r\n"),
        ('C', "STARTTLS\r\n"), ('S', "454 4.7.0 TLS not available\r\n"), ('C', "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"),
        ('S', "535 5.7.8 Bad credentials\r\n"), ('C', "MAIL FROM:<>\r\n"), ('S', "250 Ok\r\n"), ('C', "RCPT TO:<a@b.test>\r\n"),
        ('S', "450 4.2.1 Mailbox a@b.test busy\r\n"), ('C', "RCPT TO:<b@b.test>\r\n"), ('S', "250 Ok\r\n"), ('C', "DATA\r\n"),
        ('S', "354 Go\r\n"), ('C', "No header at all\r\n\r\n.\r\n"), ('S', "554 5.7.1 Spam, see https://b.test/why?id=42\r\n"),
        ('C', "MAIL FROM:<c@a.test>\r\n"), ('S', "421 4.3.2 Closing, good bye\r\n"),
    ];

    internal static readonly (char Who, string Text)[] Chunks =
    [
        ('S', "220 mx.b.test ESMTP\r\n"), ('C', "EHLO a.test\r\n"),
        ('S', "250-mx.b.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-XBLACKPONY V1 ROT\r\n250 BINARYMIME\r\n"),
        ('C', "MAIL FROM:<a@a.test> BODY=BINARYMIME\r\nRCPT TO:<b@b.test>\r\nBDAT 12\r\nSubject: x\r\nBDAT 6\r\n\r\n\0\n\x01."
            + "BDAT 0 LAST\r\n"),
        ('S', "250 Ok\r\n250 Ok\r\n250 12\r\n250 6\r\n250 Queued\r\n"), ('C', "XBLACKPONY V1 ROT\r\n"), ('S', "504 5.5.4 No\r\n"),
        ('C', "QUIT\r\n"), ('S', "221 Bye\r\n"),
    ];
}

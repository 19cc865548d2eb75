using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Captures that the Zeek project tests with: what is in them, read by hand and held against tshark.</summary>
public sealed class ZeekCaptureTests
{
    // Sessions by ";": verbs, then by "|" the messages, each "from to-count octets via reply".
    public static TheoryData<string, string> Captures => new()
    {
        { "connect-with-smtp.pcap", "HELO MAIL RCPT DATA QUIT | nhfjenna_neumann@lycos.com 1 1470 data 250" },
        { "mime-header-size-limit.pcap.gz", "EHLO MAIL RCPT DATA QUIT | exploit@attacker.evil 1 400074 data 250" },
        { "rfc3030-bdat-0-last.pcap", "EHLO MAIL RCPT BDAT QUIT | zeek@localhost 1 0 bdat 250" },
        { "rfc3030-bdat-example1.pcap", "EHLO MAIL RCPT BDAT QUIT | zeek@localhost 1 86 bdat 250" },
        { "rfc3030-bdat-multipart-chunked.pcap", "EHLO MAIL RCPT BDAT×27 QUIT | zeek@localhost 1 3460 bdat 250" },
        { "rfc3030-bdat-multipart.pcap", "EHLO MAIL RCPT BDAT QUIT | zeek@localhost 1 3460 bdat 250" },
        { "rfc3030-bdat-nonascii.pcap", "EHLO MAIL RCPT BDAT×2 QUIT | sender@localhost 1 604 bdat 250" },
        { "smtp-attachment-msg.pcap", "EHLO MAIL RCPT DATA | sender@example.com 1 586 data -" },
        { "smtp-bdat-cmd-chunk-size-overflow.pcap", "EHLO MAIL RCPT BDAT QUIT" },
        { "smtp-bdat-cmd-chunk-size-overflow2.pcap", "EHLO MAIL RCPT BDAT QUIT" },
        { "smtp-bdat-cmd-invalid.pcapng", "EHLO MAIL RCPT BDAT QUIT ; EHLO MAIL RCPT BDAT QUIT ; EHLO MAIL RCPT BDAT QUIT" },
        { "smtp-bdat-cmd-negative-chunk-size.pcap", "EHLO MAIL RCPT BDAT QUIT" },
        { "smtp-bdat-gap.pcap", "EHLO MAIL RCPT BDAT DATA QUIT | ? 0 78 data 250" },
        { "smtp-bdat-pipeline-8bitmime.pcap",
            "EHLO MAIL RCPT BDAT MAIL RCPT BDAT QUIT | linux-kernel-owner@vger.kernel.org 1 4404 bdat 250 | "
                + "linux-kernel-owner@vger.kernel.org 1 8757 bdat 250" },
        { "smtp-mail-transactions-invalid.pcap",
            "EHLO MAIL RCPT DATA RCPT DATA HELLO, . MAIL DATA HELLO, . DATA HELLO, . MAIL RCPT DATA QUIT | bob@example.org 1 18 data 250 "
                + "| bob@example.org 1 39 data 250" },
        { "smtp-many-addresses.pcap.gz", "EHLO MAIL RCPT×600 DATA QUIT | itzltrab@kmzcztrw.kkk.com 600 116178 data 250" },
        { "smtp-multi-addr.pcap", "EHLO MAIL RCPT DATA | root@gras-os-desk.cern.ch 1 684 data 250" },
        { "smtp-one-side-only.pcap",
            "EHLO MAIL RCPT DATA MAIL RCPT DATA QUIT | robin@icir.org 1 9178 data - | robin@icir.org 1 9179 data -" },
        { "smtp-starttls.pcap", "EHLO STARTTLS" },
        { "smtp.pcap",
            "EHLO AUTH MAIL RCPT DATA QUIT | gurpartap@patriots.in 1 14546 data 250 ; EHLO MAIL RCPT×3 DATA | albert@example.com 3 804 "
                + "data 250" },
    };

    [Theory]
    [MemberData(nameof(Captures))]
    [Trait("Needs", "shared/traces")]
    public void A_capture_is_read_as_a_person_reads_it(string name, string expected)
    {
        var inspection = Inspection.Of(SharedCaptures.Zeek(name));
        Assert.Null(inspection.File.Unreadable);
        Assert.Equal(expected, string.Join(" ; ", inspection.Sessions.Select(Summary)));
    }

    private static string Summary(ObservedSession session) =>
        string.Join(" | ", session.Messages.Select(
            m => $"{m.From ?? "?"} {m.To.Count} {m.Octets} {(m.InChunks ? "bdat" : "data")} {m.Reply?.ToString() ?? "-"}")
            .Prepend(Verbs(session.Commands)));

    private static string Verbs(List<string> commands)
    {
        var runs = new List<(string Verb, int Count)>();
        foreach (var verb in commands)
        {
            if (runs.Count > 0 && runs[^1].Verb == verb)
            {
                runs[^1] = (verb, runs[^1].Count + 1);
            }
            else
            {
                runs.Add((verb, 1));
            }
        }

        return string.Join(' ', runs.Select(r => r.Count == 1 ? r.Verb : $"{r.Verb}×{r.Count}"));
    }
}

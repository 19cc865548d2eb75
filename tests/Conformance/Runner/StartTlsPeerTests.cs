using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>What the suite's client of STARTTLS says of a server that the test plays.</summary>
public sealed class StartTlsPeerTests : IDisposable
{
    private const string Offer = "250-port.test|250 STARTTLS";

    private readonly CaseTimeout _timeout = new(TimeSpan.FromSeconds(60));
    private readonly CaseContext _context;

    public StartTlsPeerTests() => _context = new CaseContext(new Transcript(), new SeededRandom("tests", "starttls"), _timeout);

    public void Dispose() => _timeout.Dispose();

    [Theory]
    [InlineData("220 port.test", "fine")]
    [InlineData("220-port.test|220 here", "fine")]
    [InlineData("421 Busy", "not applicable: The server takes no connection now: \"421 Busy\".")]
    [InlineData("450 Greylisted", "not applicable: The server takes no connection now: \"450 Greylisted\".")]
    [InlineData("451-Try|451 Later", "not applicable: The server takes no connection now: \"451 Later\".")]
    [InlineData("452 Full", "After the connection: expected 220, got \"452 Full\".")]
    [InlineData("554 No service", "After the connection: expected 220, got \"554 No service\".")]
    [InlineData("", "After the connection: expected an SMTP reply, but the connection ended.")]
    [InlineData("hello", "After the connection: expected an SMTP reply, got \"hello\".")]
    public Task A_greeting_is_220_or_the_server_takes_no_connection_now(string greeting, string verdict) =>
        PlayAsync(verdict, greeting, [], _ => Task.CompletedTask);

    [Theory]
    [InlineData(Offer, "fine")]
    [InlineData("250-port.test|250 starttls", "fine")]
    [InlineData("250-port.test|250-SIZE|250-STARTTLS|250 DSN", "fine")]
    [InlineData("250-port.test|250 STARTTLS now", "fine")]
    [InlineData("250-STARTTLS|250 SIZE", "not applicable: The server does not offer STARTTLS.")]
    [InlineData("250-port.test|250 STARTTLSX", "not applicable: The server does not offer STARTTLS.")]
    [InlineData("250-port.test|250 NOSTARTTLS", "not applicable: The server does not offer STARTTLS.")]
    [InlineData("250 port.test", "not applicable: The server does not offer STARTTLS.")]
    [InlineData("502 No", "Sent \"EHLO probe.test\\r\\n\", expected 250, got \"502 No\".")]
    public Task STARTTLS_is_offered_by_a_line_that_begins_with_the_word(string ehlo, string verdict) =>
        PlayAsync(verdict, [ehlo], p => p.OpenAsync());

    [Theory]
    [InlineData("250-port.test|250 SIZE 1000", "fine")]
    [InlineData("250-port.test|250 size", "fine")]
    [InlineData("250-SIZE|250 DSN", "not applicable: The server does not offer SIZE.")]
    [InlineData("250-port.test|250 SIZES", "not applicable: The server does not offer SIZE.")]
    public Task What_a_case_needs_must_be_offered(string ehlo, string verdict) => PlayAsync(verdict, [ehlo], async p =>
    {
        await p.EhloAsync();
        p.Need("SIZE");
    });

    [Theory]
    [InlineData("220 Go ahead", "fine")]
    [InlineData("454 No TLS now", "not applicable: The server has no TLS now: \"454 No TLS now\".")]
    [InlineData("421 Bye", "not applicable: The server has no TLS now: \"421 Bye\".")]
    [InlineData("250 Ok", "TLS-4-1: Sent STARTTLS, expected 220, got \"250 Ok\".")]
    [InlineData("502-No|502 such", "TLS-4-1: Sent STARTTLS, expected 220, got \"502 such\".")]
    [InlineData("", "TLS-4-1: After \"STARTTLS\\r\\n\": expected an SMTP reply, but the connection ended.")]
    [InlineData("22", "After \"STARTTLS\\r\\n\": expected an SMTP reply, got \"22\".")]
    public Task The_reply_to_STARTTLS_is_220_or_there_is_no_TLS_now(string reply, string verdict) =>
        PlayAsync(verdict, [Offer, reply], async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
        });

    [Theory]
    [InlineData("220 Go", "fine", true)]
    [InlineData("221 Bye", "fine", false)]
    [InlineData("500 No", "fine", false)]
    [InlineData("503 No", "fine", false)]
    [InlineData("554 No", "fine", false)]
    [InlineData("", "fine", false)]
    [InlineData("454 No TLS now", "not applicable: The server has no TLS now: \"454 No TLS now\".")]
    [InlineData("222 Go", "TLS-4-1: Sent STARTTLS with more in the same segment, expected 220, got \"222 Go\".")]
    [InlineData("499 No", "TLS-4-1: Sent STARTTLS with more in the same segment, expected 220, got \"499 No\".")]
    [InlineData("hello", "After \"STARTTLS\\r\\nNOOP\\r\\n\": expected an SMTP reply, got \"hello\".")]
    public Task A_server_to_which_a_command_was_injected_may_refuse_or_end(string reply, string verdict, bool agrees = false) =>
        PlayAsync(verdict, [reply, null], async p => Assert.Equal(agrees, await p.InjectAsync("STARTTLS\r\nNOOP\r\n")));

    [Theory]
    [InlineData("x\r\ny\r\n", "250 Ok", "250 Ok\r\n", "C+ 780d0a790d0a\nS+ 323530204f6b0d0a\nS!\n")]
    [InlineData("x\r\n", "", "", "C+ 780d0a\nS!\n")]
    public Task What_comes_after_a_ClientHello_is_read_to_the_end_and_written_down(
        string hello, string reply, string octets, string written) =>
        PlayAsync("fine", [Offer, "220 Go", reply, null], async p =>
        {
            Assert.Equal(octets, Encoding.Latin1.GetString(await p.HelloAsync(Encoding.ASCII.GetBytes(hello))));
            Assert.True(p.Connection.HasEnded);
            Assert.EndsWith("S: 220 Go\n" + written, _context.Transcript.ToString(), StringComparison.Ordinal);
        });

    [Theory]
    [InlineData("500 No", "fine")]
    [InlineData("501 No", "fine")]
    [InlineData("502 No", "fine")]
    [InlineData("503 No", "fine")]
    [InlineData("554 No", "fine")]
    [InlineData("454 Not now", "not applicable: The server has no TLS now: \"454 Not now\".")]
    [InlineData("504 No", "TLS-4-1: Sent STARTTLS, expected 220, got \"504 No\".")]
    [InlineData("250 Ok", "TLS-4-1: Sent STARTTLS, expected 220, got \"250 Ok\".")]
    [InlineData("", "After \"STARTTLS\\r\\n\": expected an SMTP reply, but the connection ended.")]
    public Task STARTTLS_in_the_wrong_place_may_be_refused(string reply, string verdict) =>
        PlayAsync(verdict, [reply], async p => Assert.False(await p.LateAsync()));

    [Theory]
    [InlineData("250 Ok", Offer, "fine")]
    [InlineData("500 No", Offer, "fine")]
    [InlineData("", null, "fine")]
    [InlineData("250 Ok", "", "fine")]
    [InlineData("250-a|250 b", null, "R: Inside, the first reply is not the one to NOOP: \"250-a\".")]
    [InlineData("250 Ok", "250 Ok",
        "R: Inside, NOOP is answered with \"250 Ok\", and the EHLO after it with \"250 Ok\": there is a reply too many.")]
    [InlineData("250 Ok", "221-a|221 b",
        "R: Inside, NOOP is answered with \"250 Ok\", and the EHLO after it with \"221-a\": there is a reply too many.")]
    public Task The_first_reply_inside_is_the_one_to_NOOP(string first, string? second, string verdict) =>
        PlayAsync(verdict, [first, second], p => p.FirstIsNoopAsync("R"));

    [Theory]
    [InlineData(Offer, "250 Ok", "fine")]
    [InlineData(Offer, "500 No", "fine")]
    [InlineData(Offer, "502 No", "fine")]
    [InlineData(Offer, "", "fine")]
    [InlineData("", null, "fine")]
    [InlineData("250 Ok", null, "R: Inside, the first reply is not the one to EHLO: \"250 Ok\".")]
    [InlineData("221-a|221 b", null, "R: Inside, the first reply is not the one to EHLO: \"221-a\".")]
    [InlineData(Offer, "501 No", "R: Inside, the NOOP after EHLO is answered with \"501 No\".")]
    [InlineData(Offer, "250-a|250 b", "R: Inside, the NOOP after EHLO is answered with \"250-a\".")]
    public Task The_first_reply_inside_is_the_one_to_EHLO(string first, string? second, string verdict) =>
        PlayAsync(verdict, [first, second], p => p.FirstIsEhloAsync("R"));

    [Theory]
    [InlineData("200 Ok", "fine")]
    [InlineData("250 Ok", "fine")]
    [InlineData("399 Ok", "fine")]
    [InlineData("400 Later", "not applicable: RCPT is answered with \"400 Later\" for now.")]
    [InlineData("451-Try|451 later", "not applicable: RCPT is answered with \"451 later\" for now.")]
    [InlineData("499 Later", "not applicable: RCPT is answered with \"499 Later\" for now.")]
    [InlineData("500 No", "R: Sent \"RCPT TO:<b>\", got \"500 No\".")]
    [InlineData("550-No|550 such", "R: Sent \"RCPT TO:<b>\", got \"550 such\".")]
    public Task A_command_is_taken_unless_the_server_says_later(string reply, string verdict) =>
        PlayAsync(verdict, [reply], p => p.TakenAsync("RCPT TO:<b>", "R"));

    [Theory]
    [InlineData("250 Ok", "250 Ok", "354 Go", "250 Kept", "fine")]
    [InlineData("550 No", null, null, null, "R: Sent \"MAIL FROM:<>\", got \"550 No\".")]
    [InlineData("250 Ok", "550 No", null, null, "R: Sent \"RCPT TO:<to@port.test>\", got \"550 No\".")]
    [InlineData("250 Ok", "250 Ok", "250 Go", null, "R: Sent \"DATA\\r\\n\", expected 354, got \"250 Go\".")]
    [InlineData("250 Ok", "250 Ok", "354 Go", "554 No",
        "R: Sent \"From: <probe@probe.test>\\r\\nSubject: word\\r\\n\\r\\nword\\r\\n.\\r\\n\", expected 250, got \"554 No\".")]
    public async Task A_message_is_taken_or_what_was_refused_is_said(string mail, string? rcpt, string? data, string? end, string verdict)
    {
        await PlayAsync(verdict, [mail, rcpt, data, end], p => p.DeliverAsync("word", "to@port.test", "R"));
        if (verdict == "fine")
        {
            Assert.EndsWith("C: MAIL FROM:<>\nS: 250 Ok\nC: RCPT TO:<to@port.test>\nS: 250 Ok\nC: DATA\nS: 354 Go\n"
                + "C: From: <probe@probe.test>\nC: Subject: word\nC: \nC: word\nC: .\nS: 250 Kept\n",
                _context.Transcript.ToString().Replace("C: QUIT\n", "", StringComparison.Ordinal), StringComparison.Ordinal);
        }
    }

    private Task PlayAsync(string verdict, string?[] replies, Func<StartTlsProbe, Task> play) =>
        PlayAsync(verdict, "220 port.test", replies, play);

    // Plays with a server that has these replies: their lines are parted by bars, and an empty one ends the connection.
    private async Task PlayAsync(string verdict, string greeting, string?[] replies, Func<StartTlsProbe, Task> play)
    {
        await using var server = new LoopbackServer(async (stream, cancel) =>
        {
            using var reader = new StreamReader(stream, Encoding.Latin1);
            bool isMessage = false;
            foreach (var reply in replies.Prepend(greeting))
            {
                if (string.IsNullOrEmpty(reply))
                {
                    return;
                }

                await stream.WriteAsync(Encoding.Latin1.GetBytes(reply.Replace("|", "\r\n", StringComparison.Ordinal) + "\r\n"), cancel);
                isMessage = reply.StartsWith("354", StringComparison.Ordinal);
                while (await reader.ReadLineAsync(cancel) is { } line && isMessage && line != ".")
                {
                    // The lines of the message have one reply.
                }
            }

            // The suite ends the connection, after whatever it has sent.
            await stream.CopyToAsync(Stream.Null, cancel);
        });
        await using var target = new RemoteServer("127.0.0.1", server.Port, 0, VirtualTime.Limits);
        string said;
        try
        {
            await using var probe = await StartTlsProbe.StartAsync(target, Needs.Nothing, _context);
            await play(probe);
            said = "fine";
        }
        catch (NotApplicableException e)
        {
            said = "not applicable: " + e.Message;
        }
        catch (CaseFailedException e)
        {
            said = (e.Requirement is null ? "" : e.Requirement + ": ") + e.Message;
        }

        Assert.Equal(verdict, said);
    }
}

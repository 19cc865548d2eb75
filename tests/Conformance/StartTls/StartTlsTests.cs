using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.StartTls;

/// <summary>
/// The cases for servers of STARTTLS are proven: the embedded server passes them, and the cases that catch a faulty one report the
/// requirement that it breaks.
/// </summary>
public class StartTlsTests
{
    /// <summary>How many other cases each run shows to pass with a faulty server.</summary>
    private const int Sample = 3;

    private static readonly bool IsWhole = Environment.GetEnvironmentVariable("BLACKPONY_DEEP") is not null;
    private static readonly RunOptions Options = new(TimeSpan.FromSeconds(IsWhole ? 5 : 30), IsWhole ? 16 : 4)
    {
        Longer = IsWhole ? 1 : 4,
    };

    public static TheoryData<string> Faults => [.. StartTlsFaults.All.Select(f => f.ToString())];

    [Fact]
    public async Task The_embedded_server_passes_every_case()
    {
        await using var target = new EmbeddedStartTlsServer();
        var results = await CaseRunner.RunAsync(target, StartTlsServerCases.All, Options);
        Assert.Empty(results.Where(r => r.Verdict != Verdict.Pass).Select(r => $"{r.Case.Id} {r.Verdict}: {r.Detail}\n{r.Transcript}"));
    }

    [Theory]
    [InlineData("TS-9846.5.1-1", "= 5 records without content")]
    [InlineData("TS-9846.5.1-2", "C} data RSET\\r\\n")]
    [InlineData("TS-9846.4.7.3-1", "= KeyUpdate")]
    [InlineData("TS-5321.4.1.1.10-8", "C} data QUIT\\r\\n\n= close_notify")]
    public async Task The_transcript_says_what_the_suite_sent_inside_TLS(string id, string said)
    {
        await using var target = new EmbeddedStartTlsServer();
        var result = Assert.Single(await CaseRunner.RunAsync(target, [StartTlsServerCases.All.Single(c => c.Id == id)], Options));
        Assert.Contains($"\n{said}\n", result.Transcript, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_faulty_server_is_caught_for_what_it_breaks(string name)
    {
        var fault = StartTlsFaults.All.Single(f => f.ToString() == name);
        await using var target = new FaultyStartTlsTarget(fault);
        var catching = fault.CaughtBy.Split(' ').Select(id => StartTlsServerCases.All.Single(c => c.Id == id)).ToList();
        var options = fault.Silence is { } silence ? Options with { Timeout = silence, Longer = 1 } : Options;
        var caught = await CaseRunner.RunAsync(target, catching, options);
        Assert.Empty(caught.Where(r => r.Violated != fault.Breaks)
            .Select(r => $"{r.Case.Id} {r.Verdict} reports {r.Violated}: {r.Detail}\n{r.Transcript}"));
        if (fault.Wide is not null)
        {
            return;
        }

        var declared = $"{fault.CaughtBy} {fault.AlsoFails}".Split(' ');
        var random = new SeededRandom(Environment.GetEnvironmentVariable("BLACKPONY_SEED") ?? "1", name);
        var draws = new byte[4 * StartTlsServerCases.All.Count];
        random.Fill(draws);
        var others = StartTlsServerCases.All.Where(c => !declared.Contains(c.Id))
            .Select((c, i) => (Case: c, Draw: BitConverter.ToUInt32(draws, 4 * i))).OrderBy(p => p.Draw)
            .Take(IsWhole ? int.MaxValue : Sample).Select(p => p.Case).ToList();
        Assert.Empty((await CaseRunner.RunAsync(target, others, Options)).Where(r =>
            r.Verdict is not (Verdict.Pass or Verdict.NotApplicable))
            .Select(r => $"{r.Case.Id} is not declared, and reports {r.Verdict} {r.Violated}: {r.Detail}\n{r.Transcript}"));
    }

    [Theory(Timeout = 120_000)]
    [InlineData("TS-4.2-21", 2)]
    [InlineData("TS-4.2-25", 2)]
    [InlineData("TS-4.2-25", 3600)] // 5 s of silence are enough
    public async Task A_server_that_is_silent_in_the_handshake_has_run_no_injected_command(string id, int limit)
    {
        var fault = new StartTlsFault("", id, "discards what comes after its 220")
        {
            Came = (session, octets) => Task.FromResult<byte[]?>(session.Tls is null ? octets : []),
        };
        await using var target = new FaultyStartTlsTarget(fault);
        var cases = StartTlsServerCases.All.Where(c => c.Id == id).ToList();
        var options = new RunOptions(TimeSpan.FromSeconds(limit)) { Stop = TestContext.Current.CancellationToken };
        var result = Assert.Single(await CaseRunner.RunAsync(target, cases, options));
        Assert.Equal((Verdict.Pass, "The server sends nothing more: no command was run."), (result.Verdict, result.Detail));
    }

    [Theory]
    [InlineData("220 Go\r\n", true)]
    [InlineData("\x15\x03\x03\0\x02\x02\x28" + "250 Ok\r\n", true)]
    [InlineData("\x15\x03\x03\0\x02\x02\x28", false)]
    [InlineData("\x17\x03\x03\0\x0ax\n250 Ok\r\n", false)]
    [InlineData("\x17\x03\x03\x01\0x\n250 Ok\r\n", false)]
    [InlineData("x250 Ok\r\n", false)]
    [InlineData("\x13\x03\x03\0\x0ax\n250 Ok\r\n", true)]
    [InlineData("\x19\x03\x03\0\x0ax\n250 Ok\r\n", true)]
    [InlineData("\x15\x02\x03\0\x0ax\n250 Ok\r\n", true)]
    [InlineData("\x15\x03\x03\0", false)]
    public void A_reply_is_sought_outside_TLS_records_only(string octets, bool isReply) =>
        Assert.Equal(isReply, StartTlsConnection.HasReply(Encoding.Latin1.GetBytes(octets)));

    [Fact]
    public void Every_requirement_that_a_case_cites_is_broken_by_a_faulty_server() =>
        Assert.Empty(StartTlsServerCases.All.SelectMany(c => c.Cites).Distinct().Except(StartTlsFaults.All.Select(f => f.Breaks)));

    [Fact]
    public void Every_case_catches_a_faulty_server_that_breaks_a_requirement_that_it_cites() =>
        Assert.Empty(StartTlsServerCases.All
            .Where(c => !StartTlsFaults.All.Any(f => c.Cites.Contains(f.Breaks) && f.CaughtBy.Split(' ').Contains(c.Id))).Select(c =>
                c.Id));

    [Fact]
    public void Few_faulty_servers_break_most_cases_and_no_two_are_the_same()
    {
        Assert.InRange(StartTlsFaults.All.Count(f => f.Wide is not null), 0, 5);
        Assert.Equal(StartTlsFaults.All.Count, StartTlsFaults.All.Select(f => f.ToString()).Distinct().Count());
    }

    [Fact]
    public void Ids_are_unique_planned_and_cite_the_catalogue()
    {
        var planned = File.ReadAllText(Repository.At("spec", "starttls-cases.md"));
        Assert.Equal(StartTlsServerCases.All.Count, StartTlsServerCases.All.Select(c => c.Id).Distinct().Count());
        Assert.All(StartTlsServerCases.All, c =>
        {
            Assert.Contains($"| {c.Id} |", planned, StringComparison.Ordinal);
            Assert.All(c.Cites, r => Assert.True(BlackPony.Conformance.Specification.StartTls.Requirements.ContainsKey(r),
                $"{c.Id} cites {r}"));
        });
    }
}

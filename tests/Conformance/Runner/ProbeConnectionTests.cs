using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>
/// What a case says of octets that come over a connection: the test is the peer, which sends them, and sees what the suite says and writes
/// down.
/// </summary>
public sealed class ProbeConnectionTests : IAsyncDisposable
{
    private static readonly byte[] Secret = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static readonly byte[] Th = new byte[32];
    private static readonly Suite Core = SuiteRegistry.Find(Names.Core)!;

    private readonly Transcript _transcript = new();
    private readonly CaseTimeout _timeout = new(TimeSpan.FromSeconds(60));
    private readonly Socket _peer;
    private readonly ProbeConnection _wire;
    private Direction? _theirs;

    public ProbeConnectionTests()
    {
        var (mine, peer) = Pair();
        (_wire, _peer) = (new ProbeConnection(mine, Role.Client, _transcript, _timeout), peer);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _theirs?.Dispose();
        _peer.Dispose();
        await _wire.DisposeAsync();
        _timeout.Dispose();
    }

    [Fact]
    public async Task Lines_and_octets_come_as_they_were_sent_and_are_written_down()
    {
        await SayAsync("220 one\r\ntwo\r\n\xe9");
        Assert.Equal("220 one", await _wire.LineAsync());
        Assert.True(_wire.HasMore);
        Assert.Equal("two", await _wire.LineAsync());
        Assert.Equal([0xe9], await _wire.OctetsAsync(1));
        Assert.False(_wire.HasMore);
        await SayAsync("half");
        var all = _wire.OctetsAsync(6);
        Assert.False(all.IsCompleted);
        await SayAsync(" more");
        Assert.Equal("half m", Latin(await all));
        Assert.Equal("ore", Latin(await _wire.SomeAsync()));
        await SayAsync("no end");
        _peer.Shutdown(SocketShutdown.Send);
        Assert.Null(await _wire.LineAsync());
        Assert.Equal("no end", Latin(await _wire.OctetsAsync(100)));
        Assert.Empty(await _wire.SomeAsync());
        Assert.Equal(["220 one", "two"], _wire.Plaintext);
        Assert.StartsWith("# BlackPony transcript 1\nS: 220 one\nS: two\nS+ e9\nS+ 68616c66206d\nS+ 6f7265\nS!\n", Written(),
            StringComparison.Ordinal);
        Assert.Contains("S+ 6e6f20656e64\n", Written(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_sent_is_written_down_as_it_went()
    {
        await _wire.SendLineAsync("EHLO \xe9");
        await _wire.SendLineAsync("");
        await _wire.SendAsync("raw\0");
        Assert.Equal("EHLO \xe9\r\n\r\nraw\0", Latin(await HearAsync(14)));
        _wire.EndDirection();
        _wire.EndDirection();
        Assert.Equal(0, await _peer.ReceiveAsync(new byte[1], Cancel));
        Assert.Equal("# BlackPony transcript 1\nC: EHLO \\xE9\nC: \nC+ 72617700\nC!\n", Written());
    }

    [Fact]
    public async Task A_reply_of_several_lines_is_one_and_another_code_is_a_failure()
    {
        await SayAsync("250-mx\r\n250 SIZE\r\n");
        Assert.Equal(["mx", "SIZE"], (await _wire.ReplyAsync()).Texts());
        await SayAsync("250 Ok\r\n");
        Assert.Equal(250, (await _wire.CommandAsync("NOOP", 250, "BP-1")).Code);
        await SayAsync("500-What\r\n500 was that\r\n");
        await FailsAsync(() => _wire.CommandAsync("NOOP x", 250, "BP-1"), "BP-1",
            "Sent \"NOOP x\\r\\n\", expected 250, got \"500 was that\".");
        await SayAsync("554 No\r\n");
        await FailsAsync(() => _wire.ExpectAsync(220, "BP-2"), "BP-2", "Sent \"NOOP x\\r\\n\", expected 220, got \"554 No\".");
    }

    [Theory]
    [InlineData("nonsense\r\n", "After the connection: expected an SMTP reply, got \"nonsense\".", null)]
    [InlineData("250-a\r\n251 b\r\n", "After the connection: expected an SMTP reply, got \"251 b\".", null)]
    [InlineData("", "After the connection: expected an SMTP reply, but the connection ended.", "BP-1")]
    [InlineData("25", "After the connection: expected an SMTP reply, but the connection ended after \"25\".", "BP-1")]
    public async Task What_is_no_reply_is_a_failure(string said, string finding, string? requirement)
    {
        await SayAsync(said);
        _peer.Shutdown(SocketShutdown.Send);
        await FailsAsync(() => _wire.ReplyAsync("BP-1"), requirement, finding);
    }

    [Fact]
    public async Task After_nonsense_the_next_reply_is_read_correctly()
    {
        await SayAsync("250-a\r\nnonsense\r\n250 Ok\r\n");
        await Assert.ThrowsAsync<CaseFailedException>(() => _wire.ReplyAsync());
        Assert.Equal(["Ok"], (await _wire.ReplyAsync()).Texts());
    }

    [Theory]
    [InlineData("504 No\r\n", null, null)]
    [InlineData("501 No\r\n", "BP-another", "expected 504, got \"501 No\".")]
    [InlineData("400 No\r\n", "BP-another", "expected 504, got \"400 No\".")]
    [InlineData("220 Go\r\n", "BP-taken", "expected 504, got \"220 Go\".")]
    [InlineData("", "BP-4.4-2", "expected an SMTP reply, but the connection ended.")]
    public async Task A_refusal_is_the_right_one_or_violates_what_fits(string said, string? requirement, string? finding)
    {
        await SayAsync(said);
        _peer.Shutdown(SocketShutdown.Send);
        var refused = () => _wire.RefusedAsync("XBLACKPONY", 504, "BP-taken", "BP-another");
        if (finding is null)
        {
            await refused();
            return;
        }

        var failure = await Assert.ThrowsAsync<CaseFailedException>(refused);
        Assert.Equal(requirement, failure.Requirement);
        Assert.EndsWith(finding, failure.Message, StringComparison.Ordinal);
        Assert.Contains("XBLACKPONY", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_connection_must_end_with_FIN_and_nothing_before_it()
    {
        _peer.Shutdown(SocketShutdown.Send);
        await _wire.ExpectClosedAsync("It goes on.", "BP-1");
        await _wire.ExpectNothingAsync("It goes on.", "BP-1");
        _wire.ExpectNoReset("BP-1");
        Assert.False(_wire.WasReset);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whatever_comes_instead_of_the_end_is_a_failure(bool isThere)
    {
        await SayAsync("500 What\r\n");
        if (isThere)
        {
            Assert.Equal("5", Latin(await _wire.OctetsAsync(1)));
        }

        var rest = isThere ? "00 What" : "500 What";
        await FailsAsync(() => _wire.ExpectClosedAsync("It goes on.", "BP-1"), "BP-1",
            $"It goes on. After the connection came \"{rest}\\r\\n\".");
        await FailsAsync(() => _wire.ExpectNothingAsync("It goes on.", "BP-1", "BP-2"), "BP-1", "After the connection: It goes on.");
    }

    [Fact]
    public async Task A_reset_is_no_end()
    {
        await _wire.SendLineAsync("QUIT");
        _peer.LingerState = new LingerOption(true, 0);
        _peer.Close();
        const string Reset =
            "After \"QUIT\\r\\n\": the connection ended with a reset (RST) instead of FIN, which discards octets in transit.";
        await FailsAsync(() => _wire.ExpectClosedAsync("It goes on.", "BP-1"), "BP-1", Reset);
        Assert.True(_wire.WasReset);
        await FailsAsync(() => _wire.ExpectNothingAsync("It goes on.", "BP-1", "BP-2"), "BP-2", Reset);
        await FailsAsync(() => _wire.ExpectNothingAsync("It goes on.", "BP-1"), "BP-1", Reset);
        await FailsAsync(() => _wire.ExpectLingersAsync("BP-3"), "BP-3", "After \"QUIT\\r\\n\": the peer ended the connection, and answers "
            + "what comes then with a reset (RST), which discards octets in transit.");
    }

    [Fact]
    public async Task A_peer_that_reads_on_lingers()
    {
        await _wire.SendLineAsync("QUIT");
        _peer.Shutdown(SocketShutdown.Send);
        await _wire.ExpectClosedAsync("It goes on.");
        await _wire.ExpectLingersAsync();
        Assert.Equal(6 + 5, (await HearAsync(11)).Length);
    }

    [Fact]
    public async Task This_side_can_reset()
    {
        _wire.Reset();
        _wire.EndDirection();
        await Assert.ThrowsAsync<SocketException>(async () => await _peer.ReceiveAsync(new byte[1], Cancel));
        Assert.DoesNotContain("C!", Written(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_comes_to_the_end_is_counted_and_lines_are_kept()
    {
        await SayAsync("one\r\ntwo\r\nrest");
        _peer.Shutdown(SocketShutdown.Send);
        Assert.Equal(14, await _wire.DrainAsync());
        Assert.Equal(["one", "two"], _wire.Plaintext);
    }

    [Fact]
    public async Task A_line_that_never_ends_is_a_failure()
    {
        var flood = Task.Run(async () =>
        {
            try
            {
                for (int i = 0; i < 40; i++)
                {
                    await _peer.SendAsync(new byte[1 << 16], Cancel);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The suite has seen enough.
            }
        }, Cancel);
        await FailsAsync(() => _wire.LineAsync(), null, "More than a megabyte came without the end of a line.");
        _peer.Dispose();
        await flood;
    }

    [Fact]
    public async Task Records_go_both_ways_and_are_written_down_with_what_they_hold()
    {
        Switch();
        Assert.True(_wire.Switched);
        await _wire.SendInsideAsync("EHLO \xe9\r\n");
        await _wire.SendRecordAsync(RecordType.Finished, new byte[] { 1, 2 }, inner: 40);
        await _wire.SendRecordAsync(RecordType.Data, new byte[256]);
        var (keys, mine) = Keys();
        using (keys)
        using (mine)
        {
            var first = mine.Open(await HearAsync(2 + 256 + 16))!;
            Assert.Equal([.. "EHLO "u8, 0xe9, 13, 10, 1, .. new byte[247]], first);
            var second = mine.Open(await HearAsync(2 + 40 + 16))!;
            Assert.Equal([1, 2, 2, .. new byte[37]], second);
            Assert.Equal(512, mine.Open(await HearAsync(2 + 512 + 16))!.Length);
            await _wire.RekeyAsync();
            Assert.Equal(4, mine.Open(await HearAsync(2 + 256 + 16))![0]);
            mine.Rekey();
            await _wire.SendRecordsAsync(_wire.Seal(RecordType.Close, []), [7]);
            var last = await HearAsync(2 + 256 + 16 + 1);
            Assert.Equal((5, 7), (mine.Open(last[..^1])![0], last[^1]));
        }

        await SealAsync(RecordType.Data, "250 \xe9\r\n"u8);
        var record = (await _wire.RecordAsync())!;
        Assert.Equal((RecordType.Data, 256), (record.Type, record.Inner));
        Assert.Single(_wire.Records);
        var written = Written();
        Assert.Contains("C} data EHLO \\xE9\\r\\n\n", written, StringComparison.Ordinal);
        Assert.Contains("C} finished 0102\n", written, StringComparison.Ordinal);
        Assert.Contains("C} rekey\n", written, StringComparison.Ordinal);
        Assert.Contains("S} data 250 ", written, StringComparison.Ordinal);
        Assert.Contains($"# th {new string('0', 64)}\n# shared secret 0102", written, StringComparison.Ordinal);
        Assert.StartsWith("BLACKPONY_CLIENT_TRAFFIC_SECRET_0 ", _transcript.KeyLog, StringComparison.Ordinal);
        Assert.Equal(3, _transcript.KeyLog.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Theory]
    [InlineData("\0\x10", "a record came with the length 16, or octets that are not a record: \"\\x00\\x10\".", "BP-7.1-1")]
    [InlineData("@\x12", "a record came with the length 16402, or octets that are not a record: \"@\\x12\".", "BP-7.1-1")]
    [InlineData("\x7fye", "a record came with the length 32633, or octets that are not a record: \"\\x7Fye\".", "BP-7.1-1")]
    [InlineData("B\x7f", "a record came with the length 17023, or octets that are not a record: \"B\\x7F\".", "BP-7.1-1")]
    [InlineData("~~", "plaintext came after the switch to records: \"~~\".", "BP-4.6-3")]
    [InlineData("A ", "plaintext came after the switch to records: \"A \".", "BP-4.6-3")]
    [InlineData("Bye\r\n", "plaintext came after the switch to records: \"Bye\\r\\n\".", "BP-4.6-3")]
    [InlineData("250 Ok\r\n", "plaintext came after the switch to records: \"250 Ok\\r\\n\".", "BP-4.6-3")]
    [InlineData("554-No\r\n554 No\r\n", "plaintext came after the switch to records: \"554-No\\r\\n554 No\\r\\n\".", "BP-4.6-3")]
    [InlineData("150 Ok\r\n", "the connection ended within a record.", null)]
    [InlineData("250 Ok\n", "the connection ended within a record.", null)]
    [InlineData("2x0 Ok\r\n", "the connection ended within a record.", null)]
    [InlineData("\0", "the connection ended within a record.", null)]
    [InlineData("\0\x11", "the connection ended within a record.", null)]
    [InlineData("@\x11", "the connection ended within a record.", null)]
    [InlineData("\0\x11xxxxxxxxxxxxxxxxx", "a record came that does not verify. It is record 0 under its traffic secret, with "
        + "X25519-CHACHA20POLY1305; the dialogue shows th and the shared secret.", null)]
    public async Task What_is_no_record_is_a_failure(string said, string finding, string? requirement)
    {
        Switch();
        await SayAsync(said);
        _peer.Shutdown(SocketShutdown.Send);
        await FailsAsync(() => _wire.RecordAsync(), requirement, $"After the connection: {finding}");
    }

    [Fact]
    public async Task A_record_of_zero_octets_only_is_a_failure()
    {
        Switch();
        await _peer.SendAsync(_theirs!.Seal(new byte[20]), Cancel);
        await FailsAsync(() => _wire.RecordAsync(), "BP-7.1-5", "After the connection: a record came that has zero octets only.");
    }

    [Fact]
    public async Task One_key_is_used_up_to_its_limit_and_no_further() // [BP-7.6-2]
    {
        var classic = SuiteRegistry.Find(Names.Classic)!;
        using var keys = new KeySchedule(Names.Classic, Secret, Th);
        using var theirs = new Direction(classic, [.. keys.ServerTraffic]);
        _wire.SwitchTo(classic, Role.Client, Secret, Th);
        // 8 MiB in blocks of eight octets, and not one more.
        byte[] inner = [.. new byte[16_383], 130];
        for (int i = 0; i < 512; i++)
        {
            await _peer.SendAsync(theirs.Seal(inner), Cancel);
            Assert.Equal(130, (int)(await _wire.RecordAsync())!.Type);
        }

        await _peer.SendAsync(theirs.Seal([4]), Cancel);
        await FailsAsync(() => _wire.RecordAsync(), "BP-7.6-2", "The peer uses one traffic secret above its limit.");
    }

    [Fact]
    public async Task A_key_that_was_changed_begins_again()
    {
        var classic = SuiteRegistry.Find(Names.Classic)!;
        using var keys = new KeySchedule(Names.Classic, Secret, Th);
        using var theirs = new Direction(classic, [.. keys.ServerTraffic]);
        _wire.SwitchTo(classic, Role.Client, Secret, Th);
        byte[] inner = [.. new byte[16_383], 130];
        for (int i = 0; i < 600; i++)
        {
            await _peer.SendAsync(theirs.Seal(i == 500 ? [4] : inner), Cancel);
            Assert.Equal(i == 500 ? RecordType.Rekey : (RecordType)130, (await _wire.RecordAsync())!.Type);
            if (i == 500)
            {
                theirs.Rekey();
            }
        }
    }

    [Fact]
    public async Task The_expected_record_comes_or_what_came_instead_is_said()
    {
        Switch();
        await SealAsync(RecordType.Close, []);
        await FailsAsync(() => _wire.RecordAsync(RecordType.Finished, "BP-1", "BP-2"), "BP-1",
            "After the connection: expected a finished record, got a close record with 0 octets.");
        await SealAsync(RecordType.Data, "NOOP\r\n"u8);
        await FailsAsync(() => _wire.RecordAsync(RecordType.Close, "BP-1"), "BP-1",
            "After the connection: expected a close record, got data \"NOOP\\r\\n\".");
        await SealAsync(RecordType.Close, []);
        Assert.Equal(RecordType.Close, (await _wire.RecordAsync(RecordType.Close)).Type);
        _peer.Shutdown(SocketShutdown.Send);
        await FailsAsync(() => _wire.RecordAsync(RecordType.Finished, "BP-1", "BP-2"), "BP-2",
            "After the connection: expected a finished record, got the end of the connection.");
    }

    [Fact]
    public async Task Lines_inside_come_in_any_number_of_records_and_end_with_a_close()
    {
        Switch();
        await SealAsync(RecordType.Data, "250-a\r\n25"u8);
        await SealAsync(RecordType.Rekey, []);
        _theirs!.Rekey();
        await SealAsync(RecordType.Data, []);
        await SealAsync((RecordType)200, "x"u8);
        await SealAsync(RecordType.Data, "0 b\r\nrest"u8);
        await SealAsync(RecordType.Close, []);
        Assert.Equal(["a", "b"], (await _wire.ReplyInsideAsync()).Texts());
        Assert.Equal("re", Latin(await _wire.OctetsInsideAsync(2)));
        Assert.Equal("st", Latin(await _wire.OctetsInsideAsync(20)));
        _peer.Shutdown(SocketShutdown.Send);
        Assert.Null(await _wire.LineInsideAsync());
    }

    [Fact]
    public async Task A_reply_inside_that_is_none_is_a_failure()
    {
        Switch();
        await SealAsync(RecordType.Data, "nonsense\r\n"u8);
        await FailsAsync(() => _wire.ReplyInsideAsync(), null, "After the connection: expected a reply inside, got \"nonsense\".");
        await SealAsync(RecordType.Alert, [1]);
        await FailsAsync(() => _wire.ReplyInsideAsync(), null,
            "After the connection: expected a reply inside, but the session ended with an alert record with 1 octet.");
        await SealAsync(RecordType.Data, "250 Ok\r\n500 No\r\n"u8);
        Assert.Equal(250, (await _wire.CommandInsideAsync("NOOP", 250)).Code);
        await FailsAsync(() => _wire.CommandInsideAsync("NOOP", 250, "BP-1"), "BP-1",
            "Sent \"NOOP\\r\\n\" inside, expected 250, got \"500 No\".");
    }

    public static TheoryData<string, bool, Func<ProbeConnection, Task>> Waits => new()
    {
        { "a line", false, w => w.LineAsync() },
        { "octets", false, w => w.OctetsAsync(1) },
        { "an SMTP reply", false, w => w.ReplyAsync() },
        { "an SMTP reply", false, w => w.ExpectAsync(220) },
        { "the end of the connection", false, w => w.SomeAsync() },
        { "the end of the connection", false, w => w.ExpectClosedAsync("It goes on.") },
        { "the end of the connection", false, w => w.ExpectNothingAsync("It goes on.") },
        { "an SMTP reply inside", true, w => w.ReplyInsideAsync() },
        { "a finished record", true, w => w.RecordAsync(RecordType.Finished) },
        { "an alert and the end of the connection", true, w => w.ExpectAlertAsync() },
        { "the end of the connection", true, w => w.ExpectFailureAsync() },
        { "a close record", true, w => w.ExpectCloseAsync() },
    };

    [Theory]
    [MemberData(nameof(Waits))]
    public async Task Of_a_silent_peer_it_is_said_what_was_waited_for(string what, bool inside, Func<ProbeConnection, Task> wait)
    {
        if (inside)
        {
            Switch();
        }

        var silence = wait(_wire);
        Assert.False(silence.IsCompleted);
        _timeout.End();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => silence);
        Assert.Equal("No answer within 60 s, and the connection is open. The suite waited for this: after the connection, "
            + $"{what}.", _timeout.ToString());
    }

    [Theory]
    [InlineData("alert 01", null, null)]
    [InlineData("ident rekey data alert 01", null, null)]
    [InlineData("alert 02", "BP-8.3-2", "the alert's data is 02, not the one octet 1.")]
    [InlineData("alert", "BP-8.3-2", "the alert's data is , not the one octet 1.")]
    [InlineData("close", "BP-1", "expected an alert, got a close record with 0 octets.")]
    [InlineData("", "BP-8.3-1", "expected an alert, got the end of the connection.")]
    [InlineData("alert 01 close", "BP-8.3-1", "Something follows the alert.")]
    public async Task An_alert_is_the_last_that_comes(string records, string? requirement, string? finding)
    {
        Switch();
        await SendAsync(records);
        if (finding is null)
        {
            await _wire.ExpectAlertAsync("BP-1");
            return;
        }

        await FailsAsync(() => _wire.ExpectAlertAsync("BP-1"), requirement, $"After the connection: {finding}");
    }

    [Theory]
    [InlineData("", null, null)]
    [InlineData("alert 01", null, null)]
    [InlineData("close", "BP-1", "expected the end of the connection, got a close record with 0 octets.")]
    [InlineData("alert 01 alert 01", "BP-8.3-1", "Something follows the alert.")]
    public async Task A_failure_is_an_end_with_an_alert_or_without(string records, string? requirement, string? finding)
    {
        Switch();
        await SendAsync(records);
        if (finding is null)
        {
            await _wire.ExpectFailureAsync("BP-1");
            return;
        }

        await FailsAsync(() => _wire.ExpectFailureAsync("BP-1"), requirement, $"After the connection: {finding}");
    }

    [Theory]
    [InlineData("close", null, null)]
    [InlineData("rekey close", null, null)]
    [InlineData("rekey rekey close", "BP-8.1-5", "expected a close record, got a rekey record with 0 octets.")]
    [InlineData("ident close", "BP-8.1-5", "expected a close record, got an ident record with 0 octets.")]
    [InlineData("alert 01", "BP-8.1-1", "expected a close record, got an alert record with 1 octet.")]
    [InlineData("", "BP-8.1-1", "expected a close record, got the end of the connection.")]
    public async Task A_close_comes_after_a_rekey_at_most(string records, string? requirement, string? finding)
    {
        Switch();
        await SendAsync(records);
        if (finding is null)
        {
            await _wire.ExpectCloseAsync();
            return;
        }

        await FailsAsync(() => _wire.ExpectCloseAsync(), requirement, $"After the connection: {finding}");
    }

    [Fact]
    public async Task All_lines_to_the_end_are_given_without_the_first_lines_of_replies()
    {
        Switch();
        await SealAsync(RecordType.Data, "250-a\r\n250 b\r\n22"u8);
        await SealAsync(RecordType.Data, "1\r\n"u8);
        await SealAsync(RecordType.Close, []);
        var (lines, end) = await _wire.ToTheEndAsync();
        Assert.Equal(["250 b", "221"], lines);
        Assert.Equal(RecordType.Close, end?.Type);
        _peer.Shutdown(SocketShutdown.Send);
        (lines, end) = await _wire.ToTheEndAsync();
        Assert.Empty(lines);
        Assert.Null(end);
    }

    [Fact]
    public async Task Whether_a_record_verifies_is_seen_without_a_verdict()
    {
        Switch();
        await SealAsync(RecordType.Data, "x"u8);
        Assert.True(await _wire.NextVerifiesAsync());
        await SayAsync("\0\x12" + new string('x', 18));
        Assert.False(await _wire.NextVerifiesAsync());
        await SayAsync("\0\x10" + new string('x', 16));
        Assert.False(await _wire.NextVerifiesAsync());
        _peer.Shutdown(SocketShutdown.Send);
        Assert.False(await _wire.NextVerifiesAsync());
    }

    [Fact]
    public async Task A_record_is_tried_with_another_shared_secret()
    {
        Switch();
        using var keys = new KeySchedule(Names.Core, new byte[32], Th);
        using var other = new Direction(Core, keys.ServerTraffic);
        var record = other.Seal([1, 2]);
        Assert.True(_wire.Verifies(record, new byte[32]));
        Assert.False(_wire.Verifies(record, Secret));
        Assert.False(_wire.Verifies(record[..18], new byte[32]));
        Assert.False(_wire.Verifies([], new byte[32]));
        await SayAsync(Latin(record));
        Assert.Equal(record, await _wire.RawRecordAsync());
    }

    [Fact]
    public async Task A_wrong_verify_data_is_shown_beside_the_right_one()
    {
        Switch();
        var right = _wire.Keys.Finished(Role.Server);
        await SealAsync(RecordType.Finished, right);
        _wire.CheckFinished((await _wire.RecordAsync())!);
        await SealAsync(RecordType.Finished, _wire.Keys.Finished(Role.Client));
        var record = (await _wire.RecordAsync())!;
        await FailsAsync(() =>
        {
            _wire.CheckFinished(record);
            return Task.CompletedTask;
        }, "BP-6.3-1", "The server's verify_data has a wrong value. It is right with the other side's Finished key.\n"
            + $"expected {Convert.ToHexStringLower(right)}\ngot      {Convert.ToHexStringLower(record.Data)}");
    }

    [Fact]
    public async Task What_a_case_waits_for_is_said_when_nothing_comes()
    {
        foreach (var (wait, what) in new (Func<Task>, string)[]
        {
            (() => _wire.LineAsync(), "a line"), (() => _wire.ReplyAsync(), "an SMTP reply"), (() => _wire.OctetsAsync(1), "octets"),
            (() => _wire.ExpectClosedAsync("x"), "the end of the connection"),
        })
        {
            var waiting = wait();
            Assert.EndsWith($"The suite waited for this: after the connection, {what}.", $"{_timeout}", StringComparison.Ordinal);
            await SayAsync("250 x\r\n");
            await Task.WhenAny(waiting);
            _ = waiting.Exception;
            while (_wire.HasMore)
            {
                await _wire.SomeAsync();
            }
        }
    }

    private static (Socket Mine, Socket Peer) Pair()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var mine = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        mine.Connect(listener.LocalEndPoint!);
        var peer = listener.Accept();
        peer.NoDelay = true;
        return (mine, peer);
    }

    private static async Task FailsAsync(Func<Task> check, string? requirement, string finding)
    {
        var failure = await Assert.ThrowsAsync<CaseFailedException>(check);
        Assert.Equal((requirement, finding), (failure.Requirement, failure.Message));
    }

    private static string Latin(byte[] octets) => Encoding.Latin1.GetString(octets);

    private static (KeySchedule Keys, Direction Mine) Keys()
    {
        var keys = new KeySchedule(Names.Core, Secret, Th);
        return (keys, new Direction(Core, keys.ClientTraffic));
    }

    // Both sides have switched: the suite is the client.
    private void Switch()
    {
        using var keys = new KeySchedule(Names.Core, Secret, Th);
        _theirs = new Direction(Core, [.. keys.ServerTraffic]);
        _wire.SwitchTo(Core, Role.Client, Secret, Th, ["XBLACKPONY V1 ROT", "XBLACKPONY V1 ROT 1"]);
    }

    private string Written() => _transcript.ToString();

    private async Task SayAsync(string text) => await _peer.SendAsync(Encoding.Latin1.GetBytes(text), Cancel);

    private async Task<byte[]> HearAsync(int count)
    {
        var octets = new byte[count];
        for (int at = 0; at < count;)
        {
            int read = await _peer.ReceiveAsync(octets.AsMemory(at), Cancel);
            Assert.True(read > 0);
            at += read;
        }

        return octets;
    }

    private Task<int> SealAsync(RecordType type, ReadOnlySpan<byte> data)
    {
        var inner = new byte[Math.Max(256, data.Length + 1)];
        data.CopyTo(inner);
        inner[data.Length] = (byte)type;
        return _peer.SendAsync(_theirs!.Seal(inner), Cancel).AsTask();
    }

    // Records by name, an alert with its data, and then the end.
    private async Task SendAsync(string records)
    {
        var words = records.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < words.Length; i++)
        {
            var type = Enum.Parse<RecordType>(words[i], ignoreCase: true);
            bool hasData = i + 1 < words.Length && char.IsAsciiDigit(words[i + 1][0]);
            await SealAsync(type, hasData ? Convert.FromHexString(words[i + 1]) : []);
            i += hasData ? 1 : 0;
            if (type == RecordType.Rekey)
            {
                _theirs!.Rekey();
            }
        }

        _peer.Shutdown(SocketShutdown.Send);
    }
}

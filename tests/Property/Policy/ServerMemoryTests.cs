using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Property.Policy;

/// <summary>The memory of spec 9.4 under a clock that the tests turn.</summary>
public class ServerMemoryTests
{
    // All but the first digit of a key, and both times of one.
    private const string Good = "000000000000000000000000000000000000000000000000000000000000000/2026-11-23T12:00:00Z/2026-11-23T12:00:00Z";
    private const string FirstDigit = "0";
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 23, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public void An_entry_lives_for_its_lifetime_after_the_last_good_session() // [BP-9.4-5], [BP-9.4-1]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("MX.b.test.", 25, []);
        _clock.Advance(Limits.MemoryLifetime);
        Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(memory.Find("mx.b.test", 25, out bool gaveUp));
        Assert.False(gaveUp);
    }

    [Fact]
    public void A_server_that_fails_for_too_long_is_forgotten_with_a_warning() // [BP-9.4-10], [BP-9.4-8]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, [new byte[32]]);
        memory.Failing("mx.b.test", 25);
        _clock.Advance(Limits.MemoryPatience);
        memory.Failing("mx.b.test", 25);
        Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(memory.Find("mx.b.test", 25, out bool gaveUp));
        Assert.True(gaveUp);
    }

    [Fact]
    public void A_clock_that_ran_backward_makes_no_entry_last_longer() // [BP-9.4-11]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, []);
        _clock.AdjustTime(_clock.GetUtcNow() - TimeSpan.FromDays(1000));
        Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        _clock.Advance(Limits.MemoryLifetime + TimeSpan.FromSeconds(1));
        Assert.Null(memory.Find("mx.b.test", 25, out _));
    }

    [Fact]
    public void A_good_session_ends_the_failing() // [BP-9.4-9]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, []);
        memory.Failing("mx.b.test", 25);
        _clock.Advance(Limits.MemoryPatience);
        memory.Good("mx.b.test", 25, []);
        Assert.Null(memory.Find("mx.b.test", 25, out _)!.FailingSince);
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.NotNull(memory.Find("mx.b.test", 25, out bool gaveUp));
        Assert.False(gaveUp);
    }

    [Fact]
    public void However_many_servers_strangers_bring_none_is_forgotten_for_them() // [BP-9.4-13], [BP-9.4-15]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.victim.test", 25, []);
        for (int i = 1; i < Limits.MaxMemoryEntries; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            Assert.True(memory.Good($"mx.a{i}.test", 25, []));
        }

        Assert.False(memory.Good("mx.one-more.test", 25, []));
        Assert.NotNull(memory.Find("mx.victim.test", 25, out _));
        Assert.True(memory.Good("mx.victim.test", 25, []));
        Assert.Equal(Limits.MaxMemoryEntries, memory.Count);

        // What has expired makes room.
        _clock.AdjustTime(memory.Find("mx.a1.test", 25, out _)!.LastGood + Limits.MemoryLifetime + TimeSpan.FromSeconds(1));
        Assert.True(memory.Good("mx.one-more.test", 25, []));
        Assert.True(memory.Count <= Limits.MaxMemoryEntries);
        Assert.NotNull(memory.Find("mx.victim.test", 25, out _));
    }

    [Theory]
    [InlineData("mx{0}.evil.test", "mx.evil2.test")]
    [InlineData("a.b{0}.evil.co.uk", "mx.good.co.uk")]
    [InlineData("{0}.evil.io", "mx.good.io")]
    [InlineData("mx{0}.evil.uk", "mx.good.uk")]
    [InlineData("mx{0}.abc.test", "mx.abd.test")]
    [InlineData("mx{0}.a.test", "mx.b.test")]
    [InlineData("2001:db8:1:{0}::1", "2001:db8:2::1")]
    [InlineData("2001:db8:1:{0}::a", "2001:db8:2::a")]
    public void One_owner_cannot_fill_it(string names, string other) // [BP-9.4-16]
    {
        var memory = new ServerMemory(_clock);
        for (int i = 0; i < Limits.MaxMemoryPerOwner; i++)
        {
            Assert.True(memory.Good(string.Format(System.Globalization.CultureInfo.InvariantCulture, names, i), 25, []));
        }

        Assert.False(memory.Good(string.Format(System.Globalization.CultureInfo.InvariantCulture, names, 9999), 25, []));
        Assert.True(memory.Good(string.Format(System.Globalization.CultureInfo.InvariantCulture, names, 7), 25, []));
        Assert.True(memory.Good(other, 25, []));
    }

    [Theory]
    [InlineData("evil{0}.test")]
    [InlineData("evil{0}.co.uk")]
    [InlineData("evil{0}.com.au")]
    [InlineData("host{0}")]
    [InlineData("2001:db8:{0}::1")]
    public void Servers_of_many_owners_do_not_count_together(string names) // [BP-9.4-16]
    {
        var memory = new ServerMemory(_clock);
        for (int i = 0; i <= Limits.MaxMemoryPerOwner + 1; i++)
        {
            Assert.True(memory.Good(string.Format(System.Globalization.CultureInfo.InvariantCulture, names, i), 25, []));
        }
    }

    [Fact]
    public void Addresses_of_one_network_are_one_owner() // [BP-9.4-16]
    {
        var memory = new ServerMemory(_clock);
        for (int i = 0; i < Limits.MaxMemoryPerOwner; i++)
        {
            Assert.True(memory.Good($"192.0.2.{i % 250}", 25 + (i / 250), []));
        }

        Assert.False(memory.Good("192.0.2.251", 25, []));
        Assert.True(memory.Good("192.0.3.251", 25, []));
    }

    [Fact]
    public void Each_owner_is_counted_as_its_servers_come() // [BP-9.4-16]
    {
        var memory = new ServerMemory(_clock);
        for (int i = 0; i < Limits.MaxMemoryPerOwner; i++)
        {
            memory.Good($"mx{i}.first.test", 25, []);
        }

        for (int i = 0; i < Limits.MaxMemoryPerOwner; i++)
        {
            // Another time is not another server.
            Assert.True(memory.Good($"mx{i}.second.test", 25, []));
            Assert.True(memory.Good($"mx{i}.second.test", 25, []));
        }

        Assert.False(memory.Good("mx.second.test", 25, []));
        Assert.False(memory.Good("mx.first.test", 25, []));
        Assert.True(memory.Good("mx.third.test", 25, []));
    }

    [Fact]
    public void What_has_expired_makes_room_for_its_owner_and_for_no_other() // [BP-9.4-13], [BP-9.4-16]
    {
        var memory = new ServerMemory(_clock);
        Fill("old", 100);
        _clock.Advance(Limits.MemoryLifetime);
        Fill("first", Limits.MaxMemoryPerOwner - 100);
        for (int i = 0; i < 100; i++)
        {
            Assert.True(memory.Good($"mx{i}.first.test", 25, []));
            Assert.True(memory.Good($"more{i}.first.test", 25, []));
        }

        // Nothing has expired yet, then what is another's has.
        Assert.False(memory.Good("mx.first.test", 25, []));
        Assert.Equal(Limits.MaxMemoryPerOwner + 100, memory.Count);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(memory.Good("mx.first.test", 25, []));
        Assert.Equal(Limits.MaxMemoryPerOwner, memory.Count);

        // What is its own too.
        _clock.Advance(Limits.MemoryLifetime);
        Fill("second", Limits.MaxMemoryPerOwner - 1);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(memory.Good("mx.first.test", 25, []));
        Assert.True(memory.Good("mx.second.test", 25, []));
        Assert.False(memory.Good("one-more.second.test", 25, []));

        void Fill(string owner, int count)
        {
            for (int i = 0; i < count; i++)
            {
                Assert.True(memory.Good($"mx{i}.{owner}.test", 25, []));
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_server_that_one_delivery_forgets_stays_forgotten_unless_another_saw_it_since(bool seen) // [BP-9.4-9], [BP-9.4-10]
    {
        foreach (bool forgetsFirst in (bool[])[true, false])
        {
            var file = new ServerMemory(_clock);
            file.Good("mx.b.test", 25, []);
            var (forgets, other) = (MemoryText.Parse(MemoryText.Of(file), _clock), MemoryText.Parse(MemoryText.Of(file), _clock));
            _clock.Advance(TimeSpan.FromHours(1));
            if (!seen)
            {
                other.Failing("mx.b.test", 25);
            }

            _clock.Advance(Limits.MemoryLifetime);
            Assert.Null(forgets.Find("mx.b.test", 25, out _));
            if (seen)
            {
                other.Good("mx.b.test", 25, []);
            }

            foreach (var memory in forgetsFirst ? (ServerMemory[])[forgets, other] : [other, forgets])
            {
                Assert.Empty(MemoryText.CopyChanges(memory, file));
            }

            Assert.Equal(seen ? 1 : 0, file.Count);
        }
    }

    [Fact]
    public void A_new_server_that_one_delivery_has_forgotten_again_stays_where_another_saw_it() // [BP-9.4-9]
    {
        var file = new ServerMemory(_clock);
        var (forgets, other) = (new ServerMemory(_clock), new ServerMemory(_clock));
        forgets.Good("mx.b.test", 25, []);
        _clock.Advance(Limits.MemoryLifetime + TimeSpan.FromSeconds(1));
        Assert.Null(forgets.Find("mx.b.test", 25, out _));
        other.Good("mx.b.test", 25, []);
        MemoryText.CopyChanges(other, file);
        MemoryText.CopyChanges(forgets, file);
        Assert.NotNull(file.Find("mx.b.test", 25, out _));
    }

    [Fact]
    public void Of_two_failures_behind_a_good_session_the_one_that_was_with_it_counts() // [BP-9.4-8]
    {
        var file = new ServerMemory(_clock);
        file.Good("mx.b.test", 25, []);
        var (failing, good) = (MemoryText.Parse(MemoryText.Of(file), _clock), MemoryText.Parse(MemoryText.Of(file), _clock));
        _clock.Advance(TimeSpan.FromSeconds(10));
        good.Good("mx.b.test", 25, []);
        _clock.Advance(TimeSpan.FromSeconds(10));
        good.Failing("mx.b.test", 25);
        var since = _clock.GetUtcNow();
        _clock.Advance(TimeSpan.FromSeconds(10));
        failing.Failing("mx.b.test", 25);
        MemoryText.CopyChanges(good, file);
        MemoryText.CopyChanges(failing, file);
        Assert.Equal(since, file.Find("mx.b.test", 25, out _)!.FailingSince);
    }

    [Theory]
    [InlineData(20, true)]
    [InlineData(5, false)]
    public void A_failure_counts_behind_the_good_session_of_another_delivery_and_not_before_it(int failsAfter, bool fails) // [BP-9.4-8]
    {
        foreach (bool goodFirst in (bool[])[true, false])
        {
            var file = new ServerMemory(_clock);
            file.Good("mx.b.test", 25, []);
            var (failing, good) = (MemoryText.Parse(MemoryText.Of(file), _clock), MemoryText.Parse(MemoryText.Of(file), _clock));
            var begun = _clock.GetUtcNow();
            _clock.AdjustTime(begun + TimeSpan.FromSeconds(10));
            good.Good("mx.b.test", 25, [new byte[32]]);
            _clock.AdjustTime(begun + TimeSpan.FromSeconds(failsAfter));
            failing.Failing("mx.b.test", 25);
            _clock.AdjustTime(begun + TimeSpan.FromSeconds(30));
            foreach (var memory in goodFirst ? (ServerMemory[])[good, failing] : [failing, good])
            {
                MemoryText.CopyChanges(memory, file);
            }

            var entry = file.Find("mx.b.test", 25, out _)!;
            Assert.Equal(begun + TimeSpan.FromSeconds(10), entry.LastGood);
            Assert.Equal(fails ? begun + TimeSpan.FromSeconds(failsAfter) : null, entry.FailingSince);
            Assert.Single(entry.Idents);
        }
    }

    [Theory]
    [InlineData(0, 3600)]
    [InlineData(60, 3600)]
    [InlineData(3600, 3600)]
    [InlineData(7200, 7200)]
    [InlineData(20 * 86400, 20 * 86400)]
    public void A_key_counts_for_as_long_as_it_had_been_known_and_an_hour_at_least(int known, int counts) // [BP-9.4-20]
    {
        var memory = new ServerMemory(_clock);
        Shows(memory, 1);
        _clock.Advance(TimeSpan.FromSeconds(known));
        Shows(memory, 1);
        _clock.Advance(TimeSpan.FromSeconds(counts));
        Assert.Equal("ident-mismatch", Fault(memory, 2));
        Assert.Equal("ident-missing", Fault(memory));
        Assert.Null(Fault(memory, 1));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(Fault(memory, 2));
    }

    [Fact]
    public void A_key_counts_no_longer_than_the_memory_lasts() // [BP-9.4-20]
    {
        var memory = new ServerMemory(_clock);
        for (int i = 0; i < 4; i++)
        {
            Shows(memory, 1, 2);
            _clock.Advance(Limits.MemoryLifetime);
        }

        Shows(memory, 2);
        Assert.Null(Fault(memory, 1));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(Fault(memory, 1));
    }

    [Fact]
    public void A_key_beside_one_of_the_entry_has_its_age() // [BP-9.4-21]
    {
        var memory = new ServerMemory(_clock);
        Shows(memory, 1);
        _clock.Advance(TimeSpan.FromDays(2));
        Shows(memory, 1, 2);
        _clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal((null, "ident-mismatch"), (Fault(memory, 2), Fault(memory, 3)));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(Fault(memory, 3));

        // And beside one that is not of the entry it has none.
        memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, [Key(1), Key(2, isWithdrawn: true)]);
        _clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        Assert.Null(Fault(memory, 3));
    }

    [Fact]
    public void The_key_of_a_thief_goes_with_the_stolen_one_beside_which_it_came() // [BP-9.4-22]
    {
        var memory = new ServerMemory(_clock);
        Shows(memory, 1);
        _clock.Advance(TimeSpan.FromDays(1));
        Shows(memory, 1);
        Shows(memory, 1, 7);
        memory.Good("mx.b.test", 25, [Key(2), Key(1, isWithdrawn: true)]);
        Assert.Equal((null, "ident-mismatch", "ident-mismatch"), (Fault(memory, 2), Fault(memory, 1), Fault(memory, 7)));

        // Not the keys that came since.
        Shows(memory, 2, 3);
        memory.Good("mx.b.test", 25, [Key(2), Key(1, isWithdrawn: true)]);
        Assert.Null(Fault(memory, 3));
    }

    [Fact]
    public void After_an_entry_has_expired_everything_begins_again() // [BP-9.4-5], [BP-9.4-24]
    {
        var memory = new ServerMemory(_clock);
        Shows(memory, 1);
        _clock.Advance(Limits.MemoryLifetime + TimeSpan.FromSeconds(1));
        Shows(memory, 2);
        var entry = memory.Find("mx.b.test", 25, out _)!;
        Assert.Equal((_clock.GetUtcNow(), _clock.GetUtcNow()), (entry.FirstGood, Assert.Single(entry.Keys).First));
    }

    [Fact]
    public void An_entry_has_room_for_eight_keys_and_none_that_counts_makes_room() // [BP-9.4-23]
    {
        var memory = new ServerMemory(_clock);
        Shows(memory, 1, 2, 3, 4);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Shows(memory, 1, 5, 6, 7);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Shows(memory, 5, 8, 9, 10);
        Assert.Equal(Limits.MaxMemoryKeys, memory.Find("mx.b.test", 25, out _)!.Keys.Count);
        Assert.All((byte[])[1, 2, 3, 4, 5, 6, 7, 8], k => Assert.Null(Fault(memory, k)));
        Assert.All((byte[])[9, 10], k => Assert.NotNull(Fault(memory, k)));
    }

    [Fact]
    public void A_key_that_counts_no_longer_makes_room() // [BP-9.4-23]
    {
        var memory = new ServerMemory(_clock);
        Shows(memory, 1, 2, 3, 4);
        Shows(memory, 1, 5, 6, 7);
        Shows(memory, 1, 8);
        Assert.Equal(Limits.MaxMemoryKeys, memory.Find("mx.b.test", 25, out _)!.Keys.Count);
        _clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        Shows(memory, 9);
        Assert.Equal(Key(9).Key, Assert.Single(memory.Find("mx.b.test", 25, out _)!.Keys).Key);
        Assert.Equal("ident-mismatch", Fault(memory, 1));
    }

    [Fact]
    public void One_server_that_has_expired_makes_room_for_one() // [BP-9.4-13], [BP-9.4-16]
    {
        var memory = new ServerMemory(_clock);
        Assert.True(memory.Good("mx.b.test", 25, []));
        _clock.Advance(TimeSpan.FromSeconds(1));
        for (int i = 1; i < Limits.MaxMemoryPerOwner; i++)
        {
            Assert.True(memory.Good($"mx{i}.b.test", 25, []));
        }

        Assert.False(memory.Good("new.b.test", 25, []));
        _clock.Advance(Limits.MemoryLifetime);
        Assert.True(memory.Good("new.b.test", 25, []));
        Assert.False(memory.Good("other.b.test", 25, []));
    }

    [Fact]
    public void A_look_at_an_entry_changes_nothing_that_would_be_written() // [BP-9.4-11]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, []);
        memory.Written();
        Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        Assert.Empty(memory.Changes);
        _clock.Advance(TimeSpan.FromSeconds(1));
        memory.Failing("mx.b.test", 25);
        memory.Written();
        Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        Assert.Empty(memory.Changes);

        // But one that the clock has not reached.
        _clock.AdjustTime(_clock.GetUtcNow() - TimeSpan.FromSeconds(2));
        Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        Assert.Single(memory.Changes);
    }

    [Fact]
    public void What_changed_is_written_as_lines_and_once() // [BP-9.4-10]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, [new byte[32]]);
        memory.Good("mx.a.test", 25, []);
        memory.Failing("mx.a.test", 25);
        var key = new string('0', 64);
        const string Now = "2026-11-23T12:00:00Z";
        Assert.Equal($"mx.a.test 25 {Now} {Now} {Now} -\nmx.b.test 25 {Now} {Now} - {key}/{Now}/{Now}\n", MemoryText.OfChanges(memory));
        Assert.True(memory.Changes.Count > 0);
        memory.Written();
        Assert.Equal((false, ""), (memory.Changes.Count > 0, MemoryText.OfChanges(memory)));
        _clock.Advance(Limits.MemoryLifetime + TimeSpan.FromSeconds(1));
        Assert.Null(memory.Find("mx.b.test", 25, out _));
        Assert.Equal("mx.b.test 25 - - - -\n", MemoryText.OfChanges(memory));
    }

    [Fact]
    public void Other_keys_in_the_same_second_are_brought_in_and_the_same_entry_changes_nothing() // [BP-9.4-7]
    {
        var file = new ServerMemory(_clock);
        file.Good("mx.b.test", 25, []);
        file.Written();
        var (same, other) = (MemoryText.Parse(MemoryText.Of(file), _clock), MemoryText.Parse(MemoryText.Of(file), _clock));
        same.Good("mx.b.test", 25, []);
        Assert.Empty(MemoryText.CopyChanges(same, file));
        Assert.False(file.Changes.Count > 0);
        other.Good("mx.b.test", 25, [new byte[32]]);
        Assert.Empty(MemoryText.CopyChanges(other, file));
        Assert.True(file.Changes.Count > 0);
        Assert.Single(file.Find("mx.b.test", 25, out _)!.Idents);
    }

    [Fact]
    public void A_file_that_is_full_takes_no_server_more_and_keeps_what_it_has() // [BP-9.4-13], [BP-9.4-15]
    {
        var file = new ServerMemory(_clock);
        for (int i = 0; i < Limits.MaxMemoryEntries - 1; i++)
        {
            file.Good($"mx.a{i}.test", 25, []);
        }

        // Two deliveries at one time: there is room for one server.
        var (first, second) = (MemoryText.Parse(MemoryText.Of(file), _clock), MemoryText.Parse(MemoryText.Of(file), _clock));
        Assert.True(first.Good("mx.first.test", 25, []));
        Assert.True(second.Good("mx.second.test", 25, []));
        Assert.Empty(MemoryText.CopyChanges(first, file));
        Assert.Equal(["mx.second.test:25"], MemoryText.CopyChanges(second, file));
        Assert.Equal(Limits.MaxMemoryEntries, file.Count);
        Assert.NotNull(file.Find("mx.a0.test", 25, out _));
        Assert.Null(file.Find("mx.second.test", 25, out _));
    }

    [Fact]
    public void Of_two_deliveries_at_one_time_the_later_good_session_counts() // [BP-9.4-7], [BP-9.4-9]
    {
        var file = new ServerMemory(_clock);
        file.Good("mx.b.test", 25, [new byte[32]]);
        var (failing, good) = (MemoryText.Parse(MemoryText.Of(file), _clock), MemoryText.Parse(MemoryText.Of(file), _clock));
        _clock.Advance(TimeSpan.FromSeconds(10));
        failing.Failing("mx.b.test", 25);
        _clock.Advance(TimeSpan.FromSeconds(10));
        byte[] key = [.. Enumerable.Repeat((byte)1, 32)];
        good.Good("mx.b.test", 25, [key]);
        MemoryText.CopyChanges(good, file);
        MemoryText.CopyChanges(failing, file);
        var entry = file.Find("mx.b.test", 25, out _)!;
        Assert.Equal((null, Convert.ToHexStringLower(key)), (entry.FailingSince, entry.Idents[^1]));

        // A failure behind it does too, whoever writes first.
        failing = MemoryText.Parse(MemoryText.Of(file), _clock);
        _clock.Advance(TimeSpan.FromSeconds(10));
        failing.Failing("mx.b.test", 25);
        MemoryText.CopyChanges(failing, file);
        Assert.Equal(_clock.GetUtcNow(), file.Find("mx.b.test", 25, out _)!.FailingSince);
    }

    [Fact]
    public void Its_text_reads_back_and_what_is_no_memory_is_refused() // [BP-9.4-12]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, [new byte[32], [.. new byte[31], 1]]);
        memory.Good("mx.b.test", 25, [new PeerIdent(new string('0', 64), isWithdrawn: true)]);
        memory.Good("b.test", ServerMemory.OfDomain, []);
        memory.Good("192.0.2.1", 2525, []);
        memory.Good("2001:db8::1", 25, []);
        memory.Failing("192.0.2.1", 2525);
        var read = MemoryText.Parse(MemoryText.Of(memory), _clock, out var warnings);
        Assert.Equal(MemoryText.Of(memory), MemoryText.Of(read));
        Assert.Empty(warnings);
        MemoryText.Parse("", _clock, out warnings);
        Assert.Empty(warnings);
        Assert.Throws<FormatException>(() => MemoryText.Parse("junk\n", _clock));
        Assert.Throws<FormatException>(() => MemoryText.Parse("#", _clock));
        Assert.Throws<FormatException>(() => MemoryText.Parse("\n" + MemoryText.Of(memory), _clock));
    }

    [Theory]
    [InlineData("mx 25 yesterday - -")]
    [InlineData("mx 25 2026-11-23T12:00:00Z")]
    [InlineData("mx 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - - -")]
    [InlineData("2001:db8::5%a b 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -")]
    [InlineData("2001:db8::5%1 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -")]
    [InlineData("mx.test 0 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -")]
    [InlineData("mx.test 65536 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -")]
    [InlineData("mx.test +25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -")]
    [InlineData("mx..test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -")]
    [InlineData("mx\0 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z never -")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - 00")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - ,")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - " + FirstDigit)]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - " + FirstDigit + "/2026-11-23T12:00:00Z")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - " + FirstDigit + "/2026-11-23T12:00:00Z/never")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - A" + Good)]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - " + Good)]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - " + FirstDigit + Good + "/withdrawn/")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - " + FirstDigit + Good + "," + FirstDigit + Good)]
    [InlineData("mx.test MX 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\r")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - 0ggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("# a comment")]
    [InlineData(" ")]
    public void A_line_that_is_no_entry_costs_that_line_with_a_warning(string line) // [BP-9.4-14]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("a.test", 25, []);
        memory.Good("z.test", 25, [new byte[32]]);
        var text = MemoryText.Of(memory);
        var lines = text.Split('\n');
        var read = MemoryText.Parse(string.Join('\n', [lines[0], lines[1], line, .. lines[2..]]), _clock, out var warnings);
        Assert.Equal(text, MemoryText.Of(read));
        Assert.Equal("line 3 of the memory is not an entry, and is ignored", Assert.Single(warnings));
    }

    [Theory]
    [InlineData("2001:db8::5%a b")]
    [InlineData("mx test")]
    [InlineData("mx\ntest")]
    [InlineData("[192.0.2.1]")]
    [InlineData("bücher.test")]
    [InlineData("")]
    public void What_could_not_be_read_back_is_not_remembered(string name) // [BP-9.4-1]
    {
        var memory = new ServerMemory(_clock);
        memory.Good(name, 25, []);
        Assert.Equal(0, memory.Count);
        Assert.False(memory.Changes.Count > 0);
    }

    private static PeerIdent Key(byte number, bool isWithdrawn = false) => new($"{number:x2}{new string('0', 62)}", isWithdrawn);

    private static void Shows(ServerMemory memory, params byte[] keys) =>
        Assert.True(memory.Good("mx.b.test", 25, [.. keys.Select(k => Key(k))]));

    private static string? Fault(ServerMemory memory, params byte[] keys) =>
        memory.IdentFault(memory.Find("mx.b.test", 25, out _), [.. keys.Select(k => Key(k))]);
}

using BlackPony.Reference;
using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Property.Policy;

/// <summary>The memory of spec 9.4 under a clock that the tests turn.</summary>
public class ServerMemoryTests
{
    private readonly Clock _clock = new();

    [Fact]
    public void An_entry_lives_for_its_lifetime_after_the_last_good_session() // [BP-9.4-5], [BP-9.4-1]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("MX.b.test.", 25, []);
        _clock.Now += Limits.MemoryLifetime;
        Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        _clock.Now += TimeSpan.FromSeconds(1);
        Assert.Null(memory.Find("mx.b.test", 25, out bool gaveUp));
        Assert.False(gaveUp);
    }

    [Fact]
    public void A_server_that_fails_for_too_long_is_forgotten_with_a_warning() // [BP-9.4-10], [BP-9.4-8]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, [new byte[32]]);
        memory.Failing("mx.b.test", 25);
        _clock.Now += Limits.MemoryPatience;
        memory.Failing("mx.b.test", 25);
        Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        _clock.Now += TimeSpan.FromSeconds(1);
        Assert.Null(memory.Find("mx.b.test", 25, out bool gaveUp));
        Assert.True(gaveUp);
    }

    [Fact]
    public void A_clock_that_ran_backward_makes_no_entry_last_longer() // [BP-9.4-11]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, []);
        _clock.Now -= TimeSpan.FromDays(1000);
        Assert.NotNull(memory.Find("mx.b.test", 25, out _));
        _clock.Now += Limits.MemoryLifetime + TimeSpan.FromSeconds(1);
        Assert.Null(memory.Find("mx.b.test", 25, out _));
    }

    [Fact]
    public void A_good_session_ends_the_failing() // [BP-9.4-9]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, []);
        memory.Failing("mx.b.test", 25);
        _clock.Now += Limits.MemoryPatience;
        memory.Good("mx.b.test", 25, []);
        Assert.Null(memory.Find("mx.b.test", 25, out _)!.FailingSince);
        _clock.Now += TimeSpan.FromHours(1);
        Assert.NotNull(memory.Find("mx.b.test", 25, out bool gaveUp));
        Assert.False(gaveUp);
    }

    [Fact]
    public void The_server_that_was_good_longest_ago_makes_room() // [BP-9.4-13]
    {
        var memory = new ServerMemory(_clock);
        for (int i = 0; i <= Limits.MaxMemoryEntries; i++)
        {
            memory.Good($"mx{i}.test", 25, []);
            _clock.Now += TimeSpan.FromSeconds(1);
        }

        Assert.Equal(Limits.MaxMemoryEntries, memory.Count);
        Assert.Null(memory.Find("mx0.test", 25, out _));
        Assert.NotNull(memory.Find("mx1.test", 25, out _));
    }

    [Fact]
    public void It_makes_room_in_the_file_too() // [BP-9.4-13]
    {
        var file = new ServerMemory(_clock);
        for (int i = 0; i < Limits.MaxMemoryEntries; i++)
        {
            file.Good($"mx{i}.test", 25, []);
        }

        // The next delivery reads the file, and meets one server more.
        _clock.Now += TimeSpan.FromSeconds(1);
        var memory = ServerMemory.Parse(file.ToString(), _clock);
        memory.Good("other.test", 25, []);
        memory.CopyChangesTo(file);
        Assert.Equal(Limits.MaxMemoryEntries, file.Count);
        Assert.NotNull(file.Find("other.test", 25, out _));
    }

    [Fact]
    public void Its_text_reads_back_and_what_is_no_memory_is_refused() // [BP-9.4-12]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, [new byte[32], new byte[32]]);
        memory.Good("192.0.2.1", 2525, []);
        memory.Good("2001:db8::1", 25, []);
        memory.Failing("192.0.2.1", 2525);
        var read = ServerMemory.Parse(memory.ToString(), _clock);
        Assert.Equal(memory.ToString(), read.ToString());
        Assert.Empty(read.Warnings);
        Assert.Empty(ServerMemory.Parse("", _clock).Warnings);
        Assert.Throws<FormatException>(() => ServerMemory.Parse("junk\n", _clock));
        Assert.Throws<FormatException>(() => ServerMemory.Parse("\n" + memory, _clock));
    }

    [Theory]
    [InlineData("mx 25 yesterday - -")]
    [InlineData("mx 25 2026-11-23T12:00:00Z")]
    [InlineData("mx 25 2026-11-23T12:00:00Z - - -")]
    [InlineData("2001:db8::5%a b 25 2026-11-23T12:00:00Z - -")]
    [InlineData("2001:db8::5%1 25 2026-11-23T12:00:00Z - -")]
    [InlineData("mx.test 0 2026-11-23T12:00:00Z - -")]
    [InlineData("mx.test 65536 2026-11-23T12:00:00Z - -")]
    [InlineData("mx.test +25 2026-11-23T12:00:00Z - -")]
    [InlineData("mx..test 25 2026-11-23T12:00:00Z - -")]
    [InlineData("mx\0 25 2026-11-23T12:00:00Z - -")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z never -")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z - 00")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z - ,")]
    [InlineData("mx.test 25 2026-11-23T12:00:00Z - -\r")]
    [InlineData("# a comment")]
    [InlineData(" ")]
    public void A_line_that_is_no_entry_costs_that_line_with_a_warning(string line) // [BP-9.4-14]
    {
        var memory = new ServerMemory(_clock);
        memory.Good("a.test", 25, []);
        memory.Good("z.test", 25, [new byte[32]]);
        var text = memory.ToString();
        var lines = text.Split('\n');
        var read = ServerMemory.Parse(string.Join('\n', [lines[0], lines[1], line, .. lines[2..]]), _clock);
        Assert.Equal(text, read.ToString());
        Assert.Equal("line 3 of the memory is no entry, and is left out", Assert.Single(read.Warnings));
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
        Assert.False(memory.HasChanges);
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}

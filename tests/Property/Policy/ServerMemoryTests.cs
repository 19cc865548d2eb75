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
    public void Its_text_reads_back_and_anything_else_is_refused()
    {
        var memory = new ServerMemory(_clock);
        memory.Good("mx.b.test", 25, [new byte[32], new byte[32]]);
        memory.Good("192.0.2.1", 2525, []);
        memory.Failing("192.0.2.1", 2525);
        Assert.Equal(memory.ToString(), ServerMemory.Parse(memory.ToString(), _clock).ToString());
        Assert.Throws<FormatException>(() => ServerMemory.Parse("junk\n", _clock));
        Assert.Throws<FormatException>(() => ServerMemory.Parse(memory + "mx 25 yesterday - -\n", _clock));
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}

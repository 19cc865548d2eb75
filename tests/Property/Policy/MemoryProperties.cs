using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Property.Policy;

/// <summary>
/// The memory under any clock and any order of what happens, each in a delivery of its own with the file between them,
/// beside a model of one entry.
/// </summary>
public class MemoryProperties
{
    private static readonly string[] Names = ["mx.b.test", "MX.B.Test.", "192.0.2.1", "xn--bcher-kva.test"];

    private static readonly Gen<(int What, int Hours)[]> Histories =
        (from what in Gen.Choose(0, 3)
         from hours in Gen.Frequency((4, Gen.Choose(0, 80)), (2, Gen.Choose(-200, 0)), (1, Gen.Choose(600, 800)),
             (1, Gen.Elements(72, 73, 720, 721, -10000)))
         select (what, hours)).NonEmptyListOf().Select(h => h.ToArray());

    private static readonly Cover<(int What, int Hours)[]>[] Covers =
    [
        new(20, "a good session", h => h.Any(e => e.What == 0)),
        new(20, "one that fails", h => h.Any(e => e.What == 1)),
        new(20, "the clock goes back", h => h.Any(e => e.Hours < 0)),
    ];

    private static readonly Cover<(int What, int Hours)[]>[] Outcomes =
    [
        .. Covers, .. Cover.Seen<(int What, int Hours)[]>(10, "it is there", "it fails and is there", "it has expired",
            "it failed for too long", "a good session forgives", "it is from the future"),
    ];

    // [BP-9.4-5], [BP-9.4-8], [BP-9.4-9], [BP-9.4-10], [BP-9.4-11]
    [Fact]
    public void An_entry_is_there_exactly_as_long_as_expiry_and_patience_say()
    {
        Always.Holds(Histories, Outcomes, (h, seen) => Agrees(h, Limits.MemoryLifetime, Limits.MemoryPatience, backward: true, seen), 2000);
        Always.Bites(Histories, h => Agrees(h, Limits.MemoryLifetime * 2, Limits.MemoryPatience, backward: true), 2000);
        Always.Bites(Histories, h => Agrees(h, Limits.MemoryLifetime, Limits.MemoryPatience / 2, backward: true), 2000);
        Always.Bites(Histories, h => Agrees(h, Limits.MemoryLifetime, Limits.MemoryPatience, backward: false), 2000);
    }

    [Fact]
    public void No_entry_lasts_longer_than_its_lifetime_from_any_reading() // [BP-9.4-11]
    {
        Always.Holds(Histories, [.. Covers, .. Cover.Seen<(int, int)[]>(20, "there was an entry")], (h, seen) =>
            IsGone(h, Limits.MemoryLifetime + TimeSpan.FromSeconds(1), seen), 500);
        Always.Bites(Histories, h => IsGone(h, Limits.MemoryLifetime / 2), 500);

        // Whatever the clock did, an entry that is read now is gone when a lifetime has gone by without a good session.
        static bool IsGone((int What, int Hours)[] history, TimeSpan after, ISet<string>? seen = null)
        {
            var clock = new FakeTimeProvider();
            var memory = new ServerMemory(clock);
            string file = MemoryText.Of(memory);
            foreach (var (what, hours) in history)
            {
                clock.AdjustTime(clock.GetUtcNow() + TimeSpan.FromHours(hours));
                Do(memory, what);
                memory = Written(memory, ref file, clock);
            }

            if (memory.Find("b", 25, out _) is not null)
            {
                seen?.Add("there was an entry");
            }

            memory = Written(memory, ref file, clock);
            clock.Advance(after);
            return memory.Find("b", 25, out _) is null;
        }
    }

    [Fact]
    public void Its_text_reads_back() // [BP-9.4-12], [BP-9.4-1]
    {
        var memories = from names in Gen.Frequency((1, Gen.Constant(new List<string>())),
            (9, Gen.Elements(Names).ListOf().Select(l => l.ToList())))
            from idents in Gen.Frequency((1, Gen.Constant(new List<byte[]>())), (5, Generate.Octets.ListOf().Select(l => l.ToList())))
            select (names.ToArray(), idents.Take(4).ToArray());
        Cover<(string[], byte[][])>[] covers =
        [
            new(1, "no server", m => m.Item1.Length == 0),
            new(20, "many servers", m => m.Item1.Length > 8),
            new(2, "no keys", m => m.Item1.Length > 0 && m.Item2.Length == 0),
            new(20, "as many keys as may be", m => m.Item1.Length > 0 && m.Item2.Length == 4),
            .. Cover.Each<(string[], byte[][]), string?>(5, Names, m => m.Item1.FirstOrDefault()),
        ];
        Always.Holds(memories, covers, m => Text(m.Item1, m.Item2) is var memory
            && MemoryText.Of(MemoryText.Parse(memory, TimeProvider.System)) == memory);
        Always.Holds(memories, covers, m => Text(m.Item1, m.Item2) is var memory
            && MemoryText.Of(MemoryText.Parse(Turned(memory), TimeProvider.System)) == memory);
        Always.Bites(
            memories,
            m => Text(m.Item1, m.Item2) is var memory
                && MemoryText.Of(MemoryText.Parse(memory[..(memory.TrimEnd('\n').LastIndexOf('\n') + 1)], TimeProvider.System)) == memory);

        // Its entries in another order, with empty lines between them.
        static string Turned(string memory) =>
            memory.Split('\n') is [var header, .. var entries] ? string.Join("\n\n", entries.Reverse().Prepend(header)) : memory;

        static string Text(string[] names, byte[][] idents)
        {
            var memory = new ServerMemory(new FakeTimeProvider());
            for (int i = 0; i < names.Length; i++)
            {
                memory.Good(names[i], 25 + i, idents.Select(o => ((byte[])[.. o, .. new byte[32]])[..32]));
                memory.Failing(names[i / 2], 25);
            }

            return MemoryText.Of(memory);
        }
    }

    private static void Do(ServerMemory memory, int what)
    {
        switch (what)
        {
            case 0:
                memory.Good("b", 25, []);
                break;
            case 1 when memory.Find("b", 25, out _) is not null:
                memory.Failing("b", 25);
                break;
            default:
                memory.Find("b", 25, out _);
                break;
        }
    }

    // As a delivery does it: what changed goes into the file, beside what others wrote, and the next delivery reads it.
    private static ServerMemory Written(ServerMemory memory, ref string file, TimeProvider clock)
    {
        if (memory.Changes.Count > 0)
        {
            var latest = MemoryText.Parse(file, clock);
            MemoryText.CopyChanges(memory, latest);
            file = MemoryText.Of(latest);
        }

        return MemoryText.Parse(file, clock);
    }

    // A model of the entry: two times, each no later than the clock was at any reading.
    private static bool Agrees((int What, int Hours)[] history, TimeSpan lifetime, TimeSpan patience, bool backward,
        ISet<string>? seen = null)
    {
        var clock = new FakeTimeProvider();
        var memory = new ServerMemory(clock);
        string file = MemoryText.Of(memory);
        DateTimeOffset? good = null, failing = null;
        foreach (var (what, hours) in history)
        {
            clock.AdjustTime(clock.GetUtcNow() + TimeSpan.FromHours(hours));
            var now = clock.GetUtcNow();
            memory = Written(memory, ref file, clock);
            if (what == 0)
            {
                Note(failing is not null, "a good session forgives");
                (good, failing) = (now, null);
                memory.Good("b", 25, []);
                continue;
            }

            Note(good > now, "it is from the future");
            if (backward)
            {
                (good, failing) = (good > now ? now : good, failing > now ? now : failing);
            }

            bool gone = now - failing > patience, expired = now - good > lifetime;
            if (gone || expired)
            {
                (good, failing) = (null, null);
            }

            Note(gone, "it failed for too long");
            Note(expired && !gone, "it has expired");
            Note(good is not null && failing is null, "it is there");
            Note(good is not null && failing is not null, "it fails and is there");
            var found = memory.Find("b", 25, out bool gaveUp);
            if (found?.LastGood != good || found?.FailingSince != failing || gaveUp != gone)
            {
                return false;
            }

            if (what == 1 && good is not null)
            {
                memory.Failing("b", 25);
                failing ??= now;
            }
        }

        return true;

        void Note(bool so, string what)
        {
            if (so)
            {
                seen?.Add(what);
            }
        }
    }
}

using System.Text.Json.Nodes;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Section 9.4: what a client remembers from one delivery to the next.</summary>
internal static class MemoryVectors
{
    private const string Host = "mx.b.test";
    private static readonly long Lifetime = (long)Limits.MemoryLifetime.TotalSeconds;
    private static readonly long Patience = (long)Limits.MemoryPatience.TotalSeconds;
    private static readonly long KeyTime = (long)Limits.MinKeyTime.TotalSeconds;
    private static readonly string[] Idents = [.. Enumerable.Range(0, 12).Select(i => Json.Hex(Json.Count(16 * i)))];

    public static IEnumerable<VectorFile> All => [File()];

    /// <summary>What the memory holds for each delivery, and which servers it gave up.</summary>
    public static JsonObject Result(JsonArray deliveries)
    {
        var clock = new FakeTimeProvider();
        var memory = new ServerMemory(clock);
        var found = new JsonArray();
        foreach (var delivery in deliveries)
        {
            clock.AdjustTime(DateTimeOffset.UnixEpoch.AddSeconds(delivery!["at"]!.GetValue<long>()));
            var (name, port) = (delivery["name"].String(), delivery["port"].Int());
            var entry = memory.Find(name, port, out bool gaveUp);
            List<PeerIdent> shown = [.. delivery["idents"].Strings().Select(k => new PeerIdent(k, isWithdrawn: false)),
                .. delivery["withdrawn"].Strings().Select(k => new PeerIdent(k, isWithdrawn: true))];
            found.Add(new JsonObject
            {
                ["remembered"] = entry is not null,
                ["counts"] = Json.List(memory.Counting(entry).Order(StringComparer.Ordinal)),
                ["fits"] = memory.IdentFault(entry, shown) is null,
                ["warns"] = gaveUp,
            });
            switch (delivery["outcome"].String())
            {
                case "good" when memory.IdentFault(entry, shown) is null:
                    memory.Good(name, port, shown);
                    break;
                case "good":
                    memory.Failing(name, port);
                    break;
                case "not shown":
                    memory.Failing(name, port);
                    break;
            }
        }

        return new JsonObject { ["entries"] = found };
    }

    private static VectorFile File()
    {
        var file = new VectorFile(
            "memory",
            "A client's memory (Section 9.4) under the policy remembered, empty at first. Each delivery begins by reading the memory: "
                + "entries has what is found then for its name and port, "
            + "that is whether the server is remembered, which of its IDENT keys count (sorted), whether the keys that the server shows "
            + "(idents) and withdraws (withdrawn) in this delivery fit, and whether the reading warns that a server was given up. "
            + "at is what the client's clock says, in seconds. A port of 0 is the entry of a mail domain. outcome is what then becomes "
            + "of the delivery: good, the session is a good one if the keys fit, and else deferred on account of the entry; not shown, "
            + "the mail is "
            + "deferred on account of the entry if there is one; lost, the server was not reached, deferred or was lost, or the session "
            + "failed before that point.");
        file.Note("Good", "A good session makes or renews the entry.", "BP-9.4-2");
        file.Note("Lost", "One that failed before changes nothing.", "BP-9.4-3");
        file.Note("Lifetime", "An entry lasts thirty days, and not a second more.", "BP-9.4-5");
        file.Note("Patience", "Three days after the first deferral, and not a second before, the entry is removed and a warning given.",
            "BP-9.4-8", "BP-9.4-10");
        file.Note("Mended", "A good session ends the failing.", "BP-9.4-9");
        file.Note("Idents", "A key that counts must be shown or withdrawn; what was shown is noted.", "BP-9.4-6", "BP-9.4-7");
        file.Note("Counts", "A key counts for as long as it had been known, an hour at least and thirty days at most.", "BP-9.4-20");
        file.Note("Beside", "A key that is shown beside one of the entry has its age.", "BP-9.4-21");
        file.Note("Withdrawn", "A withdrawn key fits, and leaves the entry, as all do that are not shown then.", "BP-9.4-6", "BP-9.4-22");
        file.Note("Room", "An entry has eight keys; one that counts makes no room.", "BP-9.4-23");
        file.Note("Domain", "A mail domain has an entry of its own, without keys.", "BP-9.4-19");
        file.Note("Name", "Case and a final dot make no difference; the port and any other name do.", "BP-9.4-1");
        file.Note("Clock", "A clock that ran backward makes nothing last longer than the lifetime from what it says.", "BP-9.4-11");

        Test("An empty memory", "Lost", Look(0));
        Test("One good session", "Good", Good(0), Look(1));
        Test("A session that fails makes no entry", "Lost", Lost(0), Look(1));
        Test("Neither does a server that never showed itself", "Lost", NotShown(0), Look(1), Look(Patience + 2));
        Test("Lost sessions do not renew an entry", "Lost Lifetime", Good(0), Lost(Lifetime), Look(Lifetime + 1));
        Test("Lost sessions do not make it fail", "Lost Patience", Good(0), Lost(1), Look(Patience + 2));
        Test("To the last second", "Lifetime", Good(5), Look(5 + Lifetime), Look(6 + Lifetime));
        Test("Renewed", "Good Lifetime", Good(0), Good(Lifetime), Look(2 * Lifetime), Look((2 * Lifetime) + 1));
        Test("After it was forgotten it begins anew", "Good Lifetime", Good(0), Look(Lifetime + 1), Good(Lifetime + 2), Look(Lifetime + 3));
        Test("Patience to the last second", "Patience", Good(0), NotShown(10), Look(10 + Patience), Look(11 + Patience),
            Look(12 + Patience));
        Test("It is counted from the first deferral", "Patience", Good(0), NotShown(10), NotShown(Patience), Look(10 + Patience),
            Look(11 + Patience));
        Test("Deferred again and again until it is given up", "Patience", Good(0), NotShown(10), NotShown(10 + (Patience / 2)),
            NotShown(10 + Patience), NotShown(11 + Patience), Look(12 + Patience));
        Test("A good session in between", "Mended Patience", Good(0), NotShown(10), Good(20), Look(11 + Patience), NotShown(12 + Patience),
            Look(12 + (2 * Patience)), Look(13 + (2 * Patience)));
        Test("The lifetime ends before the patience, without a warning", "Lifetime Patience", Good(0), NotShown(Lifetime - 5),
            Look(Lifetime), Look(Lifetime + 1), Look(Lifetime + Patience));
        Test("Failing does not shorten or prolong the lifetime", "Lifetime Mended", Good(0), NotShown(Lifetime - Patience),
            Good(Lifetime - 10), Look((2 * Lifetime) - 10), Look((2 * Lifetime) - 9));
        Test("One key", "Idents", Good(0, 0), Look(1), Good(2), Good(2, 1), Good(2, 0));
        Test("Two keys, one of which suffices", "Idents", Good(0, 0, 1), Good(1, 1), Good(2, 0), Look(3));
        Test("A server that had no key shows one", "Idents", Good(0), Good(1, 2), Look(2));
        Test("The keys do not outlive the entry", "Idents Lifetime", Good(0, 0), Good(Lifetime + 1), Look(Lifetime + 2));
        Test("A deferral keeps the keys", "Idents Patience", Good(0, 0, 1), NotShown(1), Look(2), Good(3, 1), Look(4));
        Test("Shown once, a key counts for an hour", "Counts", Good(0, 0), Look(KeyTime), Look(KeyTime + 1), Good(KeyTime + 1, 1),
            Look(KeyTime + 2));
        Test("Shown twice, it counts for as long again", "Counts", Good(0, 0), Good(10_000, 0), Look(20_000), Look(20_001));
        Test("Thirty days at most", "Counts Lifetime", Good(0, 0), Good(Lifetime, 0), Good(2 * Lifetime, 0), Good(3 * Lifetime, 0, 1),
            Good((3 * Lifetime) + 10, 1), Look(4 * Lifetime), Look((4 * Lifetime) + 1));
        Test("A key that does not count any more gives way to the one that is shown", "Counts Idents", Good(0, 0), Good(KeyTime + 1, 1),
            Look(KeyTime + 2), Good(KeyTime + 3, 0));
        Test("One that counts stays although it is not shown", "Counts Idents", Good(0, 0), Good(50_000, 0, 1), Good(60_000, 1),
            Good(70_000, 0), Look(70_001));
        Test("A planted key goes after an hour", "Counts Patience", Good(0, 7), NotShown(60), Good(KeyTime, 0), Good(KeyTime + 1, 0),
            Good(KeyTime + 2, 7));
        Test("A new key beside an old one counts like it", "Beside", Good(0, 0), Good(100_000, 1, 0), Look(150_000), Look(200_000),
            Look(200_001));
        Test("A new key beside one that does not count any more has its age too", "Beside", Good(0, 0), Good(10_000, 0, 1),
            Look(10_000 + KeyTime),
            Look(10_000 + KeyTime + 1));
        Test("Rotation: the new key, and the old one withdrawn", "Withdrawn Beside", Good(0, 0), Good(100_000, 0),
            Withdrawn(110_000, 1, 0), Good(110_001, 1), Good(110_002, 0), Look(220_000), Look(220_001));
        Test("A stolen old key, after the client saw it withdrawn", "Withdrawn", Good(0, 0), Withdrawn(10, 1, 0), Good(20, 0),
            Good(20, 0, 2), Good(30, 1), Look(31));
        Test("A stolen key and one that came beside it: both go", "Withdrawn Beside", Good(0, 0), Good(100_000, 0), Good(100_010, 0,
            7),
            Withdrawn(100_020, 1, 0), Good(100_030, 7), Good(100_040, 1));
        Test("Withdrawn by a server that shows no other", "Withdrawn", Good(0, 0), Withdrawn(10, -1, 0), Look(11), Good(12, 0), Look(13),
            Good(14, 5), Look(15));
        Test("A key that the client never saw is withdrawn", "Withdrawn", Good(0, 1), Withdrawn(10, 1, 3), Good(20, 1, 3), Look(30));
        Test("After it was withdrawn, a key is as any other that the entry does not have", "Withdrawn Lifetime", Good(0, 0), Withdrawn(10,
            1, 0),
            Withdrawn(20, 1, 0), Good(20 + Lifetime, 1, 0), Look(21 + Lifetime), Good(21 + Lifetime, 1, 0), Look(22 + Lifetime));
        Test("Eight keys", "Room", Good(0, 0, 1, 2, 3), Good(10, 0, 4, 5, 6), Look(11), Good(20, 4, 7, 8, 9), Look(21));
        Test("A mail domain", "Domain", Good(0, "b.test", 0), Look(1, "b.test", 0), Look(1, "b.test"), Look(1, "mx.b.test", 0));
        Test("A mail domain fails by itself", "Domain Patience", Good(0, "b.test", 0), Good(0, "b.test"), NotShown(5, "b.test", 0),
            Look(6 + Patience, "b.test", 0), Look(6 + Patience, "b.test"));
        Test("Upper case and the final dot", "Name", Good(0), Look(1, "MX.B.test"), Look(1, "mx.b.test."), Look(1, "Mx.b.TEST."));
        Test("Learned with upper case and a final dot", "Name", Good(0, "MX.B.TEST."), Look(1));
        Test("Another port", "Name", Good(0), Look(1, Host, 2525), Look(1));
        Test("Another host of the domain", "Name", Good(0), Look(1, "mx2.b.test"), Look(1, "b.test"), Look(1, "mx.b.tes"));
        Test("An address", "Name", Good(0, "192.0.2.1"), Look(1, "192.0.2.1"), Look(1, "192.0.2.11"), Look(1));
        Test("Failing is the server's own", "Name Patience", Good(0), Good(0, "mx2.b.test"), NotShown(1), Look(2 + Patience),
            Look(2 + Patience, "mx2.b.test"));
        Test("Backward: the last good session counts as now", "Clock Lifetime", Good(1000), Look(0), Look(Lifetime), Look(Lifetime + 1));
        Test("Backward and forward again", "Clock Lifetime", Good(1000), Look(500), Look(1000 + Lifetime - 500), Look(1000 + Lifetime));
        Test("Backward: so does the first deferral", "Clock Patience",
            Good(0), NotShown(1000), Look(500), Look(500 + Patience), Look(501 + Patience));
        Test("Nobody looked while the clock was back", "Clock Lifetime", Good(1000), Look(1000 + Lifetime), Look(1001 + Lifetime));
        Test("Two steps backward", "Clock Lifetime", Good(1000), Look(600), Look(200), Look(200 + Lifetime), Look(201 + Lifetime));
        return file;

        void Test(string comment, string flags, params JsonObject[] deliveries)
        {
            var list = new JsonArray([.. deliveries]);
            file.Valid(comment, flags, new JsonObject { ["deliveries"] = list }, Result(list));
        }
    }

    private static JsonObject Delivery(string outcome, long at, string name, int port, int[] idents, params int[] withdrawn) => new()
    {
        ["at"] = at,
        ["name"] = name,
        ["port"] = port,
        ["outcome"] = outcome,
        ["idents"] = Json.List(idents.Select(i => Idents[i])),
        ["withdrawn"] = Json.List(withdrawn.Select(i => Idents[i])),
    };

    private static JsonObject Good(long at, params int[] idents) => Delivery("good", at, Host, 25, idents);

    private static JsonObject Good(long at, string name, int port = 25) => Delivery("good", at, name, port, []);

    private static JsonObject Withdrawn(long at, int shown, params int[] withdrawn) =>
        Delivery("good", at, Host, 25, shown < 0 ? [] : [shown], withdrawn);

    private static JsonObject NotShown(long at, string name = Host, int port = 25) => Delivery("not shown", at, name, port, []);

    private static JsonObject Lost(long at) => Look(at);

    // A delivery that leaves everything as it is shows what is there.
    private static JsonObject Look(long at, string name = Host, int port = 25) => Delivery("lost", at, name, port, []);
}

using System.Text.Json.Nodes;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Section 9.4: what a client remembers from one delivery to the next.</summary>
internal static class MemoryVectors
{
    private const string Host = "mx.b.test";
    private static readonly long Lifetime = (long)Limits.MemoryLifetime.TotalSeconds;
    private static readonly long Patience = (long)Limits.MemoryPatience.TotalSeconds;
    private static readonly string[] Idents = [Json.Hex(Json.Count(0)), Json.Hex(Json.Count(32)), Json.Hex(Json.Count(64))];

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
            found.Add(new JsonObject
            {
                ["remembered"] = entry is not null,
                ["idents"] = Json.List(entry?.Idents ?? []),
                ["warns"] = gaveUp,
            });
            switch (delivery["outcome"].String())
            {
                case "good":
                    memory.Good(name, port, delivery["idents"].Strings().Select(Convert.FromHexString));
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
            + "that is whether the server is remembered, with which IDENT keys, and whether the reading warns that a server was given up. "
            + "at is what the client's clock says, in seconds. outcome is what then becomes "
            + "of the delivery: good, the session came as far as BP-9.4-2 says, and the server showed idents; not shown, the mail is "
            + "deferred on account of the entry if there is one; lost, the server was not reached, put off or was lost, or the session "
            + "failed before that point.");
        file.Note("Good", "A good session makes or renews the entry.", "BP-9.4-2");
        file.Note("Lost", "One that failed before changes nothing.", "BP-9.4-3");
        file.Note("Lifetime", "An entry lasts thirty days, and not a second more.", "BP-9.4-5");
        file.Note("Patience", "Three days after the first deferral, and not a second before, the entry is removed and a warning given.",
            "BP-9.4-8", "BP-9.4-10");
        file.Note("Mended", "A good session ends the failing.", "BP-9.4-9");
        file.Note("Idents", "The keys are those of the last good session.", "BP-9.4-7");
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
        Test("One key", "Idents", Good(0, 0), Look(1));
        Test("Two keys", "Idents", Good(0, 0, 1), Look(1));
        Test("Another set in the next session", "Idents", Good(0, 0, 1), Good(1, 1, 2), Look(2));
        Test("A server that had no key shows one", "Idents", Good(0), Good(1, 2), Look(2));
        Test("The keys do not outlive the entry", "Idents Lifetime", Good(0, 0), Good(Lifetime + 1), Look(Lifetime + 2));
        Test("A deferral keeps the keys", "Idents Patience", Good(0, 0, 1), NotShown(1), Look(2), Good(3, 1), Look(4));
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

    private static JsonObject Delivery(string outcome, long at, string name, int port, params int[] idents) =>
        new() { ["at"] = at, ["name"] = name, ["port"] = port, ["outcome"] = outcome, ["idents"] =
            Json.List(idents.Select(i => Idents[i])) };

    private static JsonObject Good(long at, params int[] idents) => Delivery("good", at, Host, 25, idents);

    private static JsonObject Good(long at, string name) => Delivery("good", at, name, 25);

    private static JsonObject NotShown(long at) => Delivery("not shown", at, Host, 25);

    private static JsonObject Lost(long at) => Look(at);

    // A delivery that leaves everything as it is shows what is there.
    private static JsonObject Look(long at, string name = Host, int port = 25) => Delivery("lost", at, name, port);
}

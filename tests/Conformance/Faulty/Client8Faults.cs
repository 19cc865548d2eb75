using BlackPony.Reference.Records;
using static BlackPony.Tests.Conformance.Faulty.ClientMutations;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a requirement of spec 8.</summary>
internal static class Client8Faults
{
    // All that shows is that something never comes.
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 8.1 close
        new("BP-8.1-1", "C-8.1-6", "closes first, without a close")
        {
            Mutations = _ => InsteadOfClose(serverClosed: false, ServerFaults.End),
            AlsoFails = "C-4.3-19 C-8.1-1 C-8.1-4",
        },
        new("BP-8.1-2", "C-8.1-1", "sends a record after its close")
        {
            Mutations = _ => RareRecords(RecordType.Close, r => [r, Rec.Line("NOOP\r\n")]),
        },
        new("BP-8.1-3", "C-8.1-5", "answers the server's close with an alert")
        {
            Mutations = _ => InsteadOfClose(serverClosed: true, new Rec(RecordType.Alert, [1])),
            AlsoFails = "C-8.1-1 C-8.1-2 C-8.1-3 C-8.1-7 C-8.2-4",
        },
        new("BP-8.1-3", "C-8.1-3", "ends the connection at the server's close")
        {
            Mutations = _ => InsteadOfClose(serverClosed: true),
            AlsoFails = "C-8.1-1 C-8.1-2 C-8.1-5 C-8.1-7 C-8.2-4",
        },
        new("BP-8.1-9", "C-8.1-5", "resets the connection after its close")
        {
            Mutations = _ => CommonFaults.ResetsBehind(RecordType.Close),
            AlsoFails = "C-8.1-7",
        },
        new("BP-8.1-9", "C-8.1-7", "does not read on after its close")
        {
            Mutations = _ => CommonFaults.ClosesForGoodBehind(RecordType.Close),
        },
        new("BP-8.1-4", "C-8.1-2 C-8.1-3", "treats what follows the server's close as a failure") { Mutations = _ => FailsBehindClose() },
        new("BP-8.1-6", "C-8.1-4", "waits for the server's close for ever") { Silence = Short, Mutations = _ => NeverEnds() },

        // ---------------------------------------------------------------- 8.2 truncation
        new("BP-8.2-1", "C-8.2-1", "treats the end of the connection as the answer to the message")
        {
            Mutations = r => Watches(r),
            Says = (r, o) =>
                r.Seen.ContainsKey("dot") && !r.Seen.ContainsKey("answer") && r.Seen.ContainsKey("cut") ? o with { Delivered = true } : o,
            AlsoFails = "C-8.2-2 C-8.2-4 C-9.2-4",
        },
        new("BP-8.2-3", "C-8.2-4", "treats a close as the answer to the message")
        {
            Mutations = r => Watches(r),
            Says = (r, o) => r.Seen.ContainsKey("close") ? o with { Delivered = true } : o,
        },
        new("BP-8.2-3", "C-8.2-2", "takes an answer that does not verify")
        {
            Mutations = r =>
                Watches(r, rec => [rec.Verified || !rec.Text.StartsWith("250", StringComparison.Ordinal) ? rec : Rec.Line(rec.Text)]),
        },
        new("BP-8.2-3", "C-8.2-5", "takes a 354 as the answer to the message")
        {
            Mutations = r => Watches(r, rec =>
            {
                r.Seen["354"] = rec.Text.StartsWith("354", StringComparison.Ordinal);
                return [rec];
            }),
            Says = (r, o) => r.Seen.GetValueOrDefault("354") ? o with { Delivered = true } : o,
        },
        new("BP-8.2-3", "C-8.2-5", "takes whatever answers the message")
        {
            Mutations = r => Watches(r, rec =>
            {
                r.Seen["any"] = rec is { Verified: true, Type: RecordType.Data };
                return [rec];
            }),
            Says = (r, o) => r.Seen.GetValueOrDefault("any") ? o with { Delivered = true } : o,
            AlsoFails = "C-10.4-9",
        },
        new("BP-8.2-4", "C-8.2-3", "treats a missing close after 221 as a lost message")
        {
            Mutations = r => Watches(r),
            Says = (r, o) => r.Seen.ContainsKey("answer") && r.Seen.ContainsKey("cut") && !r.Seen.ContainsKey("closed")
                ? o with { Delivered = false }
                : o,
        },

        // ---------------------------------------------------------------- 8.3 failures and the alert
        new("BP-8.3-1",
            "C-6.3-1 C-6.3-3 C-6.3-7 C-6.5-2 C-6.5-3 C-6.5-4 C-7.1-6 C-7.1-7 C-7.3-1 C-7.4-2 C-7.4-3 C-7.4-6 C-7.4-5 C-8.3-1 C-8.3-2 "
                + "C-8.3-3 C-8.3-6", "closes without an alert")
        {
            Mutations = _ => Sends(RecordType.Alert, _ => []),
            AlsoFails = "C-5.3-2 C-5.4-4 C-6.3-4 C-6.3-5 C-6.3-6 C-6.3-9 C-6.5-5 C-6.5-6 C-7.1-2 C-7.1-3 C-7.1-11 C-7.3-2 C-7.4-7 "
                + "C-8.1-7 C-8.3-5",
        },
        new("BP-8.1-9", "C-8.1-7", "does not read on after its alert")
        {
            Mutations = _ => CommonFaults.ClosesForGoodBehind(RecordType.Alert),
        },
        new("BP-8.3-2", "C-8.3-1", "tells by its alert what failed")
        {
            Mutations = _ => Sends(RecordType.Alert, r => [r with { Data = [2] }]),
            AlsoFails = "C-6.3-1 C-6.3-3 C-6.3-4 C-6.3-5 C-6.3-6 C-6.3-7 C-6.3-9 C-6.5-2 C-6.5-3 C-6.5-4 C-6.5-5 C-6.5-6 C-7.1-6 "
                + "C-7.1-7 C-7.3-1 C-7.3-2 C-7.4-2 C-7.4-3 C-7.4-5 C-7.4-6 C-7.4-7 C-8.1-7 C-8.3-2 C-8.3-3 C-8.3-5 C-8.3-6",
        },
        new("BP-8.3-3", "C-8.3-1", "goes on after a record that does not verify")
        {
            Mutations = _ =>
            {
                bool isInside = false;
                return Ignores(r =>
                {
                    isInside |= r.Verified && r.Type == RecordType.Data;
                    return isInside && !r.Verified;
                });
            },
            AlsoFails = "C-7.1-2 C-7.1-3 C-7.1-11 C-7.3-1 C-7.3-2 C-8.3-2 C-8.3-3 C-8.3-6",
        },
        new("BP-8.3-4", "C-6.3-8 C-8.3-4", "answers an alert with its own") { Mutations = _ => Rejects(r => r.Type == RecordType.Alert) },
        new("BP-8.3-4", "C-6.3-8 C-8.3-4", "answers an alert without data with its own")
        {
            Mutations = _ => Rejects(r => r is { Type: RecordType.Alert, Data: [] }),
        },
        new("BP-8.3-5", "C-8.3-1", "delivers a record that failed")
        {
            Mutations = _ => TakesUnverified(),
            AlsoFails = "C-7.1-7 C-7.3-1 C-7.3-2 C-8.2-2 C-10.4-10",
        },
        new("BP-8.3-7", "C-8.3-5", "goes on in plaintext after a failure")
        {
            Mutations = _ => InsteadOfAlert(r => r.Raw is [0, 0, ..], "EHLO client.test\r\n"),
            AlsoFails = "C-8.1-7",
        },
    ];

    // Behind its close, where the server has not sent its own.
    private static Mutations NeverEnds()
    {
        bool closed = false;
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PeerRecord = r =>
            {
                closed |= r.Type == RecordType.Close;
                return [r];
            },
            PortRecord = r =>
            {
                hooks.HidesPortEnd |= r.Type == RecordType.Close && !closed;
                return [r];
            },
        };
    }

    private static Mutations FailsBehindClose()
    {
        bool closed = false, behind = false;
        return new Mutations
        {
            PeerRecord = r =>
            {
                behind |= closed;
                closed |= r.Type == RecordType.Close;
                return behind ? [] : [r];
            },
            PortRecord = r => [behind && r.Type == RecordType.Close ? new Rec(RecordType.Alert, [1]) : r],
        };
    }
}

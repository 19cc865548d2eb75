using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.FaultyServerProtection;
using static BlackPony.Tests.Conformance.Faulty.FaultyServerSuite;
using static BlackPony.Tests.Conformance.Faulty.Server7Faults;
using static BlackPony.Tests.Conformance.Faulty.ServerFaults;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Servers that break a requirement of spec 8.</summary>
internal static class Server8Faults
{
    // All that shows is that something never comes.
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    public static IReadOnlyList<FaultyServer> All { get; } =
    [
        // ---------------------------------------------------------------- 8.1 close
        new("BP-8.1-1", "S-8.1-1 S-8.1-4 S-8.1-7 S-10.2-3", "ends the connection without a close")
        {
            Mutations = Sends(RecordType.Close, _ => [End]),
            AlsoFails = "S-4.4-17 S-4.4-20 S-8.1-2 S-8.1-3 S-8.1-5 S-8.1-8 S-8.1-11 S-10.3-8",
        },
        new("BP-8.1-2", "S-8.1-1 S-8.1-2", "sends a record after its close")
        {
            Mutations = Sends(RecordType.Close, r => [r, Ignored]),
            AlsoFails = "S-8.1-3 S-8.1-7 S-8.1-11",
        },
        new("BP-8.1-2", "S-8.1-2", "sends its close twice")
        {
            Mutations = Sends(RecordType.Close, r => [r, r]),
            AlsoFails = "S-8.1-1 S-8.1-3 S-8.1-7 S-8.1-11",
        },
        new("BP-8.1-3", "S-8.1-2", "answers a close with the end of the connection")
        {
            Mutations = Sends(RecordType.Close, _ => [End]),
            AlsoFails = "S-4.4-17 S-4.4-20 S-8.1-1 S-8.1-3 S-8.1-4 S-8.1-5 S-8.1-7 S-8.1-8 S-8.1-11 S-10.2-3 S-10.3-8",
        },
        new("BP-8.1-3", "S-8.1-2", "answers a close with an alert")
        {
            Mutations = FailsAt(r => r.Type == RecordType.Close),
            AlsoFails = "S-8.1-3",
        },
        new("BP-8.1-9", "S-8.1-2 S-8.1-3", "resets the connection after its close")
        {
            Mutations = () => CommonFaults.ResetsBehind(RecordType.Close),
            AlsoFails = "S-8.1-1 S-8.1-7 S-8.1-11",
        },
        new("BP-8.1-9", "S-8.1-11", "does not read on after its close")
        {
            Mutations = () => CommonFaults.ClosesForGoodBehind(RecordType.Close),
        },
        new("BP-8.1-4", "S-8.1-3", "reads on after a close")
        {
            Mutations = Overlooks(r => r.Type == RecordType.Close),
            AlsoFails = "S-6.3-7 S-7.4-3 S-8.1-1 S-8.1-2 S-8.1-7 S-8.1-11 S-8.2-3",
        },
        new("BP-8.1-5", "S-8.1-1 S-8.1-4", "sends another record between 221 and its close")
        {
            Mutations = Sends(RecordType.Close, r => [Ignored, r]),
            AlsoFails = "S-8.1-5 S-8.1-7 S-8.1-8 S-8.1-11 S-10.2-3 S-10.3-8",
        },
        new("BP-8.1-6", "S-8.1-5", "waits longer for the client's close")
        {
            Silence = Short,
            Settings = s => s with { Time = TimeProvider.System },
            AlsoFails = "S-6.3-10 S-6.3-11 S-8.1-8 S-8.1-9 S-8.1-10",
        },
        new("BP-8.1-8", "S-8.1-7", "answers what is pipelined after QUIT")
        {
            Mutations = () =>
            {
                bool isPipelined = false;
                return new Mutations
                {
                    PeerRecord = r =>
                    {
                        isPipelined |= r.Text.StartsWith("QUIT\r\nNOOP", StringComparison.Ordinal);
                        return [r];
                    },
                    PortRecord = r => r.Type == RecordType.Close && isPipelined ? [Rec.Line("250 2.0.0 Ok\r\n"), r] : [r],
                };
            },
        },
        new("BP-8.1-7", "S-8.1-8 S-8.1-9", "says 451 to a client that is silent")
        {
            Mutations = Says("421 4.4.2", "451 4.4.2"),
            AlsoFails = "S-8.1-10",
        },
        new("BP-8.1-7", "S-8.1-10", "waits again with every octet of a command")
        {
            Silence = Short,
            ProlongsTimeouts = true,
            AlsoFails = "S-6.3-11",
        },

        // ---------------------------------------------------------------- 8.2 truncation
        new("BP-8.2-1", "S-8.2-1 S-8.2-4", "treats the end of the connection as a close")
        {
            Mutations = TakesAtTheEnd(new Rec(RecordType.Close, [])),
        },
        new("BP-8.2-2", "S-8.2-1 S-8.2-5", "ends a message at the end of the connection")
        {
            Mutations = TakesAtTheEnd(Rec.Line(".\r\n")),
            AlsoFails = "S-8.2-4 S-8.2-6",
        },
        new("BP-8.2-2", "S-8.2-6", "ends a message in chunks at the end of the connection")
        {
            Mutations = TakesAtTheEnd(Rec.Line("BDAT 0 LAST\r\n")),
        },
        new("BP-8.2-2", "S-8.2-6", "fills the last chunk at the end of the connection")
        {
            Mutations = TakesAtTheEnd(Rec.Line("x")),
        },
        new("BP-8.2-2", "S-8.2-2 S-8.2-5", "ends a message with a record that does not verify")
        {
            Mutations = Takes(r => r.Verified || r.Text != ".\r\n" ? [r] : [Rec.Line(r.Text)]),
            AlsoFails = "S-6.1-4 S-6.1-5 S-6.3-1",
        },
        new("BP-8.2-2", "S-8.2-3 S-8.2-5", "ends a message at a close")
        {
            Mutations = Takes(RecordType.Close, r => [Rec.Line(".\r\n"), r]),
            AlsoFails = "S-8.2-6",
        },
        new("BP-8.2-2", "S-8.2-5", "ends a message at an alert")
        {
            Mutations = Takes(RecordType.Alert, r => [Rec.Line(".\r\n"), r with { Waits = true }]),
            AlsoFails = "S-8.3-3",
        },

        // ---------------------------------------------------------------- 8.3 failures and the alert
        new("BP-8.3-1",
            "S-6.2-2 S-6.3-2 S-6.3-3 S-6.3-4 S-6.5-1 S-7.1-7 S-7.3-1 S-7.4-2 S-7.4-3 S-7.4-4 S-7.6-4 S-8.3-1 S-8.3-2 S-8.3-4 S-8.3-5 "
                + "S-8.3-6 S-8.3-7", "fails without an alert")
        {
            Mutations = Sends(RecordType.Alert, _ => [End]),
            AlsoFails = "S-6.3-5 S-6.3-6 S-6.3-7 S-6.3-8 S-6.3-9 S-6.3-10 S-6.3-11 S-6.3-13 S-7.1-1 S-7.1-2 S-7.1-8 S-7.1-11 "
                + "S-7.4-6 S-8.1-11 S-8.2-2 S-8.3-8 S-8.3-9 S-8.3-10",
        },
        new("BP-8.3-1", "S-6.3-3 S-7.4-2 S-8.3-1", "sends its alert twice")
        {
            Mutations = Sends(RecordType.Alert, r => [r, r]),
            AlsoFails = "S-4.6-3 S-6.2-2 S-6.3-2 S-6.3-4 S-6.3-5 S-6.3-6 S-6.3-7 S-6.3-8 S-6.3-9 S-6.3-10 S-6.3-11 S-6.3-13 "
                + "S-6.5-1 S-7.1-1 S-7.1-2 S-7.1-7 S-7.1-8 S-7.1-11 S-7.3-1 S-7.4-3 S-7.4-4 S-7.4-6 S-7.6-4 S-8.1-11 S-8.2-2 "
                + "S-8.3-2 S-8.3-4 S-8.3-5 S-8.3-6 S-8.3-7 S-8.3-8 S-8.3-9 S-8.3-10",
        },
        new("BP-8.3-1", "S-8.3-1 S-8.3-4", "fails with a close where a record does not verify")
        {
            Mutations = ClosesAtForgery,
            AlsoFails = "S-6.2-2 S-7.1-8 S-7.3-1 S-7.6-4 S-8.2-2 S-8.3-2 S-8.3-5 S-8.3-6 S-8.3-7 S-8.3-9",
        },
        new("BP-8.3-1", "S-7.1-1 S-8.3-1 S-8.3-10", "resets the connection after its alert")
        {
            Mutations = () => CommonFaults.ResetsBehind(RecordType.Alert),
            AlsoFails = "S-4.6-3 S-6.2-2 S-6.3-2 S-6.3-3 S-6.3-4 S-6.3-5 S-6.3-6 S-6.3-7 S-6.3-8 S-6.3-9 S-6.3-10 S-6.3-11 "
                + "S-6.3-13 S-6.5-1 S-7.1-2 S-7.1-7 S-7.1-8 S-7.1-11 S-7.3-1 S-7.4-2 S-7.4-3 S-7.4-4 S-7.4-6 S-7.6-4 "
                + "S-8.1-11 S-8.2-2 S-8.3-2 S-8.3-4 S-8.3-5 S-8.3-6 S-8.3-7 S-8.3-8 S-8.3-9",
        },
        new("BP-8.1-9", "S-8.1-11", "does not read on after its alert")
        {
            Mutations = () => CommonFaults.ClosesForGoodBehind(RecordType.Alert),
        },
        new("BP-8.3-2", "S-8.3-1", "says in its alert what the failure was")
        {
            Mutations = Sends(RecordType.Alert, _ => [new Rec(RecordType.Alert, [20])]),
            AlsoFails = "S-6.2-2 S-6.3-2 S-6.3-3 S-6.3-4 S-6.3-5 S-6.3-6 S-6.3-7 S-6.3-8 S-6.3-9 S-6.3-10 S-6.3-11 S-6.3-13 "
                + "S-6.5-1 S-7.1-1 S-7.1-2 S-7.1-7 S-7.1-8 S-7.1-11 S-7.3-1 S-7.4-2 S-7.4-3 S-7.4-4 S-7.4-6 S-7.6-4 S-8.1-11 "
                + "S-8.2-2 S-8.3-2 S-8.3-4 S-8.3-5 S-8.3-6 S-8.3-7 S-8.3-8 S-8.3-9 S-8.3-10",
        },
        new("BP-8.3-2", "S-8.3-1", "sends an alert without data")
        {
            Mutations = Sends(RecordType.Alert, _ => [new Rec(RecordType.Alert, [])]),
            AlsoFails = "S-6.2-2 S-6.3-2 S-6.3-3 S-6.3-4 S-6.3-5 S-6.3-6 S-6.3-7 S-6.3-8 S-6.3-9 S-6.3-10 S-6.3-11 S-6.3-13 "
                + "S-6.5-1 S-7.1-1 S-7.1-2 S-7.1-7 S-7.1-8 S-7.1-11 S-7.3-1 S-7.4-2 S-7.4-3 S-7.4-4 S-7.4-6 S-7.6-4 S-8.1-11 "
                + "S-8.2-2 S-8.3-2 S-8.3-4 S-8.3-5 S-8.3-6 S-8.3-7 S-8.3-8 S-8.3-9 S-8.3-10",
        },
        new("BP-8.3-3", "S-8.3-1", "skips a record that does not verify, and goes on")
        {
            Mutations = Overlooks(r => !r.Verified && !IsOutOfBounds(r)),
            AlsoFails = "S-5.4-4 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-6 S-6.2-2 S-7.1-8 S-7.3-1 S-7.6-4 S-8.2-2 S-8.3-2 "
                + "S-8.3-4 S-8.3-5 S-8.3-6 S-8.3-7 S-8.3-9",
        },
        new("BP-8.3-3", "S-8.3-2 S-8.3-5 S-8.3-6", "skips a record that does not verify without counting it, and goes on")
        {
            Options = Protection(Core, p => new(p) { Opens = Skipping() }),
            AlsoFails = "S-7.1-8 S-7.6-4 S-8.2-2 S-8.3-1 S-8.3-4 S-8.3-9",
        },
        new("BP-8.3-3", "S-8.3-8", "looks for commands after a failure")
        {
            Mutations = Takes(r => IsOutOfBounds(r) ? [Rec.Line("NOOP\r\nQUIT\r\n")] : [r]),
            AlsoFails = "S-7.1-1 S-7.1-2 S-7.1-11 S-7.3-1 S-8.1-11 S-8.3-1 S-8.3-10",
        },
        new("BP-8.3-4", "S-8.3-3", "answers an alert with an alert") { Mutations = FailsAt(r => r.Type == RecordType.Alert) },
        new("BP-8.3-4", "S-8.3-3", "answers an alert with a close")
        {
            Mutations = Takes(RecordType.Alert, _ => [new Rec(RecordType.Close, [])]),
        },
        new("BP-8.3-4", "S-8.3-3", "treats an alert with other data than the octet 1 as a failure")
        {
            Mutations = FailsAt(r => r.Type == RecordType.Alert && r.Data is not [1]),
        },
        new("BP-8.3-5", "S-8.3-1", "delivers the record that failed")
        {
            Mutations = Takes(Unverified),
            AlsoFails = "S-7.1-8 S-7.3-1 S-8.2-2 S-8.2-5 S-8.3-2 S-8.3-4 S-8.3-5 S-8.3-6 S-8.3-9",
        },
        new("BP-8.3-6", "S-8.3-9", "pads its alert by the failure")
        {
            Mutations = () =>
            {
                bool verified = true;
                return new Mutations
                {
                    PeerRecord = r =>
                    {
                        verified = r.Verified;
                        return [r];
                    },
                    PortRecord = r => r.Type == RecordType.Alert ? [r with { Inner = verified ? 256 : 512 }] : [r],
                };
            },
        },
        new("BP-8.3-7", "S-8.3-8", "goes on in plaintext after a failure")
        {
            Mutations = () => ClientMutations.InsteadOfAlert(r => r.Raw is [0, 0, ..], "502 5.5.2 What was that?\r\n"),
            AlsoFails = "S-7.1-2 S-8.1-11 S-8.3-10",
        },
    ];

    private static Mutations ClosesAtForgery()
    {
        bool forged = false;
        return new Mutations
        {
            PeerRecord = r =>
            {
                forged |= !r.Verified && !IsOutOfBounds(r);
                return [r];
            },
            PortRecord = r => [forged && r.Type == RecordType.Alert ? new Rec(RecordType.Close, []) : r],
        };
    }
}

using BlackPony.Reference.Records;
using static BlackPony.Tests.Conformance.Faulty.ClientHooks;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a sentence of spec 8.</summary>
internal static class Client8Faults
{
    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 8.1 close
        new("BP-8.1-1", "C-8.1-1", "closes the connection without a close") { Hooks = _ => Sends(RecordType.Close, _ => []) },
        new("BP-8.1-2", "C-8.1-1", "sends a record behind its close") { Hooks = _ => Sends(RecordType.Close, r => [r, Rec.Line("NOOP\r\n")]) },
        new("BP-8.1-3", "C-8.1-1 C-8.1-3", "answers the server's close with an alert") { Hooks = _ => Sends(RecordType.Close, _ => [new Rec(RecordType.Alert, [1])]) },
        new("BP-8.1-3", "C-8.1-5", "resets the connection behind its close") { Hooks = _ => new Hooks { EndsByReset = true } },
        new("BP-8.1-4", "C-8.1-2 C-8.1-3", "takes what follows the server's close for a failure") { Hooks = _ => Sends(RecordType.Close, r => [r, new Rec(RecordType.Alert, [1])]) },
        new("BP-8.1-6", "C-8.1-4", "waits for the server's close for ever") { Hooks = _ => new Hooks { HidesPortEnd = true } },

        // ---------------------------------------------------------------- 8.2 truncation
        new("BP-8.2-1", "C-8.2-1", "takes the end of the connection for a good end") { Says = (_, o) => o with { Delivered = true } },
        new("BP-8.2-3", "C-8.2-1 C-8.2-4", "takes a message as delivered when it was sent") { Says = (_, o) => o with { Delivered = true } },
        new("BP-8.2-3", "C-8.2-2 C-10.4-10", "takes an answer that does not verify") { Hooks = _ => TakesUnverified() },
        new("BP-8.2-4", "C-8.2-3", "takes a missing close behind 221 for a lost message") { Says = (_, o) => o with { Delivered = false } },

        // ---------------------------------------------------------------- 8.3 failures and the alert
        new("BP-8.3-1", "C-6.3-1 C-6.3-3 C-6.3-7 C-6.5-2 C-6.5-3 C-6.5-4 C-7.1-2 C-7.1-3 C-7.1-6 C-7.1-7 C-7.3-1 C-7.4-2 C-7.4-3 C-7.4-5 C-7.4-6 C-8.3-1 C-8.3-2 C-8.3-3 C-8.3-6", "closes without an alert")
        {
            Hooks = _ => Sends(RecordType.Alert, _ => []),
        },
        new("BP-8.3-2", "C-8.3-1", "tells by its alert what failed") { Hooks = _ => Sends(RecordType.Alert, r => [r with { Data = [2] }]) },
        new("BP-8.3-3", "C-8.3-1", "goes on behind a record that does not verify") { Hooks = _ => Ignores(r => !r.Verified) },
        new("BP-8.3-4", "C-6.3-8 C-8.3-4", "answers an alert with its own") { Hooks = _ => Rejects(r => r.Type == RecordType.Alert) },
        new("BP-8.3-5", "C-7.1-7 C-8.2-2 C-8.3-1", "delivers a record that failed") { Hooks = _ => TakesUnverified() },
        new("BP-8.3-7", "C-8.3-5", "goes on in plaintext behind a failure") { Hooks = _ => Sends(RecordType.Alert, _ => [Plaintext("EHLO client.test\r\n")]) },
    ];
}

using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using static BlackPony.Tests.Conformance.Faulty.ClientMutations;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a requirement of spec 9.</summary>
internal static class Client9Faults
{
    // All that shows is that something never comes.
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 9.1 the three policies
        new("BP-9.1-1", "C-9.1-1", "requires encryption if nothing else is set")
        {
            Wide = "the cases do not name the policy that they mean",
            Asks = d => d.Policy == ClientPolicy.Opportunistic ? d with { Policy = ClientPolicy.Required } : d,
            AlsoFails = "C-4.1-2 C-4.1-3 C-4.1-4 C-4.1-5 C-4.1-10 C-4.1-11 C-4.1-12 C-4.1-13 C-4.1-14 C-4.1-15 C-4.2-1 C-4.2-2 "
                + "C-4.2-3 C-4.2-4 C-4.2-5 C-4.2-6 C-4.2-7 C-4.3-1 C-4.3-2 C-4.3-3 C-4.3-4 C-4.3-6 C-4.3-7 C-4.3-8 C-4.3-9 "
                + "C-4.3-10 C-4.3-11 C-4.3-12 C-4.3-13 C-4.3-14 C-4.3-15 C-4.3-16 C-4.3-17 C-4.3-18 C-4.3-20 C-4.3-22 C-4.3-23 "
                + "C-4.3-24 C-4.3-25 C-4.3-26 C-4.3-27 C-4.3-28 C-4.3-29 C-4.4-1 C-4.4-2 C-4.4-3 C-4.4-4 C-4.4-5 C-4.4-6 "
                + "C-4.4-7 C-4.4-8 C-4.4-9 C-4.4-10 C-4.4-11 C-4.4-12 C-4.4-13 C-4.4-14 C-4.4-15 C-4.8-1 C-4.8-2 C-4.8-3 "
                + "C-4.8-4 C-5.1-1 C-5.1-2 C-5.1-3 C-5.1-5 C-5.2-1 C-5.3-2 C-5.3-3 C-5.3-5 C-5.3-6 C-5.4-2 C-5.4-3 C-5.4-4 "
                + "C-5.4-5 C-5.4-6 C-5.4-8 C-5.4-9 C-5.4-10 C-5.4-11 C-5.4-12 C-5.4-13 C-5.4-14 C-6.1-1 C-6.1-2 C-6.1-3 "
                + "C-6.1-4 C-6.1-5 C-6.1-6 C-6.1-7 C-6.3-1 C-6.3-3 C-6.3-4 C-6.3-5 C-6.3-6 C-6.3-8 C-6.3-9 C-8.3-5 C-9.2-1 "
                + "C-9.2-2 C-9.2-5 C-9.2-12 C-9.2-13 C-9.4-20 C-10.4-2 C-10.4-6 C-10.4-11 C-10.4-12 C-10.4-13",
        },
        new("BP-9.1-2", "C-9.1-2 C-9.1-3 C-9.1-9 C-9.1-10", "delivers in plaintext though encryption is required")
        {
            Mutations = r => r.Delivery.Policy == ClientPolicy.Required ? InsteadOfQuit(Mail) : new Mutations(),
            AlsoFails = "C-4.8-5 C-5.5-2 C-9.1-6 C-9.1-8 C-10.4-8 C-10.4-12",
        },
        new("BP-9.1-2", "C-9.1-7 C-9.1-9", "delivers in plaintext though encryption is required and offered")
        {
            Asks = d => d.Policy == ClientPolicy.Required ? d with { Policy = ClientPolicy.Opportunistic, Suites = "ROT" } : d,
            AlsoFails = "C-4.8-5 C-5.5-2 C-9.1-2 C-9.1-3 C-9.1-4 C-9.1-5 C-9.1-6 C-9.1-8 C-9.1-11 C-9.1-12 C-10.4-8 C-10.4-12",
        },
        new("BP-9.1-3", "C-9.4-1 C-9.4-2", "delivers in plaintext to a remembered server that does not show itself")
        {
            Mutations = r => r.Delivery.Policy == ClientPolicy.Remembered
                ? InsteadOfQuit(Mail, last => !last.StartsWith("502", StringComparison.Ordinal))
                : new Mutations(),
            AlsoFails = "C-9.4-9 C-9.4-16 C-9.4-17 C-9.4-19 C-9.4-20",
        },
        new("BP-9.1-3", "C-9.4-16", "delivers in plaintext to a remembered server that answers 504")
        {
            Mutations = r => r.Delivery.Policy == ClientPolicy.Remembered
                ? InsteadOfQuit(Mail, last => last.StartsWith("504", StringComparison.Ordinal))
                : new Mutations(),
            AlsoFails = "C-9.4-17",
        },
        new("BP-9.1-3", "C-9.4-12", "delivers in plaintext to a remembered server that offers encryption")
        {
            Asks = d => d.Policy == ClientPolicy.Remembered && File.Exists(d.Memory)
                ? d with { Policy = ClientPolicy.Opportunistic, Suites = "ROT" }
                : d,
            AlsoFails = "C-9.4-1 C-9.4-2 C-9.4-3 C-9.4-4 C-9.4-5 C-9.4-6 C-9.4-9 C-9.4-10 C-9.4-11 C-9.4-13 C-9.4-14 C-9.4-15 "
                + "C-9.4-16 C-9.4-18 C-9.4-19 C-9.4-20",
        },
        new("BP-9.1-3", "C-9.4-17", "delivers in plaintext to a remembered server that refuses the continuation")
        {
            Mutations = r => r.Delivery.Policy == ClientPolicy.Remembered
                ? InsteadOfQuit(Mail, after: last => last is "454 no" or "501 no", continued: true)
                : new Mutations(),
        },
        new("BP-9.1-4", "C-5.5-2 C-9.4-18", "treats ROT as encryption")
        {
            Asks = d => d.Suites == "ROT" ? d with { Policy = ClientPolicy.Opportunistic } : d,
        },
        new("BP-9.1-4", "C-9.4-18", "treats ROT as encryption for a remembered server, but not where encryption is required")
        {
            Asks = d => d is { Suites: "ROT", Policy: ClientPolicy.Remembered } ? d with { Policy = ClientPolicy.Opportunistic } : d,
        },
        new("BP-9.1-5", "C-9.1-2 C-9.1-3 C-9.1-9 C-9.1-10 C-9.4-1 C-10.4-8", "reports a deferral as a delivery")
        {
            Says = (r, o) => r.Delivery.Policy == ClientPolicy.Opportunistic ? o : o with { Delivered = true },
            AlsoFails = "C-4.8-5 C-5.5-2 C-9.1-4 C-9.1-5 C-9.1-6 C-9.1-8 C-9.1-11 C-9.1-12 C-9.4-2 C-9.4-3 C-9.4-4 C-9.4-5 C-9.4-6 "
                + "C-9.4-8 C-9.4-9 C-9.4-10 C-9.4-11 C-9.4-15 C-9.4-16 C-9.4-17 C-9.4-18 C-9.4-19 C-9.4-20 C-10.4-12",
        },
        new("BP-9.1-5", "C-9.1-9 C-9.2-6 C-9.2-7", "reports mail as delivered that the server did not greet")
        {
            Says = (_, o) =>
                o.Replies.Contains("\r\n354", StringComparison.Ordinal) || !o.Replies.StartsWith("421", StringComparison.Ordinal)
                    ? o
                    : o with { Delivered = true },
            AlsoFails = "C-9.2-8 C-9.2-11 C-9.4-11 C-10.4-3",
        },
        new("BP-9.1-6", "C-9.1-2 C-9.1-3", "finds out after MAIL that it has to defer")
        {
            Mutations = r =>
                r.Delivery.Policy == ClientPolicy.Required ? InsteadOfQuit("MAIL FROM:<a@client.test>\r\nQUIT") : new Mutations(),
            AlsoFails = "C-4.8-5 C-5.5-2 C-9.1-6 C-9.1-8 C-9.1-9 C-9.1-10 C-10.4-8 C-10.4-12",
        },
        new("BP-9.1-7", "C-9.1-8", "says RSET instead of QUIT where it defers") { Mutations = _ => InsteadOfQuit("RSET") },

        // ---------------------------------------------------------------- 9.2 falling back
        new("BP-9.2-1", "C-4.1-3", "defers where the server makes no offer that it can use")
        {
            Mutations = _ => QuitsWithoutCommand(offered: true),
            AlsoFails = "C-4.1-4 C-4.1-5 C-4.1-12 C-4.1-13 C-4.1-14 C-4.8-1 C-10.4-6",
        },
        new("BP-9.2-1", "C-4.1-2 C-9.4-7", "defers where the server makes no offer")
        {
            Mutations = _ => QuitsWithoutCommand(offered: false),
            AlsoFails = "C-4.1-15 C-9.1-1 C-9.4-8 C-9.4-20 C-10.4-2 C-10.4-13",
        },
        new("BP-9.2-2", "C-4.3-1 C-4.3-2 C-4.3-3 C-4.3-16 C-4.3-17 C-4.4-12 C-6.1-1 C-6.3-1 C-6.3-8 C-9.2-1",
            "makes no fresh connection after a broken upgrade")
        {
            Connects = n => n == 1,
            AlsoFails = "C-4.3-4 C-4.3-6 C-4.3-7 C-4.3-8 C-4.3-9 C-4.3-10 C-4.3-11 C-4.3-12 C-4.3-13 C-4.3-14 C-4.3-18 C-4.3-20 "
                + "C-4.3-22 C-4.3-23 C-4.3-24 C-4.3-25 C-4.3-26 C-4.3-27 C-4.3-28 C-4.3-29 C-5.1-1 C-5.1-2 C-5.1-5 C-5.2-1 "
                + "C-5.3-2 C-5.3-3 C-5.3-6 C-5.4-4 C-5.4-10 C-5.4-11 C-5.4-12 C-5.4-13 C-5.4-14 C-5.5-3 C-6.1-2 C-6.1-3 "
                + "C-6.1-4 C-6.1-5 C-6.1-7 C-6.3-3 C-6.3-4 C-6.3-5 C-6.3-6 C-6.3-9 C-8.3-5 C-9.2-2 C-9.2-12 C-9.2-13 C-9.4-8",
        },
        new("BP-9.2-2", "C-9.2-1", "asks for encryption in the fresh connection too")
        {
            Mutations = r => r.Connections == 1 ? new Mutations() : Sends("MAIL FROM:<a@client.test>", CoreOffer + " AAAA"),
            AlsoFails = "C-4.3-1 C-4.3-2 C-4.3-3 C-4.3-4 C-4.3-6 C-4.3-7 C-4.3-8 C-4.3-9 C-4.3-10 C-4.3-11 C-4.3-12 C-4.3-13 "
                + "C-4.3-14 C-4.3-16 C-4.3-17 C-4.3-18 C-4.3-20 C-4.3-22 C-4.3-23 C-4.3-24 C-4.3-25 C-4.3-26 C-4.3-27 C-4.3-28 "
                + "C-4.3-29 C-4.4-12 C-5.1-1 C-5.1-2 C-5.1-5 C-5.2-1 C-5.3-2 C-5.3-3 C-5.3-6 C-5.4-4 C-5.4-10 C-5.4-11 "
                + "C-5.4-12 C-5.4-13 C-5.4-14 C-5.5-3 C-6.1-1 C-6.1-2 C-6.1-3 C-6.1-4 C-6.1-5 C-6.1-7 C-6.3-1 C-6.3-3 C-6.3-4 "
                + "C-6.3-5 C-6.3-6 C-6.3-8 C-6.3-9 C-8.3-5 C-9.2-12 C-9.2-13 C-9.4-8",
        },
        new("BP-9.2-3", "C-9.2-2", "makes a second fresh connection when the first fails")
        {
            Again = (r, o) => o.Delivered || r.Connections < 2 ? null : r.Delivery with { Suites = "ROT" },
        },
        new("BP-9.2-3", "C-4.3-1 C-9.2-1", "makes a second fresh connection when the first has delivered")
        {
            Again = (r, o) => o.Delivered && r.Connections > 1 ? r.Delivery : null,
            AlsoFails = "C-4.3-2 C-4.3-3 C-4.3-4 C-4.3-6 C-4.3-7 C-4.3-8 C-4.3-9 C-4.3-10 C-4.3-11 C-4.3-12 C-4.3-13 C-4.3-14 "
                + "C-4.3-16 C-4.3-17 C-4.3-18 C-4.3-20 C-4.3-22 C-4.3-23 C-4.3-24 C-4.3-25 C-4.3-26 C-4.3-27 C-4.3-28 C-4.3-29 "
                + "C-4.4-12 C-5.1-1 C-5.1-2 C-5.1-5 C-5.2-1 C-5.3-2 C-5.3-3 C-5.3-6 C-5.4-4 C-5.4-10 C-5.4-11 C-5.4-12 "
                + "C-5.4-13 C-5.4-14 C-5.5-3 C-6.1-1 C-6.1-2 C-6.1-3 C-6.1-4 C-6.1-5 C-6.1-7 C-6.3-1 C-6.3-3 C-6.3-4 C-6.3-5 "
                + "C-6.3-6 C-6.3-8 C-6.3-9 C-8.3-5 C-9.2-12 C-9.2-13 C-9.4-8",
        },
        new("BP-9.2-3", "C-9.1-4 C-9.1-5", "makes a fresh connection though encryption is required")
        {
            Mutations = r => SeesAgreement(r),
            Again = (r, o) => o.Delivered || r.Delivery.Policy != ClientPolicy.Required || !r.Seen.ContainsKey("220")
                ? null
                : r.Delivery with { Policy = ClientPolicy.Opportunistic, Suites = "ROT" },
            AlsoFails = "C-9.1-9 C-9.1-10 C-9.1-11 C-9.1-12",
        },
        new("BP-9.2-3", "C-9.1-11", "makes a fresh connection though encryption is required, where the share is invalid")
        {
            Mutations = r => SeesInvalidShare(r),
            Again = (r, o) => AgainIf(r, o, ClientPolicy.Required, "invalid"),
        },
        new("BP-9.2-3", "C-9.1-11", "makes a fresh connection though encryption is required, where an alert comes instead of Finished")
        {
            Mutations = r => SeesFirst(r, RecordType.Alert),
            Again = (r, o) => AgainIf(r, o, ClientPolicy.Required, "first"),
        },
        new("BP-9.2-3", "C-9.1-11", "makes a fresh connection though encryption is required, where no Finished comes")
        {
            Mutations = r => SeesShare(r),
            Again = (r, o) => r.Seen.ContainsKey("record") ? null : AgainIf(r, o, ClientPolicy.Required, "share"),
        },
        new("BP-9.2-3", "C-9.4-16", "makes a fresh connection to a remembered server whose Finished is wrong")
        {
            Mutations = r => SeesFirst(r, RecordType.Finished, right: false),
            Again = (r, o) => AgainIf(r, o, ClientPolicy.Remembered, "first"),
        },
        new("BP-9.2-6", "C-9.1-12", "makes a fresh connection though encryption is required, where no reply inside comes")
        {
            Mutations = r => SeesEnd(r),
            Again = (r, o) => AgainIf(r, o, ClientPolicy.Required, "end"),
        },
        new("BP-9.2-6", "C-9.2-3", "delivers in plaintext where an alert follows its Finished")
        {
            Mutations = r => SeesEarly(r, RecordType.Alert),
            Again = (r, o) => AgainIf(r, o, ClientPolicy.Opportunistic, "early"),
        },
        new("BP-9.2-3", "C-9.4-3", "makes a fresh connection to a remembered server")
        {
            Again = (r, o) => o.Delivered || r.Delivery.Policy != ClientPolicy.Remembered
                ? null
                : r.Delivery with { Policy = ClientPolicy.Opportunistic, Suites = "ROT" },
            AlsoFails = "C-9.4-1 C-9.4-2 C-9.4-4 C-9.4-5 C-9.4-6 C-9.4-8 C-9.4-9 C-9.4-10 C-9.4-11 C-9.4-13 C-9.4-15 C-9.4-16 "
                + "C-9.4-17 C-9.4-18 C-9.4-19 C-9.4-20",
        },
        new("BP-9.2-6", "C-6.5-2 C-8.3-4 C-9.2-3", "delivers in plaintext at once when the session inside fails before the message")
        {
            Mutations = r => Watches(r),
            Again = (r, o) =>
                o.Delivered || r.Seen.ContainsKey("dot") || !r.Seen.ContainsKey("cut") ? null : r.Delivery with { Suites = "ROT" },
            AlsoFails = "C-4.3-19 C-4.3-21 C-6.3-7 C-6.5-3 C-6.5-4 C-6.5-5 C-6.5-6 C-7.1-2 C-7.1-3 C-7.1-6 C-7.1-7 C-7.1-11 C-7.3-1 "
                + "C-7.3-2 C-7.4-2 C-7.4-3 C-7.4-5 C-7.4-6 C-7.4-7 C-8.1-3 C-8.1-7 C-8.3-1 C-8.3-2 C-8.3-3 C-8.3-6 C-9.1-5 "
                + "C-9.1-11 C-9.1-12 C-9.2-10 C-9.2-14 C-9.4-5 C-9.4-6 C-9.4-8 C-9.4-9 C-9.4-10 C-9.4-15 C-9.4-16 C-9.4-19 "
                + "C-10.4-10",
        },
        new("BP-9.2-7", "C-8.2-1 C-9.2-4", "sends in plaintext too the message that it sent inside")
        {
            Mutations = r => Watches(r),
            Again = (r, o) => o.Delivered || !r.Seen.ContainsKey("dot") ? null : r.Delivery with { Suites = "ROT" },
            AlsoFails = "C-8.2-2 C-8.2-4 C-8.2-5 C-10.4-9",
        },
        new("BP-9.2-8", "C-9.1-6 C-9.4-4", "forgets its policy when EHLO is refused")
        {
            Mutations = _ => InsteadOfQuit($"HELO client.test\r\n{Mail}", last => last.StartsWith("502", StringComparison.Ordinal)),
            AlsoFails = "C-9.1-9 C-9.1-10",
        },
        new("BP-9.2-8", "C-9.2-5", "gives up a server that refuses EHLO")
        {
            Mutations = _ => new Mutations { PortLine = l => l.StartsWith("HELO", StringComparison.Ordinal) ? "QUIT" : l },
            AlsoFails = "C-10.4-12",
        },
        new("BP-9.2-9", "C-9.2-6", "treats a server that defers EHLO as one that has no extensions")
        {
            Mutations = _ => Reads("450 busy", "250 probe.test"),
            AlsoFails = "C-9.2-9",
        },
        new("BP-9.2-9", "C-9.2-7", "treats a malformed EHLO reply as one without extensions")
        {
            Mutations = _ => Reads("garbage", "250 probe.test"),
        },

        new("BP-9.2-9", "C-9.2-8", "takes every positive greeting") { Mutations = _ => TakesGreeting() },
        new("BP-9.2-9", "C-9.2-9", "says HELO where EHLO is answered with 4yz")
        {
            Mutations = _ =>
            {
                bool ehlo = false;
                return new Mutations
                {
                    PortLine = l =>
                    {
                        ehlo = l.StartsWith("EHLO", StringComparison.Ordinal);
                        return l;
                    },
                    PeerLine = l => ehlo && l.StartsWith('4') ? "5" + l[1..] : l,
                };
            },
            AlsoFails = "C-4.3-28",
        },
        new("BP-9.2-9", "C-9.2-14", "treats a 3yz reply to EHLO as a 5yz")
        {
            Mutations = _ =>
            {
                bool ehlo = false;
                return new Mutations
                {
                    PortLine = l =>
                    {
                        ehlo = l.StartsWith("EHLO", StringComparison.Ordinal);
                        return l;
                    },
                    PeerLine = l => ehlo && l.StartsWith('3') ? "5" + l[1..] : l,
                };
            },
        },
        new("BP-9.2-9", "C-9.2-14", "treats a 354 to EHLO inside as a 5yz")
        {
            Mutations = _ => ReadsInside("354 go\r\n", "554 go\r\n"),
            AlsoFails = "C-10.4-9",
        },
        new("BP-9.2-9", "C-9.2-7", "treats a bare LF in a reply to EHLO as text")
        {
            Mutations = _ => new Mutations
            {
                PeerLine = l => l.StartsWith("250", StringComparison.Ordinal) ? l.Replace('\n', ' ') : l,
            },
        },
        new("BP-9.2-9", "C-9.2-10", "says HELO where EHLO inside is answered with 4yz")
        {
            Mutations = _ => new Mutations
            {
                PeerRecord = r => [r.Type == RecordType.Data && r.Text.StartsWith('4')
                    ? Rec.Line(r.Text.Replace("45", "55", StringComparison.Ordinal))
                    : r],
            },
        },
        new("BP-9.2-9", "C-9.2-11", "waits for a greeting for ever") { Silence = Short, Mutations = _ => WaitsAfter(null) },
        new("BP-9.2-2", "C-9.2-12", "waits for the reply to its command for ever")
        {
            Silence = Short,
            Mutations = _ => WaitsAfter(IsCommand),
            AlsoFails = "C-4.3-28",
        },
        new("BP-9.2-2", "C-9.2-13", "waits for the reply to its continuation for ever")
        {
            Silence = Short,
            Mutations = _ => WaitsAfter(l => l.Length == 512),
        },

        // ---------------------------------------------------------------- 9.3 what leaves in the clear
        new("BP-9.3-1", "C-9.3-1", "asks for an address before the upgrade where DSN is offered")
        {
            Mutations = _ => AsksFirst(),
            AlsoFails = "C-4.5-2",
        },

        // ---------------------------------------------------------------- 9.4 memory
        new("BP-9.4-2", "C-9.4-13", "writes nothing into its memory")
        {
            Says = ClientMemory.Forgets((_, _) => true),
            AlsoFails = "C-9.4-1 C-9.4-2 C-9.4-3 C-9.4-4 C-9.4-5 C-9.4-6 C-9.4-9 C-9.4-10 C-9.4-15 C-9.4-16 C-9.4-17 C-9.4-18 "
                + "C-9.4-19 C-9.4-20",
        },
        new("BP-9.4-2", "C-9.4-19", "remembers a server only if it answers EHLO inside with 2yz")
        {
            Mutations = r =>
            {
                bool first = true;
                return new Mutations
                {
                    PeerRecord = rec =>
                    {
                        if (first && rec.Type == RecordType.Data && rec.Text is ['4' or '5', ..])
                            r.Seen["not 2yz"] = true;

                        first &= rec.Type != RecordType.Data;
                        return [rec];
                    },
                };
            },
            Says = ClientMemory.Forgets((r, _) => r.Seen.ContainsKey("not 2yz")),
        },
        new("BP-9.4-25", "C-9.4-20", "does not write its memory under opportunistic")
        {
            Says = ClientMemory.Forgets((r, _) => r.Delivery.Policy == ClientPolicy.Opportunistic),
        },
        new("BP-9.4-25", "C-9.4-20", "defers under opportunistic too on account of an entry")
        {
            Asks = d => d.KeepsMemory && File.Exists(d.Memory) ? d with { Policy = ClientPolicy.Remembered } : d,
        },
        new("BP-9.4-3", "C-9.4-8", "remembers a server that closes before its first reply")
        {
            Mutations = r => SeesEarly(r, RecordType.Close),
            Says = (r, o) => r.Seen.ContainsKey("early") && r.Delivery.Policy == ClientPolicy.Remembered ? ClientMemory.Writes(r, o) : o,
        },
        new("BP-9.4-3", "C-9.4-8", "remembers a server whose upgrade broke")
        {
            Says = ClientMemory.Writes,
            AlsoFails = "C-9.4-5 C-9.4-6 C-9.4-10 C-9.4-15",
        },
        new("BP-9.4-4", "C-9.4-9", "remembers a server only if it took the mail")
        {
            Says = ClientMemory.Forgets((_, o) => !o.Delivered),
            AlsoFails = "C-9.4-16 C-9.4-17 C-9.4-19",
        },
        new("BP-9.4-6", "C-9.4-5 C-9.4-6", "does not ask for the IDENT keys that it saw")
        {
            Says = ClientMemory.Keys(_ => "-"),
            AlsoFails = "C-9.4-10 C-9.4-15",
        },
        new("BP-9.4-7", "C-9.4-14", "forgets a key that a server does not show")
        {
            Says = ClientMemory.Keys(keys => keys.Split(',').MaxBy(k => k.Split('/').ElementAtOrDefault(2), StringComparer.Ordinal)!),
        },
        new("BP-9.4-7", "C-9.4-12", "remembers another key than the server showed")
        {
            Says = ClientMemory.Keys(keys => keys == "-" ? keys : new string('0', 64) + keys[64..]),
            AlsoFails = "C-9.4-10 C-9.4-14",
        },
        new("BP-9.4-22", "C-9.4-10", "keeps a key that the server withdrew")
        {
            Says = ClientMemory.Keys(keys => keys == "-" || keys.Contains(ClientMemory.OldKey, StringComparison.Ordinal)
                ? keys
                : $"{keys},{ClientMemory.OldKey}{keys[64..].Split(',')[0]}"),
            AlsoFails = "C-9.4-15",
        },
        new("BP-9.4-12", "C-9.4-11", "treats a memory that it can't read as an empty one")
        {
            Asks = d => d with { Memory = d.Memory + "-2" },
        },
        new("BP-9.4-12", "C-9.4-11", "treats an empty file as an empty memory")
        {
            Asks = d => File.Exists(d.Memory) && new FileInfo(d.Memory).Length == 0 ? d with { Memory = d.Memory + "-2" } : d,
        },
    ];

    // The commands of a delivery, whatever the server answers.
    private const string Mail = "MAIL FROM:<a@client.test>\r\nRCPT TO:<b@sink.test>\r\nDATA\r\n.\r\nQUIT";

    private static Mutations TakesGreeting()
    {
        bool greeting = true;
        return new Mutations
        {
            PeerLine = l =>
            {
                var line = greeting && l.StartsWith('2') && l.Length > 3 ? "220" + l[3..] : l;
                greeting &= l.Length > 3 && l[3] == '-';
                return line;
            },
        };
    }

    private static Mutations SeesAgreement(ClientRun run) => AfterCommand(l =>
    {
        if (l.StartsWith("220", StringComparison.Ordinal))
        {
            run.Seen["220"] = true;
        }

        return l;
    });

    // A delivery in plaintext, by a connection of its own, if the first was under this policy and saw that.
    private static Delivery? AgainIf(ClientRun run, Outcome outcome, ClientPolicy policy, string seen) =>
        !outcome.Delivered && run.Delivery.Policy == policy && run.Seen.ContainsKey(seen)
            ? run.Delivery with { Policy = ClientPolicy.Opportunistic, Suites = "ROT" }
            : null;

    private static Mutations SeesInvalidShare(ClientRun run) => AfterCommand(l =>
    {
        bool isShare = l.StartsWith("220 K=", StringComparison.Ordinal);
        if (isShare && !(Convert.TryFromBase64String(l[6..], new byte[l.Length], out int count) && count == 32))
            run.Seen["invalid"] = true;

        return l;
    });

    // A first record of this type; a Finished only if it is right, or wrong.
    private static Mutations SeesFirst(ClientRun run, RecordType type, bool right = true)
    {
        bool first = true;
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PeerRecord = r =>
            {
                bool fits = type != RecordType.Finished || r.Data.AsSpan().SequenceEqual(hooks.Keys!.Finished(Role.Server)) == right;
                if (first && r.Verified && r.Type == type && fits)
                    run.Seen["first"] = true;

                first = false;
                return [r];
            },
        };
    }

    // A share in the 220, and any record after it.
    private static Mutations SeesShare(ClientRun run) => new()
    {
        PeerLine = l =>
        {
            if (l.StartsWith("220 K=", StringComparison.Ordinal))
                run.Seen["share"] = true;

            return l;
        },
        PeerRecord = r =>
        {
            run.Seen["record"] = true;
            return [r];
        },
    };

    // The end of the connection, where nothing but the server's right Finished has come.
    private static Mutations SeesEnd(ClientRun run)
    {
        int right = 0, records = 0;
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PeerRecord = r =>
            {
                right += r.Type == RecordType.Finished && r.Data.AsSpan().SequenceEqual(hooks.Keys!.Finished(Role.Server)) ? 1 : 0;
                records++;
                return [r];
            },
            BeforePeerEnd = _ =>
            {
                if (right == 1 && records == 1)
                    run.Seen["end"] = true;

                return [];
            },
        };
    }

    // A record of this type after the server's Finished, and before any data.
    private static Mutations SeesEarly(ClientRun run, RecordType type)
    {
        bool finished = false, data = false;
        return new Mutations
        {
            PeerRecord = r =>
            {
                if (finished && !data && r.Verified && r.Type == type)
                    run.Seen["early"] = true;

                finished |= r.Type == RecordType.Finished;
                data |= r.Type == RecordType.Data;
                return [r];
            },
        };
    }

    private static Mutations AsksFirst()
    {
        bool dsn = false;
        return new Mutations
        {
            PeerLine = l =>
            {
                dsn |= l.Contains("DSN", StringComparison.Ordinal);
                return l;
            },
            PortLine = l => dsn && IsCommand(l) ? $"VRFY b@sink.test\r\n{l}" : l,
        };
    }

    // In place of MAIL, where there was no offer, or one that it cannot use.
    private static Mutations QuitsWithoutCommand(bool offered)
    {
        bool asked = false, ehlo = false, offer = false, usable = false;
        return new Mutations
        {
            PeerLine = l =>
            {
                var text = l.Length > 4 ? l[4..] : "";
                offer |= text.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase);
                usable |= HasForm(text) && Names.Encrypting.Any(s => text.Contains(s, StringComparison.OrdinalIgnoreCase));
                return l;
            },
            PortLine = l =>
            {
                asked |= IsCommand(l);
                ehlo = l.StartsWith("EHLO", StringComparison.Ordinal) || (ehlo && !l.StartsWith("HELO", StringComparison.Ordinal));
                bool defers = !asked && ehlo && offer == offered && !usable;
                return defers && l.StartsWith("MAIL", StringComparison.Ordinal) ? "QUIT" : l;
            },
        };
    }
}

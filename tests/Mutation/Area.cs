namespace BlackPony.Mutation;

/// <summary>A part of the sources, and the quick tests of it.</summary>
/// <param name="Project">The project that is changed.</param>
/// <param name="Files">The start of the paths of its files.</param>
/// <param name="Tests">The test projects, and a pattern of their tests: class and method, and the name that is shown. What one lets pass
/// goes to the next.</param>
/// <param name="Wanted">The part of the changes that must be noticed, in percent.</param>
/// <param name="Seconds">The time for the tests of one project on one change, by how long each takes without it: the quicker ones come
/// first, and the rest is left out.</param>
internal sealed record Area(string Project, string[] Files, (string Project, string Names)[] Tests, int Wanted = 90, int Seconds = 10)
{
    private const string Reference = "src/BlackPony.Reference";

    // No faulty implementations, no programs, no exploration: they take minutes.
    private static readonly (string, string)[] Quick =
    [
        ("tests/Reference", "."),
        ("tests/Specification", @"\.Vectors\.|\.WorkedExampleTests\."),
        ("tests/Conformance", @"\.(Outbound|Transcripts)\."),
        ("tests/Property", @"^BlackPony\.Tests\.Property\.(?!Exploration|Fuzz|.*(NonceProperties|ForwardingProperties|PiecesProperties))"),
    ];

    /// <summary>The areas by name.</summary>
    public static IReadOnlyDictionary<string, Area> All { get; } = new Dictionary<string, Area>
    {
        ["Negotiation"] = new(Reference, ["Negotiation/"], Quick, Wanted: 97),
        ["Keys"] = new(Reference, ["Keys/"], Quick, Wanted: 97),
        ["Records"] = new(Reference, ["Records/", "PooledBuffer.cs"], Quick),
        ["Smtp"] = new("src/BlackPony.Smtp", [""], Quick),
        ["Policy"] = new(Reference, ["Policy/", "HostName.cs"], Quick),
        ["Suites"] = new(Reference, ["Suites/"], Quick),
        ["Hosting"] = new("src/BlackPony.Hosting", [""],
        [
            ("tests/Interop", @"\.(Resolver|InProcess)\.|\.(RelayServerTests|OutboundFaultTests)\.|\.(An_IPv6_client|Where_all_places)"
                + @"|\.MemoryFileTests\.(?!With_no|Key_log|A_server_(is|for))"
                + @"|\.OpenRelayProbeTests\.(?!A_reload|Another_address|A_server_that_takes_every)"),
            ("tests/Conformance", @"\.Outbound\."),
            ("tests/Property", @"\.(ServerMemoryTests|ProxyHeaderProperties)\."),
            // These start programs.
            ("tests/Interop", @"\.(CheckCommand|CheckOption|ClientName|Listen|MailerFailure|Mailer|Operation|Relay|SharedMemory)Tests\."
                + @"|\.(MemoryFile|OpenRelayProbe|OpenRelay|ServerStart|Strangers)Tests\."),
        ],
            Seconds: 60),
        ["Conformance"] = new("src/BlackPony.Conformance",
            ["CaseRunner", "CaseResult", "Expect", "Selection", "Baseline", "CaseTimeout", "Peers/", "Targets/", "Reports/"],
        [
            ("tests/Conformance", @"\.(CaseRunner|HostileTarget|Gate|Causes|Preflight|KeyMistake|KnownMistake|Report)Tests\."
                + @"|\.(Diagnosis|DiagnosisOfCases|ProbeConnection|Peer|StartTlsPeer|StartTlsClientPeer|Target|TimeLimit)Tests\."
                + @"|\.IncomingMessageTests\."
                + @"|\.OwnTroubleTests\.(A_report_replaces|Too_many|By_default_a_client|A_client_that_can)"),
            ("tests/Conformance", @"\.StartTls(Client|ServerReplies)?Tests\."),
            ("tests/Conformance", @"\.Faulty(Server|Client)Tests\."),
            ("tests/Conformance", @"\.(Runner|RunnerOutput|StartTlsRunner|OwnTrouble|PortingGuide)Tests\."),
        ],
            // The faulty implementations, of which each is quick, notice what the others let pass.
            Seconds: 60),
        ["Traces"] = new("src/BlackPony.Traces", [""], [("tests/Traces", @"^(?!.*(Wireshark|Tshark|Memory_goes_with))")],
            // The tests that compare whole reports, and those of many small sessions, come late, and notice much.
            Seconds: 120),
    };
}

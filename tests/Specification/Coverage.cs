using System.Text;
using System.Text.Json;
using BlackPony.Conformance.Cases;
using BlackPony.Tests.Conformance.Faulty;
using BlackPony.Tests.Conformance.Outbound;

namespace BlackPony.Tests.Specification;

/// <summary>
/// What stands behind each requirement of the specification: code, cases, faulty implementations, other tests, vectors;
/// or the reason why nothing can.
/// </summary>
internal sealed class Coverage
{
    /// <summary>Requirements that no test can see, with the reason. They are few.</summary>
    public static readonly IReadOnlyDictionary<string, string> Unseen = new Dictionary<string, string>
    {
        ["BP-5.4-2"] = "No test can show that something is never written; the code has no call that writes a private key.",
        ["BP-5.4-13"] = "It allows something to the client, and so cannot be violated.",
        ["BP-7.1-9"] = "2^64 records cannot be sent; the rekey limits of Section 7.6 come first, and are tested.",
        ["BP-11.2-1"] = "The reference is a relay and a mailer, and adds no Received field.",
        ["BP-B-2"] = "No test can show that there is no other switch; the programs have no option for it, and the source is an argument "
            + "of the library.",
    };

    /// <summary>Requirements that the suite tests, and that no code of the project needs to cite, with the reason.</summary>
    public static readonly IReadOnlyDictionary<string, string> WithoutCode = new Dictionary<string, string>
    {
        ["BP-11.2-2"] = "The reference is a relay and a mailer, and adds no Received field.",
    };

    /// <summary>
    /// Requirements of client and server that neither a case nor a test of its own shows for each of them, with the reason.
    /// </summary>
    public static readonly IReadOnlyDictionary<string, string> OneSided = new Dictionary<string, string>
    {
        ["BP-4.2-7"] = "client: the reference sends none; it may, and so the server's half is tested.",
        ["BP-5.1-5"] = "client: one without ROT is none that was told to use it; what it does with ROT is tested for Section 5.5.",
        ["BP-5.4-9"] = "both: the vectors have the draws of each side in their order, whether decryption succeeds or not.",
        ["BP-6.4-1"] = "both: the vectors are of the one function that both sides have.",
        ["BP-6.4-2"] = "both: the vectors are of the one function that both sides have.",
        ["BP-11.1-4"] = "client: the mailer neither logs nor reports octets from the server.",
        ["BP-B-1"] = "both: the vectors have the draws of each side.",
    };

    private static readonly string Root = Repository.Root;

    private readonly ILookup<string, string> _cases = ServerCases.All.Select(c => c.Info).Concat(ClientCases.All.Select(c => c.Info))
        .Select(c => (c.Id, c.Requirements)).Concat(OutboundCases.All.Select(c => (c.Id, c.Cites)))
        .SelectMany(c => c.Item2.Select(r => (r, c.Id))).ToLookup(p => p.r, p => p.Id);
    private readonly ILookup<string, string> _faults = Faulty();
    private readonly ILookup<string, string> _code = Code();
    private readonly ILookup<string, string> _tests = Tests();
    private readonly ILookup<string, string> _vectors = Vectors();

    public IEnumerable<string> Requirements => BlackPony.Conformance.Specification.BlackPony.Requirements.Keys;

    public IEnumerable<string> Cases(string requirement) => _cases[requirement];

    /// <summary>The faulty implementations, what catches each, and how many cases fail with it.</summary>
    public IEnumerable<string> Faults(string requirement) => _faults[requirement];

    /// <summary>Tests beside the suite, and vectors.</summary>
    public IEnumerable<string> Elsewhere(string requirement) => _tests[requirement].Concat(_vectors[requirement]);

    /// <summary>The roles that a requirement binds, and for which neither a case nor a test beside the suite is about it.</summary>
    public IEnumerable<string> RolesWithoutTest(string requirement) =>
        Roles.Of(requirement).Except(Cases(requirement).SelectMany(Roles.OfCase)).Except(_tests[requirement].SelectMany(Roles.OfTest));

    /// <summary>The members that cite the requirement, else those that say that they implement its section.</summary>
    public IEnumerable<string> CodeOf(string requirement) =>
        _code.Contains(requirement) ? _code[requirement] : _code[BlackPony.Conformance.Specification.Section(requirement)];

    /// <summary>The document spec/coverage.md.</summary>
    public string Write()
    {
        var text = new StringBuilder("""
            # Requirements traceability

            Generated from the specification, the code, the conformance suite and its faulty implementations;
            a test fails when it is stale (`BLACKPONY_WRITE=1` writes it).
            The code is the members that cite the requirement, or else its section.
            A requirement of both roles has a case or another test for each of them, or a reason why not.
            A faulty implementation is the reference with only that requirement broken.
            The cases after it catch it: each reports that requirement as violated.
            If other cases fail too, the number in parentheses is how many fail in all
            ([which, and what each reports](../tests/Conformance/Faulty/failing-cases.tsv)).


            """);
        foreach (var section in Requirements.GroupBy(BlackPony.Conformance.Specification.Section))
        {
            text.Append(
                $"## {section.Key}\n\n| requirement | role | code | cases | faulty implementation: cases that catch it | other tests "
                    + $"|\n|---|---|---|---|---|---|\n");
            foreach (var id in section)
            {
                var faults = string.Join("<br>", Faults(id));
                var other = Unseen.TryGetValue(id, out var reason)
                    ? $"none: {reason}"
                    : string.Join("<br>", Elsewhere(id).Concat(OneSided.Where(o => o.Key == id).Select(o => o.Value)));
                text.Append(
                    $"| {id} | {Role(id)} | {string.Join("<br>", CodeOf(id))} | {string.Join(' ', Cases(id))} | {faults} | {other} |\n");
            }

            text.Append('\n');
        }

        return text.ToString().TrimEnd() + "\n";
    }

    private static ILookup<string, string> Faulty()
    {
        var table = FailingCases.Read();
        var ports = FaultyImplementations.All.Select(
            f => (f.Breaks, Text(f is FaultyServer ? "server" : "client", f.Does, f.CaughtBy, table.Of(f).Count)));
        var relays = OutboundFaults.All.Select(
            f => (f.Breaks, Text("outbound relay", f.Does, f.CaughtBy,
                $"{f.CaughtBy} {f.AlsoFails}".Split(' ', StringSplitOptions.RemoveEmptyEntries).Length)));
        return ports.Concat(relays).ToLookup(p => p.Breaks, p => p.Item2);

        static string Text(string role, string does, string caughtBy, int failing) =>
            $"{role} {Cell(does)}: {caughtBy}" + (failing > caughtBy.Split(' ').Length ? $" ({failing} fail)" : "");
    }

    private static string Role(string requirement) => Roles.Of(requirement) is [var one] ? one : "both";

    private static string Cell(string text) =>
        text.Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);

    private static IEnumerable<string> Files(string folder) =>
        Directory.GetFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    private static ILookup<string, string> Code() =>
        ((string[])["src/BlackPony.Reference", "src/BlackPony.Smtp", "src/BlackPony.Hosting", "tools/blackpony"])
            .SelectMany(Files).SelectMany(f => Citations.Of(File.ReadAllText(f))).Distinct().ToLookup(c => c.Cited, c => c.Member);

    private static ILookup<string, string> Tests() =>
        Files("tests").Where(f => !((string[])["/Faulty/", "/Outbound/", "/Vectors/"]).Any(x => f.Contains(x, StringComparison.Ordinal)))
            .SelectMany(f => Citations.OfTests(File.ReadAllText(f))
                .Select(c => (c.Cited, Test: $"{Path.GetFileNameWithoutExtension(f)}.{c.Method}")))
            .ToLookup(c => c.Cited, c => c.Test);

    private static ILookup<string, string> Vectors() =>
        Directory.GetFiles(Path.Combine(SpecificationFile.Folder, "vectors"), "*.json")
            .Where(f => !f.EndsWith(".schema.json", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .SelectMany(f => JsonDocument.Parse(File.ReadAllText(f)).RootElement.GetProperty("tests").EnumerateArray()
                .SelectMany(t => t.GetProperty("requirements").EnumerateArray().Select(r => r.GetString()!)).Distinct()
                .Select(r => (r, Path.GetFileName(f))))
            .ToLookup(p => p.r, p => p.Item2);
}

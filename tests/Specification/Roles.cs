using System.Text.RegularExpressions;

namespace BlackPony.Tests.Specification;

/// <summary>Whom the requirements bind, and whom a case or test is about.</summary>
internal static partial class Roles
{
    public const string Client = "client";
    public const string Server = "server";
    public const string OutboundRelay = "outbound relay";

    // A line or a record binds the role that sends it; Section 9 is about clients, whatever the subject.
    private static readonly Dictionary<string, string> Sender = new()
    {
        ["BP-4.1-3"] = Server,
        ["BP-4.1-4"] = Server,
        ["BP-4.2-3"] = Client,
        ["BP-4.3-2"] = Server,
        ["BP-4.4-8"] = Server,
        ["BP-4.4-9"] = Server,
        ["BP-5.5-11"] = Server,
        ["BP-6.5-2"] = Server,
    };

    /// <summary>
    /// The roles that a requirement binds: what its subject names.
    /// A side, an implementation, a sender and a subject without a role are both.
    /// </summary>
    public static IReadOnlyList<string> Of(string requirement)
    {
        if (Sender.TryGetValue(requirement, out var sender))
        {
            return [sender];
        }

        if (requirement.StartsWith("BP-9.", StringComparison.Ordinal))
        {
            return [Client];
        }

        var subject = Keyword().Split(BlackPony.Conformance.Specification.BlackPony.Requirements[requirement])[0];
        var role = First().Match(subject) is { Success: true } first ? first : Noun().Match(Possessive().Replace(subject, ""));
        return role.Groups[1].Value switch
        {
            "client" or "mailer" => [Client],
            "server" or "relay" => [Server],
            "outbound relay" => [OutboundRelay],
            _ => [Client, Server],
        };
    }

    /// <summary>The roles that a case tests, by its id.</summary>
    public static IReadOnlyList<string> OfCase(string id) => id[0] switch { 'C' => [Client], 'S' => [Server], _ => [OutboundRelay] };

    /// <summary>
    /// The roles that a test beside the suite tests, by the name of its class: both if that names none.
    /// An outbound relay is a client of its next servers.
    /// </summary>
    /// <param name="test"><c>Class.Method</c>.</param>
    public static IReadOnlyList<string> OfTest(string test) =>
        ServerTests().IsMatch(test)
            ? [Server]
            : OutboundTests().IsMatch(test) ? [OutboundRelay, Client] : ClientTests().IsMatch(test) ? [Client] : [Client, Server];

    [GeneratedRegex(@"\b(?:MUST|SHOULD|MAY)\b")]
    private static partial Regex Keyword();

    [GeneratedRegex(@"^(?:A|An|The|Each) (outbound relay|client|mailer|server|relay|side|implementation|sender|recipient)\b")]
    private static partial Regex First();

    [GeneratedRegex(@"\b(outbound relay|client|mailer|server|relay|sides|side|implementation|sender|recipient)\b")]
    private static partial Regex Noun();

    [GeneratedRegex(@"\b\w+'s\b")]
    private static partial Regex Possessive();

    [GeneratedRegex(@"^(?:Inbound|Listen|RelayInside|RelayServer|Backend|OpenRelay|Operation|Crowd)")]
    private static partial Regex ServerTests();

    [GeneratedRegex(@"^(?:Outbound|RelayTests)")]
    private static partial Regex OutboundTests();

    [GeneratedRegex(@"^(?:Mail|Choice|FallBack|ServerMemory|MemoryFile|Connecting)")]
    private static partial Regex ClientTests();
}

using System.Globalization;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Keys;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>
/// What faulty clients do to their memory when a delivery has ended. An entry is a line of name, port, last good session,
/// failing time and IDENT keys.
/// </summary>
internal static class ClientMemory
{
    /// <summary>The key that the suite's server shows first, in hexadecimal.</summary>
    public static readonly string OldKey = Convert.ToHexStringLower(new IdentKey(new byte[32]).PublicKey);

    /// <summary>Changes the IDENT keys of the entries, each with its times.</summary>
    public static Func<ClientRun, Outcome, Outcome> Keys(Func<string, string> change) => (run, outcome) =>
    {
        if (File.Exists(run.Delivery.Memory))
        {
            var lines = File.ReadAllLines(run.Delivery.Memory);
            File.WriteAllText(run.Delivery.Memory,
                string.Concat(
                    lines.Select(l => (l[0] == '#' ? l : l[..(l.LastIndexOf(' ') + 1)] + change(l[(l.LastIndexOf(' ') + 1)..])) + "\n")));
        }

        return outcome;
    };

    /// <summary>Forgets all, after such a delivery.</summary>
    public static Func<ClientRun, Outcome, Outcome> Forgets(Func<ClientRun, Outcome, bool> when) => (run, outcome) =>
    {
        if (when(run, outcome) && File.Exists(run.Delivery.Memory))
        {
            File.Delete(run.Delivery.Memory);
        }

        return outcome;
    };

    /// <summary>Writes an entry, whatever the session was.</summary>
    public static Outcome Writes(ClientRun run, Outcome outcome)
    {
        if (Directory.Exists(run.Delivery.Memory))
        {
            return outcome;
        }

        File.WriteAllText(run.Delivery.Memory,
            string.Create(CultureInfo.InvariantCulture,
                $"# BlackPony memory 2: name port first-good last-good failing-since keys\n127.0.0.1 {run.Delivery.Port} "
                    + $"{DateTimeOffset.UtcNow:yyyy-MM-dd'T'HH:mm:ss'Z'} {DateTimeOffset.UtcNow:yyyy-MM-dd'T'HH:mm:ss'Z'} - -\n# end\n"));
        return outcome;
    }
}

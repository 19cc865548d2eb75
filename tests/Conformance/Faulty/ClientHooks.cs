using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>What faulty clients do on the wire, in words.</summary>
internal static class ClientHooks
{
    public const string CoreOffer = "XBLACKPONY V1 " + Core;

    // ---------------------------------------------------------------- plaintext

    /// <summary>Sends something else in the place of a part of its lines.</summary>
    public static Hooks Sends(string old, string text) => new() { PortLine = l => l.Replace(old, text, StringComparison.Ordinal) };

    /// <summary>Sends something else in the place of its XBLACKPONY command.</summary>
    public static Hooks Commands(Func<string, string> change) => new() { PortLine = l => IsCommand(l) ? change(l) : l };

    /// <summary>Reads something else in the place of a part of the server's lines.</summary>
    public static Hooks Reads(string old, string text) => new() { PeerLine = l => l.Replace(old, text, StringComparison.Ordinal) };

    /// <summary>Does not see a line of the EHLO reply that holds this text.</summary>
    public static Hooks Misses(string text) => new() { PeerLine = l => l.StartsWith("250", StringComparison.Ordinal) && l.Contains(text, StringComparison.Ordinal) ? l[..4] + "X-NOTHING" : l };

    /// <summary>Takes every XBLACKPONY line, and an EHLO reply without one, for this offer.</summary>
    public static Hooks Imagines(string offer) => new()
    {
        PeerLine = l => l == "250 probe.test" ? $"250-probe.test\r\n250 {offer}"
            : l.StartsWith("250", StringComparison.Ordinal) && l[4..].StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase) ? l[..4] + offer : l,
    };

    /// <summary>Reads the replies behind its XBLACKPONY command as something else.</summary>
    public static Hooks AfterCommand(Func<string, string?> peer, Func<string, string>? port = null)
    {
        bool asked = false;
        return new()
        {
            PortLine = l =>
            {
                var line = asked && port is not null ? port(l) : l;
                asked |= IsCommand(l);
                return line;
            },
            PeerLine = l => asked ? peer(l) : l,
        };
    }

    /// <summary>Takes such replies to its XBLACKPONY command for refusals.</summary>
    public static Hooks TakesForRefusal(Func<string, bool> reply) => AfterCommand(l => !reply(l) ? l : l.Length > 3 && l[3] == '-' ? null : "454 no");

    /// <summary>Answers the first line that begins so by lines of its own, and does not read it; a <c>\0</c> at their end closes.</summary>
    public static Hooks Answers(string line, string text) => new() { Answer = l => l.StartsWith(line, StringComparison.Ordinal) ? text : null };

    /// <summary>Reads a share of many lines as one line.</summary>
    public static Hooks JoinsFragments()
    {
        var share = new StringBuilder();
        return new()
        {
            PeerLine = l =>
            {
                if (l.Length < 6 || l[4..6] != "K=")
                {
                    return l;
                }

                share.Append(l[6..]);
                return l[3] == ' ' ? $"{l[..4]}K={share}" : null;
            },
        };
    }

    /// <summary>Goes on with its next command behind its continuation.</summary>
    public static Hooks NamesAnotherAfterContinuing()
    {
        bool asked = false, continued = false;
        return new()
        {
            PeerLine = l =>
            {
                bool hidden = l.StartsWith("334-", StringComparison.Ordinal) || (continued && l.StartsWith("504", StringComparison.Ordinal));
                asked |= l.StartsWith("334 ", StringComparison.Ordinal);
                return hidden ? null : l.StartsWith("334 ", StringComparison.Ordinal) ? "504 another" : l;
            },
            PortLine = l =>
            {
                continued |= asked && IsCommand(l);
                return asked && IsCommand(l) ? $"{new string('A', 512)}\r\n{l}" : l;
            },
        };
    }

    public static bool IsCommand(string line) => line.StartsWith("XBLACKPONY ", StringComparison.Ordinal);

    // ---------------------------------------------------------------- records

    /// <summary>Sends something else in the place of a part of its SMTP inside.</summary>
    public static Hooks SendsInside(string old, string text) => new() { PortRecord = r => [Replaced(r, old, text)] };

    /// <summary>Reads something else in the place of a part of the server's SMTP inside.</summary>
    public static Hooks ReadsInside(string old, string text) => new() { PeerRecord = r => [Replaced(r, old, text)] };

    /// <summary>Sends other records in the place of those of a type.</summary>
    public static Hooks Sends(RecordType type, Func<Rec, IEnumerable<Rec>> records) => new() { PortRecord = r => r.Type == type ? records(r) : [r] };

    /// <summary>Goes on as if such records of the server had not come.</summary>
    public static Hooks Ignores(Func<Rec, bool> which) => new() { PeerRecord = r => which(r) ? [] : [r] };

    /// <summary>Takes such records of the server for records that do not verify.</summary>
    public static Hooks Rejects(Func<Rec, bool> which) => new() { PeerRecord = r => [which(r) ? r with { Tamper = record => record[^1] ^= 1 } : r] };

    /// <summary>Takes records of the server though they do not verify.</summary>
    public static Hooks TakesUnverified() => new() { PeerRecord = r => [r with { Raw = r.Verified ? r.Raw : null }] };

    /// <summary>Takes the server's first record for a good Finished, whatever it is.</summary>
    public static Hooks TakesAnyFinished()
    {
        bool first = true;
        Hooks hooks = null!;
        hooks = new()
        {
            PeerRecord = r =>
            {
                var record = first ? new Rec(RecordType.Finished, hooks.Keys!.Finished(Role.Server)) : r;
                first = false;
                return [record];
            },
        };
        return hooks;
    }

    /// <summary>Plaintext in the place of a record.</summary>
    public static Rec Plaintext(string text) => new(0, []) { Raw = Encoding.Latin1.GetBytes(text) };

    private static Rec Replaced(Rec rec, string old, string text) => rec.Type == RecordType.Data && rec.Text.Contains(old, StringComparison.Ordinal) ? Rec.Line(rec.Text.Replace(old, text, StringComparison.Ordinal)) : rec;
}

using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>What faulty clients do on the wire, in words.</summary>
internal static class ClientMutations
{
    public const string CoreOffer = "XBLACKPONY V1 " + Core;

    // ---------------------------------------------------------------- plaintext

    /// <summary>Sends something else instead of a part of its lines.</summary>
    public static Mutations Sends(string old, string text) => new() { PortLine = l => l.Replace(old, text, StringComparison.Ordinal) };

    /// <summary>Sends something else instead of its XBLACKPONY command.</summary>
    public static Mutations Commands(Func<string, string> change) => new() { PortLine = l => IsCommand(l) ? change(l) : l };

    /// <summary>Sends something else instead of its XBLACKPONY command with the suite that few cases use.</summary>
    public static Mutations RareCommands(Func<string, string> change) =>
        Commands(l => l.Contains(' ' + HybridAes, StringComparison.OrdinalIgnoreCase) ? change(l) : l);

    /// <summary>Tries another suite before its own where both are offered, and forgets it after the 504.</summary>
    public static Mutations FirstTries(string suite)
    {
        bool isOffered = false;
        return new Mutations
        {
            PeerLine = l =>
            {
                isOffered |= l.Contains($" {suite} ", StringComparison.Ordinal) && l.Contains($" {Core}", StringComparison.Ordinal);
                return l.StartsWith("504", StringComparison.Ordinal) ? null : l;
            },
            PortLine = l => isOffered && IsCommand(l)
                ? $"XBLACKPONY V1 {suite} {Convert.ToBase64String(new byte[1216])}\r\n{l}"
                : l,
        };
    }

    /// <summary>Sends other records in a session with the suite that few cases use.</summary>
    public static Mutations RareRecords(Func<Rec, IEnumerable<Rec>> record)
    {
        Mutations hooks = null!;
        return hooks = new Mutations { PortRecord = r => hooks.Suite == HybridAes ? record(r) : [r] };
    }

    /// <summary>The same for the records of a type.</summary>
    public static Mutations RareRecords(RecordType type, Func<Rec, IEnumerable<Rec>> record) =>
        RareRecords(r => r.Type == type ? record(r) : [r]);

    /// <summary>Treats whole replies to its XBLACKPONY command as refusals.</summary>
    public static Mutations TakesRepliesForRefusal(Func<IReadOnlyList<string>, bool> which)
    {
        var lines = new List<string>();
        return AfterCommand(l =>
        {
            lines.Add(l);
            if (l.Length > 3 && l[3] == '-')
            {
                return null;
            }

            var reply = which(lines) ? "454 no" : string.Join("\r\n", lines);
            lines.Clear();
            return reply;
        });
    }

    /// <summary>Reads something else instead of a part of the server's lines.</summary>
    public static Mutations Reads(string old, string text) => new() { PeerLine = l => l.Replace(old, text, StringComparison.Ordinal) };

    /// <summary>Does not see a line of the EHLO reply that holds this text.</summary>
    public static Mutations Misses(string text) => new()
    {
        PeerLine = l =>
            l.StartsWith("250", StringComparison.Ordinal) && l.Contains(text, StringComparison.Ordinal) ? l[..4] + "X-NOTHING" : l,
    };

    /// <summary>Reads such XBLACKPONY lines as others.</summary>
    public static Mutations ReadsOffer(Func<string, string> offer) => new()
    {
        PeerLine = l =>
            l.Length > 4 && l.StartsWith("250", StringComparison.Ordinal)
                && l[4..].StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase) ? l[..4] + offer(l[4..]) : l,
    };

    /// <summary>Whether an XBLACKPONY line has the form of an offer of version 1.</summary>
    public static bool HasForm(string line) => line.Length + 6 <= Limits.MaxReplyLine && line.All(c => c is >= ' ' and <= '~')
        && line.ToUpperInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries) is ["XBLACKPONY", .. var tokens]
        && tokens.Contains("V1");

    /// <summary>Says something else where it says QUIT and has sent no mail; given what the server said last.</summary>
    /// <param name="text">What it says.</param>
    /// <param name="after">Whether it says it after this line of the server; null for always.</param>
    /// <param name="continued">Whether it says it only after its continuation or "*".</param>
    public static Mutations InsteadOfQuit(string text, Func<string, bool>? after = null, bool continued = false)
    {
        var last = "";
        bool mail = false, begun = !continued;
        return new Mutations
        {
            PeerLine = l => last = l,
            PortLine = l =>
            {
                mail |= l.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase);
                begun |= l == "*" || (l.Length == 512 && !l.Contains(' ', StringComparison.Ordinal));
                return l == "QUIT" && !mail && begun && after?.Invoke(last) != false ? text : l;
            },
        };
    }

    /// <summary>Sends plaintext instead of an alert, after such a failure.</summary>
    public static Mutations InsteadOfAlert(Func<Rec, bool> failure, string text)
    {
        bool failed = false;
        return new Mutations
        {
            PeerRecord = r =>
            {
                failed |= failure(r);
                return [r];
            },
            PortRecord = r => [failed && r.Type == RecordType.Alert ? Plaintext(text) : r],
        };
    }

    /// <summary>Sends something else instead of its close, where the server has sent its own, or where it has not.</summary>
    public static Mutations InsteadOfClose(bool serverClosed, params Rec[] records)
    {
        bool closed = false;
        return new Mutations
        {
            PeerRecord = r =>
            {
                closed |= r.Type == RecordType.Close;
                return [r];
            },
            PortRecord = r => r.Type == RecordType.Close && closed == serverClosed ? records : [r],
        };
    }

    /// <summary>
    /// Notes in the run what becomes of the message: "dot" when it was sent whole, "answer" when something came then, "close" and "cut"
    /// when that came in its place.
    /// </summary>
    public static Mutations Watches(ClientRun run, Func<Rec, IEnumerable<Rec>>? peer = null)
    {
        bool Pending() => run.Seen.ContainsKey("dot") && !run.Seen.ContainsKey("answer");
        return new Mutations
        {
            PortRecord = r =>
            {
                if (r.Type == RecordType.Data && (r.Text == ".\r\n" || r.Text.EndsWith("\r\n.\r\n", StringComparison.Ordinal)))
                {
                    run.Seen["dot"] = true;
                }

                return [r];
            },
            PeerRecord = r =>
            {
                if (r.Type == RecordType.Close)
                {
                    run.Seen[Pending() ? "close" : "closed"] = true;
                }

                var records = Pending() && peer is not null ? peer(r) : [r];
                if (Pending() && r is { Verified: true, Type: RecordType.Data })
                {
                    run.Seen["answer"] = true;
                }

                return records;
            },
            BeforePeerEnd = _ =>
            {
                run.Seen["cut"] = true;

                return [];
            },
        };
    }

    /// <summary>Reads the replies after its XBLACKPONY command as something else.</summary>
    public static Mutations AfterCommand(Func<string, string?> peer, Func<string, string>? port = null)
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
            PeerLine = l => asked && l.Length >= 3 ? peer(l) : l,
        };
    }

    /// <summary>Treats such replies to its XBLACKPONY command as refusals.</summary>
    public static Mutations TakesForRefusal(Func<string, bool> reply)
    {
        bool came = false;
        return AfterCommand(l =>
        {
            bool refused = !came && reply(l);
            came |= l.Length < 4 || l[3] != '-';
            return !refused ? l : l.Length > 3 && l[3] == '-' ? null : "454 no";
        });
    }

    /// <summary>Replaces the first line that comes after its continuation (or after its "*").</summary>
    public static Mutations AfterContinuation(Func<string, string?> peer, bool cancelled = false)
    {
        bool continued = false;
        return new()
        {
            PortLine = l =>
            {
                continued |= cancelled ? l == "*" : l.Length == 512 && !l.Contains(' ', StringComparison.Ordinal);
                return l;
            },
            PeerLine = l =>
            {
                var line = continued ? peer(l) : l;
                continued = false;
                return line;
            },
        };
    }

    /// <summary>Treats such lines as a refusal.</summary>
    public static Func<string, string> Refusal(Func<string, bool> which) => l => which(l) ? "454 no" : l;

    /// <summary>Keeps its end back from the server once it has sent such a line, unless the server answers.</summary>
    public static Mutations WaitsAfter(Func<string, bool>? line)
    {
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            HidesPortEnd = line is null,
            PeerLine = l =>
            {
                hooks.HidesPortEnd = false;
                return l;
            },
            PortLine = l =>
            {
                hooks.HidesPortEnd |= line?.Invoke(l) == true;
                return l;
            },
        };
    }

    /// <summary>Sends or reads other lines under ROT.</summary>
    public static Mutations UnderRot(Func<string, string>? peer = null, Func<string, string>? port = null)
    {
        Mutations hooks = null!, after = AfterCommand(l => peer is null || hooks.Suite != Rot ? l : peer(l),
            l => port is null || hooks.Suite != Rot ? l : port(l));
        return hooks = new Mutations { PeerLine = l => after.PeerLine!(l), PortLine = l => after.PortLine!(l) };
    }

    /// <summary>Answers the first line that begins so by lines of its own, and does not read it; a <c>\0</c> at their end closes.</summary>
    public static Mutations Answers(string line, string text) =>
        new() { Answer = l => l.StartsWith(line, StringComparison.Ordinal) ? text : null };

    /// <summary>Reads a share of too many lines as one line.</summary>
    public static Mutations JoinsFragments()
    {
        var lines = new List<string>();
        return AfterCommand(l =>
        {
            lines.Add(l);
            if (l.Length < 6 || l[4..6] != "K=" || l[3] == '-')
            {
                return l.Length < 6 || l[4..6] != "K=" ? Flush() : null;
            }

            return lines.Count > Limits.MaxShareLines ? $"{l[..4]}K={string.Concat(lines.Select(f => f[6..]))}" : Flush();
        });

        string Flush()
        {
            var text = string.Join("\r\n", lines);
            lines.Clear();
            return text;
        }
    }

    /// <summary>Sends its next command directly after its continuation.</summary>
    public static Mutations NamesAnotherAfterContinuing()
    {
        bool asked = false, continued = false, both = false;
        return new()
        {
            PeerLine = l =>
            {
                both |= l.Contains(Core, StringComparison.Ordinal) && l.Contains(Classic, StringComparison.Ordinal);
                if (!both)
                    return l;

                bool hidden = l.StartsWith("334-", StringComparison.Ordinal)
                    || (continued && l.StartsWith("504", StringComparison.Ordinal));
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

    /// <summary>Sends something else instead of a part of its SMTP inside.</summary>
    public static Mutations SendsInside(string old, string text) => new() { PortRecord = r => [Replaced(r, old, text)] };

    /// <summary>Reads something else instead of a part of the server's SMTP inside.</summary>
    public static Mutations ReadsInside(string old, string text) => new() { PeerRecord = r => [Replaced(r, old, text)] };

    /// <summary>Sends other records instead of those of a type.</summary>
    public static Mutations Sends(RecordType type, Func<Rec, IEnumerable<Rec>> records) =>
        new() { PortRecord = r => r.Type == type ? records(r) : [r] };

    /// <summary>Goes on as if such records of the server had not come.</summary>
    public static Mutations Ignores(Func<Rec, bool> which) => new() { PeerRecord = r => which(r) ? [] : [r] };

    /// <summary>Treats such records of the server as records that do not verify.</summary>
    public static Mutations Rejects(Func<Rec, bool> which) =>
        new() { PeerRecord = r => [which(r) ? r with { Tamper = record => record[^1] ^= 1 } : r] };

    /// <summary>Takes records of the server though they do not verify.</summary>
    public static Mutations TakesUnverified() => new() { PeerRecord = r => [r with { Raw = r.Verified ? r.Raw : null }] };

    /// <summary>Treats the server's first record as a good Finished, whatever it is.</summary>
    public static Mutations TakesAnyFinished()
    {
        bool first = true;
        Mutations hooks = null!;
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

    /// <summary>Plaintext instead of a record.</summary>
    public static Rec Plaintext(string text) => new(0, []) { Raw = Encoding.Latin1.GetBytes(text) };

    private static Rec Replaced(Rec rec, string old, string text) =>
        rec.Type == RecordType.Data && rec.Text.Contains(old, StringComparison.Ordinal)
            ? Rec.Line(rec.Text.Replace(old, text, StringComparison.Ordinal))
            : rec;
}

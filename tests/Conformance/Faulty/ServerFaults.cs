using BlackPony.Conformance.Peers;
using BlackPony.Reference.Records;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>
/// Faults of servers in words: what a server says, hears, sends and takes otherwise. Each makes the hooks of one connection.
/// </summary>
internal static class ServerFaults
{
    /// <summary>A record that does not verify: who gets it fails.</summary>
    public static Rec Spoilt(Rec record) => record with { Tamper = r => r[^1] ^= 1 };

    /// <summary>The end of the connection instead of a record.</summary>
    public static Rec End { get; } = new(0, []) { Ends = true };

    /// <summary>The client's right Finished.</summary>
    public static Rec Finished { get; } = new(RecordType.Finished, []) { Finishes = true };

    public static Rec Ignored { get; } = new((RecordType)200, []);

    public static bool IsUpgrade(string line) => line.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase);

    public static bool IsOffer(string line) => line.Length > 4 && IsUpgrade(line[4..]);

    public static bool IsContinuation(string line) => line.Length > 300 && !line.Contains(' ');

    // ---------------------------------------------------------------- plaintext

    /// <summary>It says other lines.</summary>
    public static Func<Mutations> Says(Func<string, string?> line) => () => new Mutations { PortLine = line };

    /// <summary>It says lines that begin with one text with another in its place.</summary>
    public static Func<Mutations> Says(string usual, string instead) =>
        Says(l => l.StartsWith(usual, StringComparison.Ordinal) ? instead + l[usual.Length..] : l);

    /// <summary>It offers otherwise. The reference hashes its own offer: so an upgrade fails after it.</summary>
    public static Func<Mutations> Offers(Func<string, string> offer) => Says(l => IsOffer(l) ? l[..4] + offer(l[4..]) : l);

    /// <summary>It offers otherwise from its second EHLO reply on, which most cases do not ask for.</summary>
    public static Func<Mutations> OffersLater(Func<string, string> offer) => () =>
    {
        int offers = 0;
        return new Mutations { PortLine = l => IsOffer(l) && offers++ > 0 ? l[..4] + offer(l[4..]) : l };
    };

    /// <summary>It says other lines to an upgrade with one suite.</summary>
    public static Func<Mutations> SaysTo(string suite, Func<string, string> line) => () =>
    {
        Mutations hooks = null!;
        return hooks = new Mutations { PortLine = l => hooks.Suite == suite ? line(l) : l };
    };

    /// <summary>It answers such lines otherwise if something follows them in the segment.</summary>
    public static Func<Mutations> AnswersBefore(Func<string, bool> which, string reply) => () =>
    {
        Mutations hooks = null!;
        return hooks = new Mutations { Answer = l => which(l) && hooks.HasMore ? reply + "\r\n" : null };
    };

    /// <summary>It hears another command before such lines, where a condition holds, and says nothing to it.</summary>
    public static Func<Mutations> HearsBefore(string command, Func<string, bool> which, Func<bool, string, bool> condition,
        bool begins = false) => () =>
    {
        bool state = begins, swallows = false;
        return new Mutations
        {
            PeerLine = l =>
            {
                swallows = which(l) && state;
                var heard = swallows ? $"{command}\r\n{l}" : l;
                state = condition(state, l);
                return heard;
            },
            PortLine = l =>
            {
                bool silent = swallows;
                swallows &= l.Length > 3 && l[3] == '-';
                return silent ? null : l;
            },
        };
    };

    /// <summary>It hears other lines than came.</summary>
    public static Func<Mutations> Hears(Func<string, string?> line) => () => new Mutations { PeerLine = line };

    /// <summary>It hears another XBLACKPONY command than came.</summary>
    public static Func<Mutations> HearsUpgrade(Func<string, string?> line) => Hears(l => IsUpgrade(l) ? line(l) : l);

    /// <summary>It answers some lines at once and otherwise; a <c>\0</c> at the end closes.</summary>
    public static Func<Mutations> Answers(Func<string, bool> which, string reply) =>
        () => new Mutations { Answer = l => which(l) ? reply.TrimEnd('\0') + "\r\n" + (reply.EndsWith('\0') ? "\0" : "") : null };

    /// <summary>It answers some lines otherwise once it refused an upgrade.</summary>
    public static Func<Mutations> AnswersAfterRefusal(Func<string, bool> which, string reply) => AnswersAfter(IsUpgrade, which, reply);

    /// <summary>It answers some lines otherwise once such a line came.</summary>
    public static Func<Mutations> AnswersAfter(Func<string, bool> first, Func<string, bool> which, string reply) => () =>
    {
        bool came = false;
        return new Mutations
        {
            Answer = l =>
            {
                var answer = came && which(l) ? reply + "\r\n" : null;
                came |= first(l);
                return answer;
            },
        };
    };

    /// <summary>It answers some lines otherwise before such a line came, or after it; given whether more came in the segment.</summary>
    public static Func<Mutations> AnswersWhile(Func<string, bool> turn, bool after, Func<string, bool, bool> which, string reply) => () =>
    {
        bool came = false;
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            Answer = l =>
            {
                came |= turn(l);
                return came == after && which(l, hooks.HasMore) ? reply + "\r\n" : null;
            },
        };
    };

    /// <summary>Under ROT it says or hears other lines; given the shift.</summary>
    public static Func<Mutations> UnderRot(Func<string, int, string>? says = null, Func<string, int, string>? hears = null) => () =>
    {
        int shift = 0;
        bool shifted = false;
        return new Mutations
        {
            PeerLine = l =>
            {
                if (IsUpgrade(l))
                {
                    _ = int.TryParse(l.Split(' ')[^1], out shift);
                }

                return shifted && hears is not null ? hears(l, shift) : l;
            },
            PortLine = l =>
            {
                var line = shifted && says is not null ? says(l, shift) : l;
                shifted |= l.StartsWith("220 ROT", StringComparison.Ordinal);
                return line;
            },
        };
    };

    /// <summary>Text with its letters so many places further.</summary>
    public static string Shift(string text, int by) => ClientProbe.Rot(text, by);

    /// <summary>A <c>K=</c> line, or a share alone, with the lowest bit of its first octet turned.</summary>
    public static string OtherShare(string line)
    {
        int from = line.IndexOf("K=", StringComparison.Ordinal) is >= 0 and var at ? at + 2 : 0;
        return line[..from] + Convert.ToBase64String(Turned(Convert.FromBase64String(line[from..])));
    }

    /// <summary>Octets with the lowest bit of the first turned.</summary>
    public static byte[] Turned(byte[] octets) => [(byte)(octets[0] ^ 1), .. octets[1..]];

    // ---------------------------------------------------------------- records

    /// <summary>The same with the suite alone that few cases use.</summary>
    public static Func<Mutations> Rarely(Func<Mutations> fault) => () =>
    {
        var other = fault();
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PortRecord = r => hooks.Suite == Names.HybridAes && other.PortRecord is { } port ? port(r) : [r],
            PeerRecord = r => hooks.Suite == Names.HybridAes && other.PeerRecord is { } peer ? peer(r) : [r],
        };
    };

    /// <summary>It sends other records.</summary>
    public static Func<Mutations> Sends(Func<Rec, IEnumerable<Rec>> record) => () => new Mutations { PortRecord = record };

    /// <summary>It sends others instead of the records of a type.</summary>
    public static Func<Mutations> Sends(RecordType type, Func<Rec, IEnumerable<Rec>> record) =>
        Sends(r => r.Type == type ? record(r) : [r]);

    /// <summary>It says other text inside.</summary>
    public static Func<Mutations> SaysInside(string usual, string instead) =>
        Sends(RecordType.Data, r => [Rec.Line(r.Text.Replace(usual, instead, StringComparison.Ordinal))]);

    /// <summary>It takes other records than came.</summary>
    public static Func<Mutations> Takes(Func<Rec, IEnumerable<Rec>> record) => () => new Mutations { PeerRecord = record };

    /// <summary>It takes others instead of the records of a type.</summary>
    public static Func<Mutations> Takes(RecordType type, Func<Rec, IEnumerable<Rec>> record) =>
        Takes(r => r.Type == type && r.Verified ? record(r) : [r]);

    /// <summary>It hears other text inside than came.</summary>
    public static Func<Mutations> HearsInside(Func<string, string> text) => Takes(RecordType.Data, r => [Rec.Line(text(r.Text))]);

    /// <summary>It treats good records as a failure.</summary>
    public static Func<Mutations> FailsAt(Func<Rec, bool> which) => Takes(r => r.Verified && which(r) ? [Spoilt(r)] : [r]);

    /// <summary>It goes on as if some records had not come.</summary>
    public static Func<Mutations> Overlooks(Func<Rec, bool> which) => Takes(r => which(r) ? [] : [r]);

    /// <summary>It takes records before it has the peer's end.</summary>
    public static Func<Mutations> TakesAtTheEnd(params Rec[] records) => () => new Mutations { BeforePeerEnd = _ => records };

    /// <summary>It processes this as the content of a record that had not come whole at the peer's end.</summary>
    public static Func<Mutations> TakesPart(Rec record) => () => new Mutations { BeforePeerEnd = waiting => waiting > 0 ? [record] : [] };

    /// <summary>It asks for no Finished of the client's.</summary>
    public static Func<Mutations> NeedsNoFinished() => () =>
    {
        bool begun = false;
        return new Mutations
        {
            PeerRecord = r =>
            {
                Rec[] records = begun || r.Type == RecordType.Finished ? [r] : [Finished, r];
                begun = true;
                return records;
            },
        };
    };
}

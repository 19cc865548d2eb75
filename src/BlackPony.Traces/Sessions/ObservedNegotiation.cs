using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Traces.Sessions;

/// <summary>Holds what both sides say about BlackPony against the specification's Section 4, and about STARTTLS as far as stripping
/// goes.</summary>
internal sealed partial class ObservedNegotiation(Session session, Place place)
{
    private readonly bool _inside = place == Place.Records;

    private const string Xs = "XXXXXXX";

    private readonly ObservedSession _report = session.Report;
    private Offer? _offer;
    private byte[]? _offerLine;
    private bool _ehlo;
    private int _attempts;
    private int _lastCode;
    private string? _lastSuite;
    private byte[] _command = [];
    private UpgradeCommand? _parsed;
    private Suite? _suite;
    private TranscriptHash? _transcript;

    // Of the command under way; they enter the transcript at the 220, or at a 504 ([BP-6.1-6]).
    private readonly List<byte[]> _lines = [];
    private bool _inTransaction;
    private bool _continued;
    private bool _cancelled;
    private bool _broken;
    private bool _first = true;
    private bool _cut;

    /// <summary>Whether anybody here speaks BlackPony.</summary>
    public bool IsSpoken => _offerLine is not null || _attempts > 0 || _inside;

    /// <summary>A command of the client.</summary>
    /// <param name="verb">Its verb.</param>
    /// <param name="line">The line, without its end.</param>
    /// <param name="length">Its length with it.</param>
    /// <param name="inTransaction">Whether a mail transaction is open.</param>
    /// <param name="cut">Whether the capture has only the line's beginning.</param>
    public void OnCommand(Verb verb, ReadOnlySpan<byte> line, int length, bool inTransaction, bool cut)
    {
        if (place is Place.Tls or Place.OpenedTls)
            return;

        _cut = cut;
        if (_inside && _first && session.OpeningSeen && verb != Verb.Ehlo)
        {
            session.Deviates("BP-4.5-2", Role.Client,
                $"The first command inside is not EHLO: {Redaction.Command(line[..Math.Min(line.Length, 40)], afterAuth: false)}");
        }

        _first = false;
        if (_inside && verb is Verb.XBlackPony or Verb.StartTls)
            session.Deviates("BP-4.5-7", Role.Client, $"{verb.Name()} inside.");

        if (_broken)
        {
            session.FindOnce(FindingKind.Deviation("BP-9.2-2"), Role.Client,
                "After a broken upgrade the client goes on in the same connection.");
        }

        if (verb is Verb.Auth && !_inside && (Verbs.Contains(line, " PLAIN"u8) || Verbs.Contains(line, " LOGIN"u8)))
            session.FindOnce(FindingKind.PasswordInClear, Role.Client, "A password goes over the wire in the clear.");

        if (verb == Verb.XBlackPony && !_inside)
            OnUpgradeCommand(line, length, inTransaction);
    }

    /// <summary>A positive reply to a greeting command.</summary>
    /// <param name="verb">The command's verb.</param>
    /// <param name="reply">The reply, if it was read whole.</param>
    /// <param name="whole">Whether all keywords were read.</param>
    public void OnEhlo(Verb verb, Reply? reply, bool whole)
    {
        if (place is Place.Tls or Place.OpenedTls)
            return;

        _ehlo = verb is Verb.Ehlo;
        (_offer, _offerLine, _transcript) = (null, null, null);
        if (!_inside)
        {
            _report.Offer = null;
            _report.HasKeywords |= whole;
        }

        for (int i = 0; reply is not null && i < reply.Lines.Count; i++)
        {
            var text = reply.Text(i);
            if (i > 0 && Offer.IsKeyword(text))
            {
                OnOffer(text, verb);
            }
            else if (i > 0 && System.Text.Ascii.EqualsIgnoreCase(text, "STARTTLS"u8))
            {
                _report.OffersStartTls |= !_inside;
                if (_inside)
                    session.Deviates("BP-4.5-4", Role.Server, "The server offers STARTTLS inside.");
            }
            else if (i > 0 && text.StartsWith(Encoding.ASCII.GetBytes(Xs)) && !text.ContainsAnyExcept("XABC"u8))
            {
                session.FindOnce(FindingKind.KeywordOverwritten, Role.Server,
                    $"A keyword was overwritten in transit: {Escape.Octets(text, 40)}");
            }
        }
    }

    /// <summary>The continuation line (spec 4.3).</summary>
    public void OnContinuation(ReadOnlySpan<byte> line, int length, bool cut)
    {
        _cut |= cut;
        if (_cut)
            return;

        _cancelled = line.SequenceEqual("*"u8);
        if (length > Limits.MaxCommandLine)
            session.Deviates("BP-4.3-10", Role.Client, $"A continuation line of {length} octets.");
        else if (!_cancelled && (!Base64Share.TryDecode(line, out var share) || share.Length != Limits.RsaBits / 8))
            session.Deviates("BP-5.4-7", Role.Client, "The continuation is not canonical base64 of 384 octets.");

        if (_continued)
            _lines.Add(line[..Math.Min(line.Length, ushort.MaxValue)].ToArray());
    }

    /// <summary>A reply to XBLACKPONY or to the continuation.</summary>
    /// <param name="code">Its code.</param>
    /// <param name="reply">The reply, if it is well-formed.</param>
    /// <param name="cut">Whether the capture has only the reply's beginning.</param>
    /// <param name="behind">What the client sent after its line before the reply.</param>
    /// <param name="more">Whether a continuation follows.</param>
    /// <returns>What the streams are from here on; null if they stay as they are.</returns>
    public Layer? OnReply(int code, Reply? reply, bool cut, ReadOnlySpan<byte> behind, out bool more)
    {
        more = false;
        _cut |= cut;
        (_lastCode, _lastSuite) = (code, _suite?.Name ?? _parsed?.Suite);
        if (!behind.IsEmpty)
        {
            session.Deviates("BP-4.2-9", Role.Client,
                $"{behind.Length} octets after the command before its reply: {Escape.Octets(behind, 40)}");
        }

        switch (code)
        {
            case 220 or 334:
                return Agree(code, reply, out more);
            case 538:
                session.Deviates("BP-4.4-13", Role.Server, "The reply 538.");
                break;
            case 421:
                Break("The server answered XBLACKPONY with 421.");
                return null;
            case 504 when !_continued:
                Hash([_command, .. reply?.Lines ?? []]);
                break;
            case < 400:
                session.Deviates("BP-4.3-1", Role.Server, $"The reply {code} to XBLACKPONY.");
                Break($"The server answered XBLACKPONY with {code}.");
                return null;
            default:
                break;
        }

        session.Find(FindingKind.UpgradeRefused, Role.Server,
            $"XBLACKPONY with {_lastSuite ?? "no suite"} was {(_cancelled ? "cancelled" : "refused")}: {code}.");
        return null;
    }

    /// <summary>The session is over.</summary>
    public void Finish(int messages)
    {
        if (place != Place.Outside)
            return;

        if (_report.Upgrade == UpgradeKind.None && messages > 0 && _attempts == 0)
        {
            if (_report.Offer is not null)
                session.Find(FindingKind.NotUsed, Role.Client, "XBLACKPONY was offered, and the mail went in plaintext.");
            else if (_report.OffersStartTls)
                session.Find(FindingKind.NotUsed, Role.Client, "STARTTLS was offered, and the mail went in plaintext.");
        }

        if (_attempts > 0 && _report.Upgrade == UpgradeKind.None && !_broken && _lastCode == 0)
            Break("The connection ended before the reply to XBLACKPONY.");
    }

    private void OnOffer(ReadOnlySpan<byte> text, Verb verb)
    {
        if (_inside)
        {
            session.Deviates("BP-4.5-4", Role.Server, "The server offers XBLACKPONY inside.");
            return;
        }

        if (verb == Verb.Helo)
            session.Deviates("BP-4.1-6", Role.Server, "The keyword XBLACKPONY in a reply to HELO.");

        if (_offerLine is not null)
        {
            session.Deviates("BP-4.1-2", Role.Server, "More than one XBLACKPONY line in a reply.");
            return;
        }

        _offerLine = text.ToArray();
        _offer = Offer.Parse(text);
        _report.Offer = Escape.Octets(text[Math.Min(text.Length, Offer.Keyword.Length)..].Trim((byte)' '), 512);
        if (text.Length + 6 > Limits.MaxReplyLine)
            session.Deviates("BP-4.1-4", Role.Server, $"An XBLACKPONY line of {text.Length + 6} octets.");

        // Versions first, then suites, then GREASE, one space before each.
        int rank = 0;
        var tokens = Encoding.Latin1.GetString(text).Split(' ').Skip(1).ToList();
        foreach (var token in tokens)
        {
            int next = token is ['V', >= '0' and <= '9', ..] ? 1 : token.StartsWith("G-", StringComparison.Ordinal) ? 3 : 2;
            if (token.Length == 0 || next < rank)
                session.FindOnce(FindingKind.Deviation("BP-4.1-3"), Role.Server, $"The offer is malformed: {Escape.Octets(text, 200)}");

            rank = Math.Max(rank, next);
        }

        if (tokens.Count == 0 || !tokens[0].StartsWith('V'))
        {
            session.FindOnce(FindingKind.Deviation("BP-4.1-3"), Role.Server,
                $"The offer does not begin with a version: {Escape.Octets(text, 200)}");
        }
    }

    private void OnUpgradeCommand(ReadOnlySpan<byte> line, int length, bool inTransaction)
    {
        _attempts++;
        if (_cut)
        {
            _suite = Encoding.Latin1.GetString(line).Split(' ') is [_, _, var name, ..] ? SuiteRegistry.Find(name) : null;
            return;
        }

        _command = line[..Math.Min(line.Length, ushort.MaxValue)].ToArray();
        _lines.Clear();
        _parsed = UpgradeCommand.Parse(line);
        (_inTransaction, _continued, _cancelled) = (inTransaction, false, false);
        _suite = _parsed is null ? null : SuiteRegistry.Find(_parsed.Suite);
        if (_attempts > Limits.MaxClientAttempts)
        {
            session.FindOnce(FindingKind.Deviation("BP-4.2-10"), Role.Client,
                $"More than {Limits.MaxClientAttempts} XBLACKPONY commands in one connection.");
        }
        else if (_attempts == 2 && (_lastCode != 504 || string.Equals(_lastSuite, _parsed?.Suite, StringComparison.OrdinalIgnoreCase)))
        {
            session.Deviates("BP-4.2-11", Role.Client, "A second XBLACKPONY command, not after 504 or with the same suite.");
        }

        if (length > Limits.MaxCommandLine)
        {
            session.Deviates("BP-4.2-3", Role.Client, $"An XBLACKPONY command of {length} octets.");
        }
        else if (_parsed is null)
        {
            session.Deviates("BP-4.2-1", Role.Client, $"A malformed XBLACKPONY command: {Escape.Octets(line, 80)}");
        }
        else
        {
            CheckAgainstOffer();
            CheckShare();
        }

        if (inTransaction)
            session.Deviates("BP-9.3-1", Role.Client, "XBLACKPONY in a mail transaction.");

        _lastCode = 0;
    }

    private void CheckAgainstOffer()
    {
        var offered = _offerLine is null ? [] : Encoding.Latin1.GetString(_offerLine).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        bool listed = offered.Skip(1).Contains(_parsed!.Suite, StringComparer.OrdinalIgnoreCase)
            && offered.Skip(1).Contains(_parsed.Version, StringComparer.OrdinalIgnoreCase);
        if (!listed && session.OpeningSeen && _report.Gaps == 0)
        {
            session.Deviates("BP-4.2-2", Role.Client,
                $"{Escape.Octets(Encoding.Latin1.GetBytes(_parsed.Version + " " + _parsed.Suite), 60)} was not offered.");
        }
    }

    private void CheckShare()
    {
        var share = Encoding.ASCII.GetBytes(_parsed!.Share);
        if (_suite is Rot)
        {
            if (RotShift.Parse(share) is null)
                session.Deviates("BP-5.5-1", Role.Client, $"Not a shift: {Escape.Octets(share, 20)}");
        }
        else if (_suite is not null)
        {
            CheckShare(share);
        }
    }

    private void CheckShare(byte[] share)
    {
        if (!Base64Share.TryDecode(share, out var octets))
            session.Deviates("BP-5.1-6", Role.Client, "The client's share is not canonical base64.");
        else if (octets.Length != ShareLength(Role.Client))
            session.Deviates("BP-5.1-8", Role.Client, $"The client's share has {octets.Length} octets.");
    }

    private void Break(string why)
    {
        _broken = true;
        _report.UpgradeBroke = true;
        session.FindOnce(FindingKind.UpgradeBroken, Role.Client, why);
    }
}

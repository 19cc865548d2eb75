using System.Text;
using System.Text.RegularExpressions;

namespace BlackPony.Hosting;

/// <summary>
/// The ids that a mail server gave the messages of a session, as it names them in its replies: for the log, where an administrator finds
/// the same ids as in the mail server's own.
/// </summary>
internal sealed partial class QueueIds
{
    private const int MostIds = 8;
    private const int MostLine = 512;

    private readonly List<string> _ids = [];
    private string _unfinished = "";
    private int _more;

    /// <summary>Takes octets of the mail server.</summary>
    /// <param name="octets">Any octets, split in any way.</param>
    /// <param name="accepted">How many messages they acknowledge.</param>
    public void Take(ReadOnlySpan<byte> octets, int accepted)
    {
        if (accepted == 0)
        {
            // A reply may come in parts.
            Keep(octets);
            return;
        }

        var found = Id().Matches(_unfinished + Encoding.Latin1.GetString(octets)).Select(m => m.Groups["id"].Value).Take(accepted).ToList();
        _ids.AddRange(found.Take(MostIds - _ids.Count));
        _more += found.Count;
        Keep(octets);
    }

    /// <summary>The ids with commas between them; <c>none</c> if there are none.</summary>
    public override string ToString() => _ids.Count == 0 ? "none" : string.Join(',', _ids) + (_more > _ids.Count ? ",..." : "");

    private void Keep(ReadOnlySpan<byte> octets)
    {
        int line = octets.LastIndexOf((byte)'\n');
        var rest = Encoding.Latin1.GetString(octets[(line + 1)..]);
        _unfinished = line >= 0 ? rest : _unfinished + rest;
        _unfinished = _unfinished.Length > MostLine ? "" : _unfinished;
    }

    // Postfix, to DATA and to BDAT; Exim; sendmail and OpenSMTPD.
    [GeneratedRegex(
        @"^2\d\d (?:2\.\d\.\d )?(?:Ok: (?:\d+ bytes )?queued as (?<id>[A-Za-z0-9-]{5,30})|OK id=(?<id>[A-Za-z0-9-]{5,30})"
            + @"|(?<id>[A-Za-z0-9-]{5,30}) Message accepted for delivery)",
        RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}

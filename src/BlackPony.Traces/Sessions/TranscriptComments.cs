using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>Comments of a transcript that say what no item says: for people, and read again.</summary>
internal static partial class TranscriptComments
{
    public const string FreshConnection = "a fresh connection";
    public const string Reset = "the connection was reset";
    public const string Midstream = "the beginning of the connection is not in the capture";

    public static string Ends(string client, string server) => $"{client} to {server}";

    public static string Gap(Role sender, long length, bool cut) =>
        string.Create(CultureInfo.InvariantCulture,
            $"{length} octets of the {sender.Name()} {(cut ? "were cut off in" : "are not in")} the capture");

    public static bool TryEnds(string comment, out IPEndPoint client, out IPEndPoint server)
    {
        (client, server) = (null!, null!);
        int to = comment.IndexOf(" to ", StringComparison.Ordinal);
        return to > 0 && comment.Length < 120 && comment[..to].Contains(':') && IPEndPoint.TryParse(comment[..to], out client!)
            && IPEndPoint.TryParse(comment[(to + 4)..], out server!);
    }

    public static bool TryGap(string comment, out Role sender, out long length, out bool cut)
    {
        var match = GapForm().Match(comment);
        sender = match.Groups["who"].Value == "client" ? Role.Client : Role.Server;
        cut = match.Groups["how"].Value == "were cut off in";
        return long.TryParse(match.Groups["length"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out length) && length > 0;
    }

    [GeneratedRegex("^(?<length>[0-9]{1,18}) octets of the (?<who>client|server) (?<how>are not in|were cut off in) the capture$")]
    private static partial Regex GapForm();
}

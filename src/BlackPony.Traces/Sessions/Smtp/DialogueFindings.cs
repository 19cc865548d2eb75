using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>What is wrong with a line or a message by itself.</summary>
internal static class DialogueFindings
{
    public static void OnReplyLine(Session session, ReadOnlySpan<byte> line, int length, bool bare, int longest)
    {
        if (bare)
        {
            session.FindOnce(FindingKind.BareLf, Role.Server,
                $"A reply ends in LF alone: {Redaction.Reply(line[..Math.Min(line.Length, 60)])}");
        }

        if (length > longest)
            session.FindOnce(FindingKind.LineTooLong, Role.Server, $"A reply line of more than {longest} octets.");
    }

    public static void OnMessage(Session session, Body body, bool inChunks, bool eightBitAllowed)
    {
        if (body.IsEightBit && !eightBitAllowed)
            session.FindOnce(FindingKind.EightBit, Role.Client, "The message has octets above 127, and MAIL had no BODY=8BITMIME.");

        // What the server took for the end was said already.
        if (body.HasOddDot && !body.IsAtOddDot && !inChunks)
        {
            session.Find(FindingKind.Smuggling, Role.Client,
                "The message has a lone dot between line ends that are not CRLF: a lax server treats what follows as commands (SMTP "
                    + "smuggling).");
        }

        if (body.HasHugeHeader)
            session.Find(FindingKind.HugeHeader, Role.Client, "The message's header has more than 65536 octets.");

        if (body.HasLongLine)
            session.FindOnce(FindingKind.LongLine, Role.Client, "The message's header has a line of more than 1000 octets.");
    }

    /// <summary>A command that came before the reply to the one before it.</summary>
    public static void OnPipelined(Session session, Command command)
    {
        if (session.OpeningSeen && session.Report.Gaps == 0)
        {
            session.FindOnce(FindingKind.Pipelining, Role.Client,
                $"{command.Name ?? command.Verb.Name()} comes before the reply to the preceding command, and PIPELINING was not offered.");
        }
    }
}

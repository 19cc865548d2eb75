using System.Globalization;
using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>Reads a client's commands, and says what follows them.</summary>
/// <param name="dialogue">The session's other parts.</param>
/// <param name="stream">Where they stand.</param>
/// <param name="content">The message.</param>
internal sealed class ClientCommands(SmtpDialogue dialogue, ClientStream stream, MessageContent content)
{
    /// <summary>Whether an AUTH came, so that what nobody knows may be its credentials.</summary>
    public bool AuthSeen { get; set; }

    /// <summary>A command's line, without its end.</summary>
    /// <param name="line">The line.</param>
    /// <param name="length">Its length with its end.</param>
    /// <param name="time">When.</param>
    /// <param name="cut">Whether the capture has only its beginning.</param>
    public void Take(ReadOnlySpan<byte> line, int length, long time, bool cut)
    {
        var verb = Verbs.Find(line, out var name);
        bool secret = name is null && AuthSeen;
        name ??= Redaction.Name(line, AuthSeen);
        if (dialogue.Session.HasDialogue)
            dialogue.Say(time, Role.Client, Redaction.Command(line, AuthSeen), length);

        dialogue.Report.AddCommand(name);
        content.IsUtf8 |= Verbs.Contains(line, " SMTPUTF8"u8);
        if (!content.IsUtf8 && verb is not Verb.Auth && !secret && !System.Text.Ascii.IsValid(line))
        {
            dialogue.Session.FindOnce(FindingKind.NonAsciiCommand, Role.Client,
                $"Octets above 127 in a command: {Redaction.Command(line[..Math.Min(line.Length, 80)], AuthSeen)}");
        }

        dialogue.Negotiation.OnCommand(verb, line, length, dialogue.Transaction.IsOpen, cut);
        switch (verb)
        {
            case Verb.Ehlo or Verb.Helo or Verb.Lhlo:
                int end = line.IndexOf((byte)' ');
                dialogue.Report.Helo = Escape.Octets(end < 0 ? default : line[end..].Trim((byte)' '), 255);
                dialogue.IsLmtp |= verb == Verb.Lhlo;
                content.Drop();
                Expect(verb, null, line, time, name);
                break;
            case Verb.Mail:
                content.IsEightBit = Verbs.Contains(line, "BODY=8BITMIME"u8) || Verbs.Contains(line, "BODY=BINARYMIME"u8);
                content.Drop();
                Expect(verb, Address(line, cut), line, time, name);
                break;
            case Verb.Rcpt:
                Expect(verb, Address(line, cut), line, time, name);
                break;
            case Verb.Bdat or Verb.Xexch50 when cut:
                Expect(Verb.Other, null, line, time, name);
                break;
            case Verb.Bdat:
                Chunk(line, time, name);
                break;
            case Verb.Xexch50:
                content.AnnounceBinary(Number(line[7..], out _) ?? 0);
                stream.Wait(verb, name, line, time);
                break;
            case Verb.Auth:
                AuthSeen = true;
                stream.Wait(verb, name, line, time);
                break;
            case Verb.Data or Verb.StartTls or Verb.XBlackPony:
                stream.Wait(verb, name, line, time);
                break;
            case Verb.Rset:
                content.Drop();
                Expect(verb, null, line, time, name);
                break;
            case Verb.Burl:
                // The message goes on, or ends, with what stands elsewhere (RFC 4468).
                bool last = Verbs.Contains(line, " LAST"u8);
                Expect(last ? Verb.BdatLast : verb, null, line, time, name, last ? content.EndMessage(time, inChunks: true) : null);
                break;
            default:
                Expect(verb, null, line, time, name, secret: secret);
                break;
        }
    }

    private void Chunk(ReadOnlySpan<byte> line, long time, string name)
    {
        var size = Number(line.Length > 4 ? line[4..] : default, out var rest);
        bool last = System.Text.Ascii.EqualsIgnoreCase(rest, "LAST"u8);
        if (size is null || (!rest.IsEmpty && !last))
        {
            dialogue.Session.Find(FindingKind.ChunkSize, Role.Client, $"Not a chunk size: {Escape.Octets(line, 80)}");
            Expect(Verb.Other, null, line, time, name);
            return;
        }

        dialogue.Record(Verb.Bdat, line, time);
        stream.BeginChunk(size.Value, last, name, time);
    }

    private void Expect(Verb verb, string? address, ReadOnlySpan<byte> line, long time, string name, MessageReport? message = null,
        bool secret = false)
    {
        dialogue.Record(verb, line, time, secret);
        dialogue.Expect(verb, name, address, message, time);
    }

    // A decimal number and what follows it; null if there is none or it is too great to be a count.
    private static long? Number(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> rest)
    {
        text = text.Trim((byte)' ');
        int end = text.IndexOf((byte)' ');
        var number = end < 0 ? text : text[..end];
        rest = end < 0 ? default : text[end..].Trim((byte)' ');
        return number.Length is > 0 and <= 18 && !number.ContainsAnyExceptInRange((byte)'0', (byte)'9')
            ? long.Parse(number, CultureInfo.InvariantCulture) : null;
    }

    private static string? Address(ReadOnlySpan<byte> line, bool cut)
    {
        var path = line[(line.IndexOf((byte)':') + 1)..].Trim((byte)' ');
        int close = Verbs.PathEnd(path);
        if (cut && close < 0)
            return null;

        int space = path.IndexOf((byte)' ');
        var address = path is [(byte)'<', ..] && close > 0 ? path[1..close] : space < 0 ? path : path[..space];
        return Escape.Octets(address, 1024).Replace("\\x00", "?", StringComparison.Ordinal);
    }
}

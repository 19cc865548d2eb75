using BlackPony.Conformance.Peers;

namespace BlackPony.Conformance;

/// <summary>How far a session comes, in the order in which an implementation is built (spec/porting.md).</summary>
public enum Step
{
    /// <summary>A TCP connection.</summary>
    Connect,

    /// <summary>The server's greeting.</summary>
    Greeting,

    /// <summary>EHLO and its reply.</summary>
    Ehlo,

    /// <summary>The offer in that reply (spec 4.1).</summary>
    Offer,

    /// <summary>The command and its reply, to the server's share (spec 4.2 to 5); STARTTLS and its reply.</summary>
    Upgrade,

    /// <summary>The first records (spec 6); the TLS handshake.</summary>
    Finished,

    /// <summary>EHLO inside the records, and its reply (spec 4.5).</summary>
    Inside,

    /// <summary>What comes after it.</summary>
    Message,
}

/// <summary>Which step a case tests, and at which one a dialogue ended.</summary>
public static class Steps
{
    /// <summary>The first step that a case is about: the steps before it are preconditions.</summary>
    public static Step Of(CaseInfo test) => test.Section switch
    {
        "2" when test.Protocol == Protocol.StartTls => Step.Offer,
        _ when test.Protocol == Protocol.StartTls => Step.Upgrade,
        "4.1" when test.Role == TestRole.Server => Step.Offer,
        "4.5" or "4.6" => Step.Finished,
        _ => test.Section.Split('.')[0] switch
        {
            "4" or "5" or "9" => Step.Upgrade,
            "6" => Step.Finished,
            "7" or "8" => Step.Inside,
            _ => Step.Message,
        },
    };

    /// <summary>The step at which a dialogue ended, in its last connection.</summary>
    /// <param name="role">The role of the implementation under test.</param>
    /// <param name="transcript">The dialogue, in the format of the specification's Appendix D.</param>
    /// <param name="protocol">The protocol; BlackPony if none is given.</param>
    public static Step Reached(TestRole role, string transcript, Protocol? protocol = null)
    {
        bool isTls = protocol == Protocol.StartTls;
        var begin = role == TestRole.Server ? Step.Greeting : Step.Connect;
        var (step, offered, asked) = (begin, false, "");
        foreach (var line in transcript.Split('\n'))
        {
            if (line.StartsWith("# connection ", StringComparison.Ordinal))
            {
                (step, offered, asked) = (begin, false, "");
                continue;
            }

            var text = line.Length > 3 ? line[3..] : "";
            switch (line)
            {
                case ['C', ':', ..] when !isTls || asked != "STARTTLS":
                    asked = text.Split(' ')[0].ToUpperInvariant();
                    break;
                case ['S', ':', ..] when step <= Step.Greeting && IsLast(text, "220"):
                    step = Step.Ehlo;
                    break;
                case ['S', ':', ..] when asked == "EHLO" && text.StartsWith("250", StringComparison.Ordinal):
                    offered |= isTls ? StartTlsProbe.IsOffer(text.Length > 4 ? text[4..] : "")
                        : ServerProbe.IsOfferOfV1(text.Length > 4 ? text[4..] : "");
                    step = !IsLast(text, "250") ? step : offered || role == TestRole.Client ? Step.Upgrade : Step.Offer;
                    break;
                case ['S', ':', ..] when step == Step.Upgrade && text.StartsWith("220 K=", StringComparison.Ordinal):
                    step = Step.Finished;
                    break;
                case ['S', ':', ..] when isTls && asked == "STARTTLS" && IsLast(text, "220"):
                    step = Step.Finished;
                    break;
                case ['=', ' ', ..] when isTls && line.StartsWith(StartTlsConnection.Complete, StringComparison.Ordinal):
                    step = Step.Inside;
                    break;
                case [char side, '}', ..] when side == (role == TestRole.Server ? 'S' : 'C'):
                    step = text.StartsWith("finished", StringComparison.Ordinal) ? Step.Inside
                        : text.StartsWith("data", StringComparison.Ordinal) ? Step.Message : step;
                    break;
                default:
                    break;
            }
        }

        return step;
    }

    // A code may stand alone (RFC 5321 4.2).
    private static bool IsLast(string text, string code) =>
        text == code || text.StartsWith($"{code} ", StringComparison.Ordinal);
}

using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Mailer;
using BlackPony.Tests.Property.Exploration;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Negotiation;

/// <summary>Which suite the client chooses, whatever the offer is and whatever it has itself.</summary>
public class ChoiceProperties
{
    // RSA-BLOWFISH and ML-KEM in toy form: the choice is by name.
    private static readonly Suite[] Toys = [.. SuiteRegistry.All.Select(s => s.Encrypts ? new ToySuite(s.Name, s.NeedsContinuation) : s)];

    private static readonly Gen<(string Offer, Suite[] Suites)> Meetings =
        from offer in Gen.Frequency((5, Generate.Offer),
            (1, Gen.Elements("XBLACKPONY V1 ROT", "XBLACKPONY V1 rot G-0AF9", "XBLACKPONY V1 RSA-BLOWFISH ROT")))
        from suites in Gen.Shuffle(Toys[..4])
        from count in Gen.Choose(1, 4)
        from rot in Gen.Choose(0, 3)
        select (offer, rot == 0 ? (Suite[])[.. suites[..count], Toys[4]] : suites[..count]);

    private static readonly Cover<(string Offer, Suite[] Suites)>[] Covers =
    [
        new(5, "one suite in common", m => Common(m).Count() == 1),
        new(5, "several in common", m => Common(m).Count() > 1),
        new(10, "none in common", m => !Common(m).Any()),
        new(2, "an offer of others alone", m => IsUsable(m.Offer) && !Common(m).Any()),
        new(10, "an offer that cannot be used", m => !IsUsable(m.Offer)),
        new(0.3, "ROT alone in common", m => Common(m).SequenceEqual(["ROT"])),
        .. Toys.Select(t => new Cover<(string Offer, Suite[] Suites)>(0.3, $"{t.Name} comes first", m =>
            Common(m).FirstOrDefault() == t.Name)),
    ];

    // [BP-4.8-1], [BP-4.8-2], [BP-4.8-5], [BP-4.2-2], [BP-5.5-9], [BP-4.1-13]
    [Fact]
    public void The_client_picks_the_first_of_its_own_that_the_offer_lists_and_never_ROT_by_itself()
    {
        Always.Holds(Meetings, Covers, m => IsChosenByRule(m, m.Suites), 600);
        Always.Bites(Meetings, m => IsChosenByRule(m, [.. m.Suites.Reverse()]), 600);
        Always.Bites(Meetings, m => IsChosenByRule(m, [.. m.Suites, .. m.Suites.Contains(Toys[4]) ? [] : Toys[4..]]), 600);
    }

    [Fact]
    public void The_client_that_nobody_told_has_the_order_of_the_table_and_no_ROT() // [BP-4.8-3], [BP-5.5-9]
    {
        Assert.Equal(SuiteRegistry.All.Where(s => s.Encrypts), new MailerOptions(NoKeys()).Suites);
        Assert.Equal(["X25519MLKEM768-CHACHA20POLY1305", "X25519MLKEM768-AES256GCM", "X25519-CHACHA20POLY1305", "RSA-BLOWFISH"],
            SuiteRegistry.Default.Select(s => s.Name));
    }

    // [BP-4.2-10], [BP-4.2-11], [BP-4.8-4], [BP-4.8-6]
    [Fact]
    public void After_a_504_it_asks_once_more_with_the_next_that_both_have_and_then_no_more()
    {
        Always.Holds(Meetings, Covers, m => Asks(m.Offer, m.Suites, "504 no\r\n").SequenceEqual(Common(m).Take(Limits.MaxClientAttempts)),
            600);
        Always.Bites(Meetings, m => Asks(m.Offer, m.Suites, "454 no\r\n").SequenceEqual(Common(m).Take(Limits.MaxClientAttempts)), 600);
        Always.Holds(Meetings, Covers, m => Asks(m.Offer, m.Suites, "503 no\r\n").SequenceEqual(Common(m).Take(1)), 600);
    }

    [Fact]
    public void Where_encryption_is_required_it_never_asks_for_ROT_though_it_was_told_to() // [BP-9.1-4]
    {
        Always.Holds(Meetings, Covers, m => !Asks(m.Offer, m.Suites, "504 no\r\n", ClientPolicy.Required).Contains(Toys[4].Name), 600);
        Always.Bites(Meetings, m => !Asks(m.Offer, m.Suites, "504 no\r\n", ClientPolicy.Opportunistic).Contains(Toys[4].Name), 600);
    }

    private static bool IsChosenByRule((string Offer, Suite[] Suites) meeting, Suite[] used) =>
        Asks(meeting.Offer, used, "454 no\r\n").SequenceEqual(Common(meeting).Take(1));

    private static IEnumerable<string> Common((string Offer, Suite[] Suites) meeting)
    {
        var tokens = meeting.Offer.ToUpperInvariant().Split(' ');
        return IsUsable(meeting.Offer) ? meeting.Suites.Select(s => s.Name).Where(tokens.Contains) : [];
    }

    private static bool IsUsable(string offer)
    {
        var tokens = offer.ToUpperInvariant().Split(' ');
        return tokens[0] == "XBLACKPONY" && tokens.Contains("V1") && offer.Length <= Limits.MaxReplyLine - 6
            && offer.All(c => c is >= ' ' and <= '~');
    }

    // The suites that the client asks for, each answered alike.
    private static List<string> Asks(string offer, Suite[] suites, string answer, ClientPolicy policy = ClientPolicy.Opportunistic)
    {
        using var mailer = new MailerSession(new MailerOptions(NoKeys()) { Suites = suites, Policy = policy },
            new CountingRandom((byte)'c'));
        mailer.Connected("b", 25, false);
        mailer.FromServer("220 b\r\n"u8);
        mailer.FromClient("EHLO a\r\n"u8);
        mailer.ToServer.ResetWrittenCount();
        mailer.FromServer(Encoding.Latin1.GetBytes($"250-b\r\n250 {offer}\r\n"));
        var asked = new List<string>();
        while (mailer.ToServer.WrittenSpan.StartsWith("XBLACKPONY "u8) && asked.Count < 9)
        {
            asked.Add(Encoding.ASCII.GetString(mailer.ToServer.WrittenSpan).Split(' ')[2]);
            mailer.ToServer.ResetWrittenCount();
            mailer.FromServer(Encoding.ASCII.GetBytes(answer));
        }

        return asked;
    }

    private static RsaKeys NoKeys() => new(TimeProvider.System, () => throw new NotSupportedException());
}

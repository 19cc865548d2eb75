using System.Globalization;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Conformance.Transcripts;

namespace BlackPony.Tests.Specification;

/// <summary>
/// The specification's own ABNF is the one that is spoken: every transcript keeps to it, and the reference takes what it makes.
/// </summary>
public class AbnfTests
{
    private static readonly string Text = SpecificationFile.Read();
    private static readonly Abnf Grammar = new(Block(Text[Text.IndexOf("```abnf", StringComparison.Ordinal)..], "```abnf", "```"));

    // Commands that are malformed on purpose.
    private static readonly string[] Malformed = ["refusal-501-syntax", "refusal-501-bare-lf", "refusal-501-share"];

    public static TheoryData<string> Transcripts => [.. TranscriptFile.Names];

    [Fact]
    public void The_sections_have_the_rules_of_the_appendix()
    {
        foreach (var section in (string[])["### 4.1. The offer", "### 4.2. The command", "### 4.3. The 220 and 334 replies"])
        {
            var block = string.Join('\n',
                Text[Text.IndexOf(section, StringComparison.Ordinal)..].Split('\n').Skip(1)
                    .SkipWhile(l => !l.StartsWith("    ", StringComparison.Ordinal))
                    .TakeWhile(l => l.StartsWith("    ", StringComparison.Ordinal)));
            foreach (var rule in new Abnf(block).Rules.Where(r => block.Contains($"    {r}", StringComparison.Ordinal)))
            {
                Assert.Equal(Squeezed(Definition(Text[Text.IndexOf("```abnf", StringComparison.Ordinal)..], rule, "")),
                    Squeezed(Definition(block, rule, "    ")));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Transcripts))]
    public void Every_upgrade_in_a_transcript_is_one_by_the_grammar(string name)
    {
        var items = TranscriptFile.Read(name).Items.Where(i => i.Kind is ':' or '>').ToList();
        string offer = "";
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Kind == ':' && items[i].Sender == Role.Server && items[i].Text.Length > 4
                && items[i].Text[4..].StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase))
            {
                offer = items[i].Text + "\r\n";
                Assert.True(Grammar.Matches("ehlo-line", offer), offer);
            }
            else if (items[i].Kind == ':' && items[i].Sender == Role.Client
                && items[i].Text.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase))
            {
                var command = Latin1(items[i].Unescaped) + "\r\n";
                bool good = Grammar.Matches("command", command);
                Assert.True(good || Malformed.Contains(name), command);
                var upgrade = offer + command + Answers(items.Skip(i + 1));
                Assert.True(!good || offer.Length == 0 || name is "refusal-503-behind" or "broken-malformed-reply"
                    || Grammar.Matches("upgrade", upgrade), upgrade);
            }
        }
    }

    [Fact]
    public void What_the_grammar_makes_the_reference_takes()
    {
        var random = new Random(1997);
        for (int i = 0; i < 500; i++)
        {
            var command = Grammar.Make("command", random)[..^2];
            Assert.True(UpgradeCommand.Parse(Encoding.ASCII.GetBytes(command)) is not null, command);
            Assert.True(UpgradeCommand.IsVerb(Encoding.ASCII.GetBytes(command)), command);

            var offer = $"{Grammar.Make("offer", random)} V1 X25519-CHACHA20POLY1305 {Grammar.Make("grease", random)}";
            Assert.True(Offer.Parse(Encoding.ASCII.GetBytes(offer)) is not null || offer.Length + 6 > Limits.MaxReplyLine, offer);

            foreach (var (rule, code) in (List<(string, int)>)[("go-reply", 220), ("continue-reply", 334)])
            {
                var text = Grammar.Make(rule, random);
                var reply = new ReplyReader().Read(Encoding.ASCII.GetBytes(text), out int used)!;
                Assert.Equal((code, text.Length), (reply.Code, used));
                Assert.True(KeyReply.Read(reply) is not null, text);
            }

            var shift = Grammar.Make("rot-shift", random);
            Assert.Equal(int.Parse(shift, CultureInfo.InvariantCulture), RotShift.Parse(Encoding.ASCII.GetBytes(shift)));
        }
    }

    [Fact]
    public void What_the_reference_makes_the_grammar_takes()
    {
        foreach (int length in Enumerable.Range(1, 500))
        {
            var share = Base64Share.Encode(new byte[length]);
            Assert.True(Grammar.Matches("base64", share));
            foreach (var (rule, code) in (List<(string, int)>)[("go-reply", 220), ("continue-reply", 334)])
            {
                Assert.True(Grammar.Matches(rule, string.Concat(KeyReply.Create(code, share).Select(l => Latin1(l) + "\r\n"))));
            }
        }

        Assert.All(Enumerable.Range(-1, 30),
            n => Assert.Equal(RotShift.Parse(Encoding.ASCII.GetBytes(n.ToString(CultureInfo.InvariantCulture))) is not null,
                Grammar.Matches("rot-shift", n.ToString(CultureInfo.InvariantCulture))));
    }

    [Theory]
    [InlineData("command", "XBLACKPONY V1 ROT\r\n")]
    [InlineData("command", "XBLACKPONY  V1 ROT 13\r\n")]
    [InlineData("command", "XBLACKPONY V1 ROT 13 \r\n")]
    [InlineData("offer", "XBLACKPONY")]
    [InlineData("rot-shift", "26")]
    [InlineData("rot-shift", "01")]
    [InlineData("go-reply", "220 k=AAAA\r\n")]
    [InlineData("go-reply", "220-K=AAAA\r\n")]
    [InlineData("base64", "AAAAA")]
    [InlineData("base64", "A===")]
    [InlineData("refusal", "538 no\r\n")]
    public void What_is_wrong_the_grammar_refuses(string rule, string text) => Assert.False(Grammar.Matches(rule, text));

    // What the server answers, and the client in between, to the first record behind.
    private static string Answers(IEnumerable<WireItem> items)
    {
        var text = new StringBuilder();
        bool asked = false;
        foreach (var item in items)
        {
            if (item.Kind == '>')
            {
                return text.Append(Latin1(Convert.FromHexString(item.Text))).ToString();
            }

            if (item.Sender == Role.Client && !asked)
            {
                break;
            }

            text.Append(Latin1(item.Unescaped)).Append("\r\n");
            asked = item.Sender == Role.Server && item.Text.StartsWith("334 ", StringComparison.Ordinal);
            if (item.Sender == Role.Server && item.Text is [_, _, _, ' ', ..] && !asked
                && !item.Text.StartsWith("220 K=", StringComparison.Ordinal))
            {
                break;
            }
        }

        return text.ToString();
    }

    private static string Definition(string text, string rule, string indent)
    {
        var lines = text.Split('\n').SkipWhile(l => !l.StartsWith($"{indent}{rule} ", StringComparison.Ordinal)).ToList();
        return string.Join(' ', lines.Take(1).Concat(lines.Skip(1).TakeWhile(l => l.StartsWith(indent + "  ", StringComparison.Ordinal))));
    }

    private static string Squeezed(string text) => string.Join(' ', text.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private static string Block(string text, string from, string to)
    {
        var rest = text[(text.IndexOf(from, StringComparison.Ordinal) + from.Length)..];
        return rest[..rest.IndexOf(to, StringComparison.Ordinal)];
    }

    private static string Latin1(byte[] octets) => Encoding.Latin1.GetString(octets);
}

using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Smtp.Lines;

namespace BlackPony.Tests.Reference.Smtp;

/// <summary>A server's octets as replies, at their limits (spec 13, [BP-4.3-11]).</summary>
public class ReplyReaderTests
{
    private readonly ReplyReader _reader = new();
    private readonly NextReplyReader _tolerant = new(Limits.MaxEhloLine);

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void A_line_may_be_as_long_as_its_limit(int more, bool isReply)
    {
        var line = "250 " + new string('x', Limits.MaxEhloLine - 6 + more);
        Assert.Null(Read(line[..^10]));
        Assert.False(_reader.IsMalformed);
        Assert.Equal(isReply, Read(line + "\r\n") is { Code: 250, Lines.Count: 1 });
        Assert.Equal(!isReply, _reader.IsMalformed);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    public void A_line_without_an_end_is_given_up_behind_the_limit(int more, bool malformed)
    {
        Assert.Null(Read(new string('2', Limits.MaxEhloLine + more)));
        Assert.Equal(malformed, _reader.IsMalformed);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void A_reply_may_have_so_many_lines(int more, bool isReply)
    {
        var lines = string.Concat(Enumerable.Repeat("250-x\r\n", Limits.MaxEhloLines - 1 + more)) + "250 y\r\n";
        var reply = Read(lines);
        Assert.Equal(isReply ? Limits.MaxEhloLines : null, reply?.Lines.Count);
        Assert.Equal(!isReply, _reader.IsMalformed);
        Assert.Equal(isReply ? "250 y" : null, reply is null ? null : Encoding.ASCII.GetString(reply.Lines[^1]));
    }

    [Theory]
    [InlineData("250-a\r\n250-b\r\n250 c\r\n", 250, 3)]
    [InlineData("250-a\r\n250\r\n", 250, 2)]
    [InlineData("250\r\n", 250, 1)]
    [InlineData("250 \r\n", 250, 1)]
    [InlineData("200 a\r\n", 200, 1)]
    [InlineData("599 a\r\n", 599, 1)]
    [InlineData("354-go\r\n354 on\r\n", 354, 2)]
    public void The_last_line_of_a_reply_is_the_one_without_a_hyphen(string octets, int code, int lines)
    {
        var reply = Read(octets + "999");
        Assert.Equal((code, lines), (reply!.Code, reply.Lines.Count));
        Assert.Equal(octets.Length, _consumed);
        Assert.Equal(octets, Encoding.ASCII.GetString(reply.ToOctets()));
        Assert.Equal(octets.Split("\r\n")[^2][Math.Min(4, octets.Split("\r\n")[^2].Length)..],
            Encoding.ASCII.GetString(reply.Text(lines - 1)));
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("\n")]
    [InlineData("25\r\n")]
    [InlineData("250 bare LF\n")]
    [InlineData("199 x\r\n")]
    [InlineData("600 x\r\n")]
    [InlineData("2x0 x\r\n")]
    [InlineData("20x x\r\n")]
    [InlineData("250x\r\n")]
    [InlineData("250\tx\r\n")]
    [InlineData("250-a\r\n251 b\r\n")]
    [InlineData("250-a\r\n350 b\r\n")]
    [InlineData("250-a\r\n260 b\r\n")]
    [InlineData("250-a\r\nb\r\n")]
    public void What_is_no_reply_is_malformed_and_stays_so(string octets)
    {
        Assert.Null(Read(octets));
        Assert.True(_reader.IsMalformed);
        Assert.Null(Read("250 fine\r\n"));
    }

    [Theory]
    [InlineData("250 ok\r\n", true)]
    [InlineData("250\r\n", true)]
    [InlineData("25\r\n", false)]
    [InlineData("250-a\r\n", false)]
    [InlineData("250 ok\n", false)]
    [InlineData("150 ok\r\n", false)]
    [InlineData("\r\n", false)]
    public void A_reply_of_one_line_is_taken_at_once(string octets, bool isWhole)
    {
        var waiting = Waiting(octets + "251 next\r\n");
        Assert.Equal(isWhole, _tolerant.ReadLine(waiting, out int code, out var line));
        Assert.Equal((isWhole ? 250 : 0, isWhole ? octets : ""), (code, Encoding.ASCII.GetString(line)));
        Assert.Equal(isWhole ? "251 next\r\n" : octets + "251 next\r\n", Encoding.ASCII.GetString(waiting.Span));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void A_reply_of_one_line_has_the_same_limit(int more, bool isWhole) =>
        Assert.Equal(isWhole, _tolerant.ReadLine(Waiting("250 " + new string('x', Limits.MaxEhloLine - 6 + more) + "\r\n"), out _, out _));

    [Theory]
    [InlineData("250 ok")]
    [InlineData("")]
    public void A_line_that_has_not_ended_is_not_taken(string octets) => Assert.False(_tolerant.ReadLine(Waiting(octets), out _, out _));

    [Fact]
    public void A_line_of_a_reply_that_has_begun_is_not_one_of_its_own()
    {
        Assert.Null(_tolerant.Read("250-a\r\n"u8, out int consumed));
        Assert.Equal(7, consumed);
        Assert.False(_tolerant.ReadLine(Waiting("250 b\r\n"), out _, out _));
        Assert.Equal(2, _tolerant.Read("250 b\r\n"u8, out _)!.Lines.Count);
        Assert.True(_tolerant.ReadLine(Waiting("251 c\r\n"), out int code, out _));
        Assert.Equal(251, code);
    }

    private static OctetBuffer Waiting(string octets)
    {
        var waiting = new OctetBuffer();
        waiting.Append(Encoding.ASCII.GetBytes(octets));
        return waiting;
    }

    private int _consumed;

    private Reply? Read(string octets) => _reader.Read(Encoding.ASCII.GetBytes(octets), out _consumed);
}

using BlackPony.Conformance.Peers;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>A message as it came, whether it is the one that was sent or not.</summary>
public class IncomingMessageTests
{
    [Fact]
    public void The_message_that_was_sent_is_not_copied()
    {
        const string Sent = "a\r\n\r\nb\r\n";
        var message = new IncomingMessage(Sent);
        Array.ForEach(["a", "", "b"], l => message.Append(l));
        Assert.Same(Sent, message.ToString());
    }

    [Theory]
    [InlineData("a\r\n\r\nb\r\n", "a", "", "b")]
    [InlineData("a\r\n\r\nb\r\n", "a")]
    [InlineData("a\r\n\r\nb\r\n")]
    [InlineData("a\r\n\r\nb\r\n", "a", "", "c")]
    [InlineData("a\r\n\r\nb\r\n", "a", "b")]
    [InlineData("a\r\n\r\nb\r\n", "a", "", "b", "c")]
    [InlineData("a\r\n\r\nb\r\n", "x", "a", "", "b")]
    [InlineData("ab\r\n", "a", "ab")]
    [InlineData("a\nb\r\n", "a", "b")]
    [InlineData("a", "a")]
    [InlineData("", "a")]
    public void It_has_the_lines_that_came(string sent, params string[] lines)
    {
        var message = new IncomingMessage(sent);
        Array.ForEach(lines, l => message.Append(l));
        Assert.Equal(string.Concat(lines.Select(l => l + "\r\n")), message.ToString());
    }
}

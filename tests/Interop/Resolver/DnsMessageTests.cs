using BlackPony.Hosting.Resolver;

namespace BlackPony.Tests.Interop.Resolver;

/// <summary>A response's octets, from servers that mean well and others.</summary>
public class DnsMessageTests
{
    private static readonly byte[] Question = DnsMessage.Question(0x1234, "b.test", DnsType.Mx);

    [Fact]
    public void A_response_is_read_with_its_compressed_names()
    {
        var message = DnsMessage.Read(Response([0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 9, 0, 7, 0, 10, 2, (byte)'M', (byte)'X', 0xc0, 12]),
            Question)!;
        Assert.Equal(new DnsRecord("b.test", DnsType.Mx, "mx.b.test", 10, null), Assert.Single(message.Records));
    }

    [Fact]
    public void An_octet_that_is_none_of_a_host_name_shows()
    {
        var message = DnsMessage.Read(Response([0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 9, 0, 8, 0, 10, 4, (byte)'a', (byte)'.', 0, 0xff, 0]),
            Question)!;
        Assert.Equal(@"a\046\000\255", Assert.Single(message.Records).Name);
    }

    [Theory]
    [InlineData(0, 0x99)] // another identifier
    [InlineData(2, 0x01)] // a question
    [InlineData(2, 0x91)] // another operation
    [InlineData(5, 2)] // two questions
    [InlineData(13, (byte)'c')] // another name
    [InlineData(21, 1)] // another type
    [InlineData(23, 3)] // another class
    public void What_answers_another_question_is_not_read(int at, byte octet)
    {
        var response = Response([]);
        response[at] = octet;
        Assert.Null(DnsMessage.Read(response, Question));
    }

    [Theory]
    [InlineData(new byte[] { 0xc0, 24, 0, 15, 0, 1, 0, 0, 0, 9, 0, 4, 0, 10, 1, 97 })] // a name that leads to itself
    [InlineData(new byte[] { 0xc0, 99, 0, 15, 0, 1, 0, 0, 0, 9, 0, 4, 0, 10, 1, 97 })] // and one that leads forward
    [InlineData(new byte[] { 0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 9, 0, 9, 0, 10, 1, 97, 0 })] // cut short
    [InlineData(new byte[] { 0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 9, 0, 4, 0, 10, 1, 97, 0 })] // a name that is longer than its data
    [InlineData(new byte[] { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 3, 1, 2, 3 })] // three octets of an address
    [InlineData(new byte[] { 0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 9, 0, 4, 0, 10, 0x80, 0 })] // a label of no kind
    [InlineData(new byte[] { 0xc0 })]
    [InlineData(new byte[] { })]
    public void A_malformed_answer_is_an_error(byte[] record) =>
        Assert.Throws<FormatException>(() => DnsMessage.Read(Response(record), Question));

    [Fact]
    public void No_octets_make_it_fail_otherwise_or_loop()
    {
        var random = new Random(16);
        byte[] good = Response([0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 9, 0, 7, 0, 10, 2, (byte)'m', (byte)'x', 0xc0, 12, 0xc0, 12, 0, 5, 0, 1,
            0, 0, 0, 9, 0, 2, 0xc0, 36], 2);
        for (int i = 0; i < 100_000; i++)
        {
            byte[] octets = i % 2 == 0 ? [.. good[..random.Next(good.Length + 1)]] : [.. good];
            for (int changes = random.Next(6); changes > 0 && octets.Length > 0; changes--)
            {
                octets[random.Next(octets.Length)] = (byte)random.Next(256);
            }

            try
            {
                foreach (var record in DnsMessage.Read(octets, Question)?.Records ?? [])
                {
                    Assert.All(record.Name + record.Owner, c => Assert.InRange(c, '-', 'z'));
                }
            }
            catch (FormatException)
            {
                // As it should.
            }
        }
    }

    private static byte[] Response(byte[] answers, byte count = 1)
    {
        byte[] response = [.. Question, .. answers];
        (response[2], response[3], response[7]) = (0x81, 0x80, count);
        return response;
    }
}

using System.Text;

namespace BlackPony.Fuzz.Seeds;

/// <summary>
/// Transcripts as the outbound relay's scripts: what the client says, in plaintext or inside, and the server's replies from the next
/// server.
/// </summary>
internal static class OutboundSeeds
{
    public static Script Of(IReadOnlyList<TranscriptItem> transcript)
    {
        var events = new List<ScriptEvent>();
        foreach (var item in transcript)
        {
            switch (item)
            {
                case { Kind: ':' } when !item.Text.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase):
                    events.Add(new ScriptEvent(item.IsClient ? 'c' : 'n', item.Line));
                    break;
                case { Kind: '}', Type: "data" }:
                    events.Add(new ScriptEvent(item.IsClient ? 'c' : 'n', item.Content));
                    break;
                case { Kind: '!' }:
                    events.Add(new ScriptEvent(item.IsClient ? 'e' : 'g', []));
                    break;
            }
        }

        return new Script([0], events);
    }

    /// <summary>Whole deliveries, which no transcript has: there the client knows the server from the beginning.</summary>
    public static IEnumerable<(string Name, Script Script)> Deliveries()
    {
        const string Mail = "MAIL FROM:<a@a> SIZE=9 BODY=8BITMIME\r\n", To = "RCPT TO:<b@b>\r\n", Message = "Subject: x\r\n\r\n..\r\n.\r\n";
        const string Greeting = "220 b\r\n", Extensions = "250-b\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n";
        yield return ("delivery", Of("cEHLO a\r\n", "c" + Mail + To + To + "DATA\r\n", "n" + Greeting, "n" + Extensions,
            "n250 1\r\n250 2\r\n550 3\r\n", "n354 go\r\n", "c" + Message, "n250 kept\r\n", "cQUIT\r\n"));
        yield return ("delivery-one-by-one", Of("cEHLO a\r\n", "c" + Mail, "c" + To, "n" + Greeting, "n500 no\r\n", "n250 b\r\n",
            "n250 1\r\n", "n250 2\r\n", "cDATA\r\n", "n354 go\r\n", "c" + Message, "n451 later\r\n", "cRSET\r\n", "e"));
        yield return ("delivery-starttls", Of("cEHLO a\r\n", "c" + Mail + To, "n" + Greeting, "n250-b\r\n250 STARTTLS\r\n", "n220 go\r\n",
            "h", "n" + Extensions, "n250 1\r\n250 2\r\n", "cDATA\r\n", "n354 go\r\n", "c" + Message, "g"));
        yield return ("delivery-starttls-fails", Of("cEHLO a\r\n", "c" + Mail + To, "n" + Greeting, "n250-b\r\n250 STARTTLS\r\n",
            "n220 go\r\n", "f", "n" + Greeting, "n" + Extensions, "n250 1\r\n421 2\r\n", "cDATA\r\n", "t"));
        yield return ("delivery-two-routes", Of("cEHLO a\r\n", "c" + Mail + To + "RCPT TO:<b@c.test>\r\n", "n" + Greeting, "n" + Extensions,
            "n250 1\r\n250 2\r\n", "cDATA\r\n", "n354 go\r\n", "c" + Message, "n250 kept\r\n", "c" + Mail + "RCPT TO:<b@c.test>\r\n",
            "n" + Greeting, "s"));
    }

    private static Script Of(params string[] events) =>
        new([0], [.. events.Select(e => new ScriptEvent(e[0], Encoding.Latin1.GetBytes(e[1..])))]);
}

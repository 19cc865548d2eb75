namespace BlackPony.Fuzz.Seeds;

/// <summary>
/// Transcripts as a mailer's scripts: what the client says comes from a local mail server, but for what the mailer itself says.
/// </summary>
internal static class MailerSeeds
{
    public static Script Outside(IReadOnlyList<TranscriptItem> transcript)
    {
        var events = new List<ScriptEvent> { new('n', []) };
        bool asked = false;
        foreach (var item in transcript)
        {
            switch (item)
            {
                case { Kind: ':', IsClient: true }:
                    asked = item.Text.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)
                        || (asked && !item.Text.Contains(' ', StringComparison.Ordinal));
                    if (!asked)
                    {
                        events.Add(new ScriptEvent('l', item.Line));
                    }

                    break;
                case { Kind: ':' }:
                    events.Add(new ScriptEvent('s', item.Line));
                    break;
                case { Kind: '>' or '+', IsClient: false }:
                    events.Add(new ScriptEvent('s', Convert.FromHexString(item.Text)));
                    break;
                case { Kind: '}', Type: "data", IsClient: true }:
                    events.Add(new ScriptEvent('l', item.Content));
                    break;
                case { Kind: '!', IsClient: false }:
                    events.Add(new ScriptEvent('e', []));
                    events.Add(new ScriptEvent('n', []));
                    break;
            }
        }

        return new Script([(byte)events.Count, (byte)(events.Count / 32), 0], events);
    }

    public static Script Inside(IReadOnlyList<TranscriptItem> transcript)
    {
        var events = new List<ScriptEvent>();
        foreach (var item in transcript)
        {
            switch (item)
            {
                case { Kind: '}', IsClient: false }:
                    events.Add(RecordSeeds.Event(item));
                    break;
                case { Kind: '}', Type: "data" } when events.Exists(e => e.Kind == 'D'):
                    events.Add(new ScriptEvent('l', item.Content));
                    break;
                case { Kind: '+', IsClient: false }:
                    events.Add(new ScriptEvent('R', Convert.FromHexString(item.Text)));
                    break;
                case { Kind: '!' }:
                    events.Add(new ScriptEvent(item.IsClient ? 'g' : 'e', []));
                    break;
            }
        }

        return new Script([(byte)events.Count, (byte)(events.Count / 3), 0], events);
    }
}

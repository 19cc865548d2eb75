namespace BlackPony.Fuzz.Seeds;

/// <summary>
/// Transcripts as a relay's scripts: the server's replies come from a backend, but for those that the relay itself makes.
/// </summary>
internal static class RelaySeeds
{
    public static Script Outside(IReadOnlyList<TranscriptItem> transcript)
    {
        var events = new List<ScriptEvent>();
        bool asked = false;
        foreach (var item in transcript)
        {
            switch (item)
            {
                case { Kind: ':', IsClient: true }:
                    events.Add(new ScriptEvent('c', item.Line));
                    asked = item.Text.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase);
                    break;
                case { Kind: ':' } when events.Count == 0 || asked:
                    // The greeting, or the fresh backend's.
                    if (events.Count == 0 || events[^1].Kind == 'c')
                    {
                        events.Add(new ScriptEvent('r', events.Count == 0 ? item.Line : []));
                    }

                    break;
                case { Kind: ':' }:
                    events.Add(new ScriptEvent('b', item.Line));
                    break;
                case { Kind: '>' or '+', IsClient: true }:
                    events.Add(new ScriptEvent('c', Convert.FromHexString(item.Text)));
                    break;
                case { Kind: '!' }:
                    events.Add(new ScriptEvent(item.IsClient ? 'e' : 'g', []));
                    break;
            }
        }

        return new Script([0], events);
    }

    public static Script Inside(IReadOnlyList<TranscriptItem> transcript)
    {
        var events = new List<ScriptEvent>();
        foreach (var item in transcript)
        {
            switch (item)
            {
                case { Kind: '}', IsClient: true }:
                    events.Add(RecordSeeds.Event(item));
                    break;
                case { Kind: '}', Type: "data" }:
                    events.Add(new ScriptEvent('b', item.Content));
                    break;
                case { Kind: '+', IsClient: true }:
                    events.Add(new ScriptEvent('R', Convert.FromHexString(item.Text)));
                    break;
                case { Kind: '!' }:
                    events.Add(new ScriptEvent(item.IsClient ? 'e' : 'g', []));
                    break;
            }
        }

        return new Script([(byte)events.Count], events);
    }
}

namespace BlackPony.Fuzz.Seeds;

/// <summary>The seed corpus, from the golden transcripts (spec/transcripts): a folder a target.</summary>
internal static class SeedCorpus
{
    public static void Write(string transcripts, string output)
    {
        foreach (var file in Directory.GetFiles(transcripts, "*.txt").Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileNameWithoutExtension(file);
            var transcript = Transcript.Read(file);
            Save("relay", name, RelaySeeds.Outside(transcript).ToOctets());
            Save("mailer", name, MailerSeeds.Outside(transcript).ToOctets());
            Save("outbound", name, OutboundSeeds.Of(transcript).ToOctets());
            if (transcript.Any(i => i.Kind == '}'))
            {
                Save("relay-inside", name, RelaySeeds.Inside(transcript).ToOctets());
                Save("mailer-inside", name, MailerSeeds.Inside(transcript).ToOctets());
                Save("channel", name + "-server", ChannelSeeds.Server(transcript).ToOctets());
                Save("channel", name + "-client", ChannelSeeds.Client(transcript).ToOctets());
            }

            foreach (var (parser, seed) in ParserSeeds.Of(transcript))
            {
                Save("parsers", $"{parser}-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(seed))[..12]}",
                    [(byte)parser, .. seed]);
            }
        }

        foreach (var (name, script) in OutboundSeeds.Deliveries())
        {
            Save("outbound", name, script.ToOctets());
        }

        void Save(string target, string name, byte[] octets)
        {
            var folder = Directory.CreateDirectory(Path.Combine(output, target)).FullName;
            File.WriteAllBytes(Path.Combine(folder, name), octets);
        }
    }
}

using System.CommandLine;
using BlackPony.Tools;
using BlackPony.Tools.TraceReplayer;

var root = new RootCommand("Inspect, replay and convert captures of SMTP and BlackPony.")
{
    InspectCommand.Create(),
    ReplayCommand.Create(),
    ConvertCommand.Create(),
};
const string Examples = """
      blackpony-replay inspect capture.pcap
      blackpony-replay inspect --verbose --keylog keys.log capture.pcapng.gz
      blackpony-replay inspect --json /var/captures > sessions.json
      blackpony-replay replay capture.pcap --to 127.0.0.1:2525 --upgrade X25519-CHACHA20POLY1305
      blackpony-replay convert capture.pcap --to transcript --anonymize
    """;
return await CommandLine.RunAsync(root, Examples, args);

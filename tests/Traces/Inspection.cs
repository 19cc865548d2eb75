using System.Net;
using BlackPony.Reference;
using BlackPony.Traces;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>A capture inspected in memory.</summary>
internal sealed class Inspection
{
    public static readonly IPEndPoint Client = IPEndPoint.Parse("10.0.0.1:40000");
    public static readonly IPEndPoint Server = IPEndPoint.Parse("10.0.0.2:25");

    private Inspection(byte[] file, InspectOptions options)
    {
        Inspector = new Inspector(options, Sessions.Add);
        File = Inspector.Inspect(new MemoryStream(file), "capture");
    }

    private Inspection(string path, InspectOptions options)
    {
        Inspector = new Inspector(options, Sessions.Add);
        File = Inspector.Inspect(path);
    }

    public Inspector Inspector { get; }

    public FileReport File { get; }

    public List<ObservedSession> Sessions { get; } = [];

    public ObservedSession Only => Assert.Single(Sessions);

    public static Inspection Of(byte[] file, InspectOptions? options = null) => new(file, options ?? new InspectOptions());

    public static Inspection Of(string path, InspectOptions? options = null) => new(path, options ?? new InspectOptions());

    /// <summary>A capture of Ethernet frames.</summary>
    public static byte[] Pcap(IEnumerable<byte[]> frames, LinkType link = LinkType.Ethernet)
    {
        var file = new MemoryStream();
        using (var writer = new PcapWriter(file, link))
        {
            long time = 1_700_000_000_000_000_000;
            foreach (var frame in frames)
            {
                writer.Write(time += 1_000_000, frame);
            }
        }

        return file.ToArray();
    }

    /// <summary>A whole connection: who says what, in order.</summary>
    public static byte[] Connection(params (char Who, string Text)[] said) => Connection(Client, Server, said);

    public static byte[] Connection(IPEndPoint client, IPEndPoint server, params (char Who, string Text)[] said)
    {
        var file = new MemoryStream();
        using (var writer = new PcapWriter(file, LinkType.Ethernet))
        {
            var tcp = new TcpWriter(writer, client, server) { Time = 1_700_000_000_000_000_000 };
            tcp.Open();
            foreach (var (who, text) in said)
            {
                tcp.Send(who == 'C' ? Role.Client : Role.Server, System.Text.Encoding.Latin1.GetBytes(text));
            }

            tcp.End(Role.Client);
            tcp.End(Role.Server);
        }

        return file.ToArray();
    }

    public IEnumerable<string> Ids => Sessions.SelectMany(s => s.Findings).Concat(File.Findings).Select(f => f.Id);
}

using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces;

/// <summary>Reads captures and transcripts, and hands out a report for each session as it ends.</summary>
/// <param name="options">How.</param>
/// <param name="take">Takes a session's report. They come in the order in which the sessions began, as far as that needs no more than a thousand of them held.</param>
public sealed class Inspector(InspectOptions options, Action<SessionReport> take)
{
    private const int MaxWaiting = 1000;
    private const int ProgressEvery = 4096;

    private ServerBook _book = new();
    private readonly PriorityQueue<SessionReport?, long> _waiting = new();
    private long _opened;
    private long _next;

    /// <summary>The sums so far.</summary>
    public Totals Totals { get; } = new();

    /// <summary>The files so far.</summary>
    public List<FileReport> Files { get; } = [];

    /// <summary>Is told now and then how many octets were read.</summary>
    public Action<int>? Progress { get; init; }

    /// <summary>Inspects a file.</summary>
    /// <returns>What became of it; <see cref="FileReport.Unreadable"/> says why if nothing could be read.</returns>
    public FileReport Inspect(string path)
    {
        try
        {
            // One large buffer is kept by the reader itself.
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0, FileOptions.SequentialScan);
            return Inspect(stream, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            var file = new FileReport(path) { Unreadable = e is FileNotFoundException or DirectoryNotFoundException ? "There is no such file." : e.Message };
            Files.Add(file);
            return file;
        }
    }

    /// <summary>Inspects a stream.</summary>
    /// <param name="stream">A capture or transcript from its first octet.</param>
    /// <param name="name">What to call it.</param>
    public FileReport Inspect(Stream stream, string name)
    {
        var file = new FileReport(name);
        Files.Add(file);
        // Captures from different days and places say nothing about each other.
        _book = new ServerBook();
        if (TranscriptReader.Knows(stream, out var whole))
        {
            file.Format = "transcript";
            new TranscriptReader(name, options, Open).Read(whole, file);
        }
        else if (CaptureReader.Open(whole) is { } reader)
        {
            using (reader)
            {
                file.Format = reader.Format;
                Read(reader, file);
            }
        }
        else
        {
            file.Unreadable = "It is neither pcap, pcapng, gzip of either, nor a transcript.";
        }

        Totals.Packets += file.Packets;
        Totals.Octets += file.Octets;
        file.Findings.ForEach(Totals.Add);
        Drain(all: true);
        return file;
    }

    private void Read(CaptureReader reader, FileReport file)
    {
        var ip = new IpReader();
        var table = new TcpTable((first, second, opening, time) => new SessionObserver(first, second, time, Open(file.Name, opening, null)));
        long packets = 0;
        long octets = 0;
        int unreported = 0;
        var strange = new HashSet<int>();
        while (reader.Read(out var packet))
        {
            packets++;
            octets += packet.Data.Length;
            unreported += packet.Data.Length;
            if (ip.Read(LinkLayer.Ip(packet.Link, packet.Data), out var segment))
            {
                table.Take(segment, packet.Time);
            }
            else if (!LinkLayer.Knows(packet.Link) && strange.Count < 16 && strange.Add((int)packet.Link))
            {
                file.Findings.Add(new Finding(FindingKind.LinkType.Level, FindingKind.LinkType.Id, null, $"Frames of link type {(int)packet.Link} are not read.", reader.Offset));
            }

            if (packets % ProgressEvery == 0)
            {
                Progress?.Invoke(unreported);
                unreported = 0;
            }
        }

        table.Finish();
        (file.Packets, file.Octets) = (packets, octets);
        if (reader.Damage is { } damage)
        {
            file.Findings.Add(new Finding(FindingKind.Damaged.Level, FindingKind.Damaged.Id, null, damage, reader.Offset));
        }
    }

    private SessionOpening Open(string file, bool openingSeen, TranscriptContents? contents)
    {
        long number = _opened++;
        return new SessionOpening(file, openingSeen, options, report => Done(number, report)) { Contents = contents };
    }

    private void Done(long number, SessionReport? report)
    {
        if (report is not null)
        {
            _book.Close(report);
        }

        _waiting.Enqueue(report, number);
        Drain(all: false);
    }

    private void Drain(bool all)
    {
        while (_waiting.TryPeek(out var report, out long number) && (all || number <= _next || _waiting.Count > MaxWaiting))
        {
            _waiting.Dequeue();
            _next = Math.Max(_next, number + 1);
            if (report is not null)
            {
                Count(report);
                take(report);
            }
        }
    }

    private void Count(SessionReport report)
    {
        Totals.Sessions++;
        Totals.Messages += report.Messages.Count;
        Totals.Gaps += report.Gaps;
        Totals.StartTls += report.Upgrade == UpgradeKind.StartTls ? 1 : 0;
        Totals.BlackPony += report.Upgrade == UpgradeKind.BlackPony ? 1 : 0;
        report.Findings.ForEach(Totals.Add);
    }
}

using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces;

/// <summary>Reads captures and transcripts, and hands out a report for each session as it ends.</summary>
/// <param name="options">How.</param>
/// <param name="take">Takes a session's report. They come in the order in which the sessions began, as far as that needs no more than a
/// thousand of them held.</param>
public sealed class Inspector(InspectOptions options, Action<ObservedSession> take)
{
    /// <summary>Stands for standard input among the paths.</summary>
    public const string StandardInput = "-";

    private const int MaxWaiting = 1000;
    private const int ProgressEvery = 4096;

    // No SMTP session is silent for longer (RFC 5321 4.5.3.2.6), in nanoseconds.
    private const long MaxSilence = 600_000_000_000;

    // By so much the packets of several processors and cards are out of order, where a capture goes on in another file.
    private const long MaxDisorder = 10_000_000;

    private ServerHistory _book = new();
    private readonly KeyLog _embedded = new();
    private IpReader _ip = new();
    private TcpTable? _table;
    private FileReport? _file;
    private long _first;
    private long _latest;
    private readonly PriorityQueue<ObservedSession?, long> _waiting = new();
    private readonly Dictionary<string, int> _numbers = [];
    private long _opened;
    private long _next;

    /// <summary>The sums so far.</summary>
    public Totals Totals { get; } = new();

    /// <summary>The files so far.</summary>
    public List<FileReport> Files { get; } = [];

    /// <summary>Which sessions are handed out; all are counted.</summary>
    public SessionFilter? Filter { get; init; }

    /// <summary>
    /// Whether captures that overlap in time are read as one, packet by packet: of both directions, or of several interfaces.
    /// </summary>
    public bool Merge { get; init; }

    /// <summary>Whether files are read on as they grow, until <see cref="Stop"/>.</summary>
    public bool Follow { get; init; }

    /// <summary>Ends the reading; what was read is reported.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>Is told now and then how many octets were read.</summary>
    public Action<int>? Progress { get; init; }

    /// <summary>
    /// Inspects files in the order of their first packets. A capture that begins where the one before ended, as tcpdump -C and -G
    /// leave them, goes on with its sessions.
    /// </summary>
    /// <returns>What became of each, in the order of the paths.</returns>
    public IReadOnlyList<FileReport> Inspect(IReadOnlyList<string> paths)
    {
        if (Merge && paths.Count > 1)
            return Together(paths);

        var reports = new FileReport[paths.Count];
        foreach (int i in Enumerable.Range(0, paths.Count)
            .OrderBy(i => paths.Count > 1 && paths[i] != StandardInput ? CaptureReader.FirstTime(paths[i]) : 0))
        {
            reports[i] = Open(paths[i]);
        }

        EndCapture();
        return reports;
    }

    /// <summary>Inspects a file.</summary>
    /// <returns>What became of it; <see cref="FileReport.Unreadable"/> says why if nothing could be read.</returns>
    public FileReport Inspect(string path) => Inspect([path])[0];

    /// <summary>Inspects a stream.</summary>
    /// <param name="stream">A capture or transcript from its first octet.</param>
    /// <param name="name">What to call it.</param>
    public FileReport Inspect(Stream stream, string name)
    {
        var file = Open(stream, name);
        EndCapture();
        return file;
    }

    // All at once, by the times of their packets. What is no capture is left for itself.
    private FileReport[] Together(IReadOnlyList<string> paths)
    {
        using var merge = new MergedCaptures(paths, _embedded);
        var reports = paths.Select((p, i) => merge.Files[i] ?? Open(p)).ToArray();
        EndCapture();
        Begin();
        while (!Stop.IsCancellationRequested && merge.Read(out var packet, out int index))
        {
            _file = reports[index];
            _file.Packets++;
            _file.Octets += packet.Data.Length;
            if (_ip.Read(LinkLayer.Ip(packet.Link, packet.Data), out var segment))
                _table!.Take(segment, packet.Time);
        }

        foreach (var file in merge.Files.OfType<FileReport>())
        {
            Files.Add(file);
            Totals.Packets += file.Packets;
            Totals.Octets += file.Octets;
            file.Findings.ForEach(Totals.Add);
        }

        EndCapture();
        return reports;
    }

    private void Begin() =>
        _table = new TcpTable((first, second, opening, time) => new SessionObserver(first, second, time, Open(_file!.Name, opening, null)));

    private FileReport Open(string path)
    {
        try
        {
            if (path == StandardInput)
            {
                using var input = Console.OpenStandardInput();
                return Open(input, path);
            }

            // One large buffer is kept by the reader itself.
            using var stream = new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0, FileOptions.SequentialScan);
            return Open(Follow ? new FollowStream(stream, Stop) : stream, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            var file = new FileReport(path) { Unreadable = e is FileNotFoundException or DirectoryNotFoundException
                ? "There is no such file." : e.Message };
            Files.Add(file);
            return file;
        }
    }

    private FileReport Open(Stream stream, string name)
    {
        var file = new FileReport(name);
        Files.Add(file);
        if (TranscriptReader.Knows(stream, out var whole))
        {
            EndCapture();
            file.Format = "transcript";
            new TranscriptReader(name, options, Open).Read(whole, file);
            EndCapture();
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
            (file.IsForeign, file.Unreadable) = (true, "It is neither pcap, pcapng, gzip of either, nor a transcript.");
        }

        Totals.Packets += file.Packets;
        Totals.Octets += file.Octets;
        file.Findings.ForEach(Totals.Add);
        return file;
    }

    private void Read(CaptureReader reader, FileReport file)
    {
        _file = file;
        reader.Secrets = _embedded;
        long packets = 0;
        long octets = 0;
        int unreported = 0;
        var strange = new HashSet<int>();
        while (reader.Read(out var packet))
        {
            if (packets++ == 0)
            {
                if (!GoesOn(packet.Time))
                {
                    EndCapture();
                    Begin();
                }

                _first = packet.Time;
            }

            _latest = Math.Max(_latest, packet.Time);
            octets += packet.Data.Length;
            unreported += packet.Data.Length;
            if (_ip.Read(LinkLayer.Ip(packet.Link, packet.Data), out var segment))
            {
                _table!.Take(segment, packet.Time);
            }
            else if (!LinkLayer.Knows(packet.Link) && strange.Count < 16 && strange.Add((int)packet.Link))
            {
                file.Findings.Add(new Finding(FindingKind.LinkType.Level, FindingKind.LinkType.Id, null,
                    $"Frames of link type {(int)packet.Link} are not read.", reader.Offset));
            }

            if (packets % ProgressEvery == 0 && Stop.IsCancellationRequested)
                break;

            if (packets % ProgressEvery == 0)
            {
                Progress?.Invoke(unreported);
                unreported = 0;
            }
        }

        (file.Packets, file.Octets) = (packets, octets);
        if (reader.Damage is { } damage)
            file.Findings.Add(new Finding(FindingKind.Damaged.Level, FindingKind.Damaged.Id, null, damage, reader.Offset));
    }

    private bool GoesOn(long time) => _latest > 0 && (time >= _latest || (time > _first && time >= _latest - MaxDisorder))
        && time - _latest <= MaxSilence;

    // What follows goes on with nothing: captures from different days and places say nothing about each other.
    private void EndCapture()
    {
        _table?.Finish();
        (_table, _ip, _book, _latest) = (null, new IpReader(), new ServerHistory(), 0);
        Drain(all: true);
    }

    private SessionOpening Open(string file, bool openingSeen, TranscriptContents? contents)
    {
        long number = _opened++;
        return new SessionOpening(file, openingSeen, options, report => Done(number, report)) { Contents = contents, Embedded = _embedded };
    }

    private void Done(long number, ObservedSession? report)
    {
        if (report is not null)
            _book.Close(report);

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
                if (Filter?.Wants(report) != false)
                    take(report);
            }
        }
    }

    private void Count(ObservedSession report)
    {
        Totals.Sessions++;
        report.Number = _numbers[report.File] = _numbers.GetValueOrDefault(report.File) + 1;
        foreach (var message in report.Messages)
            message.Sink?.Done(report, message);

        Totals.Messages += report.Messages.Count;
        Totals.Gaps += report.Gaps;
        Totals.StartTls += report.Upgrade == UpgradeKind.StartTls ? 1 : 0;
        Totals.Tls += report.Upgrade == UpgradeKind.Tls ? 1 : 0;
        Totals.BlackPony += report.Upgrade == UpgradeKind.BlackPony ? 1 : 0;
        report.Findings.ForEach(Totals.Add);
    }
}

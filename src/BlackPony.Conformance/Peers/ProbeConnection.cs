using System.Diagnostics;
using System.Net.Sockets;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <summary>A record that came.</summary>
/// <param name="Type">The type.</param>
/// <param name="Data">The data.</param>
/// <param name="Inner">The length of its <em>inner</em> in octets, padding included.</param>
internal sealed record Incoming(RecordType Type, byte[] Data, int Inner)
{
    /// <summary>What a message calls it: <c>an alert record</c>.</summary>
    public string Name => NameOf(Type);

    /// <summary>What a message calls a record of this type.</summary>
    public static string NameOf(RecordType type) => type switch
    {
        RecordType.Ident or RecordType.Alert => $"an {type.ToString().ToLowerInvariant()} record",
        >= RecordType.Data and <= RecordType.Alert => $"a {type.ToString().ToLowerInvariant()} record",
        _ => $"a record of type {(int)type}",
    };
}

/// <summary>A connection that can switch to BlackPony's records, each sent as the case likes and each written down.</summary>
public sealed partial class ProbeConnection : LineConnection
{
    private readonly OctetBuffer _inside = new();
    private Diagnosis? _diagnosis;
    private IReadOnlyList<string>? _hashed;
    private KeySchedule? _keys;
    private Suite? _suite;
    private Direction? _out;
    private Direction? _in;

    /// <summary>Makes one.</summary>
    /// <param name="socket">The connection, which this owns.</param>
    /// <param name="me">Who the suite is here.</param>
    /// <param name="transcript">Where the dialogue is written down.</param>
    /// <param name="patience">The case's patience.</param>
    public ProbeConnection(Socket socket, Role me, Transcript transcript, CaseTimeout patience)
        : base(socket, me, transcript, patience) =>
        PlaintextViolates = _ => me == Role.Client ? "BP-4.6-3" : "BP-4.6-4";

    /// <summary>The session's secrets, after the switch to records.</summary>
    internal KeySchedule Keys => _keys!;

    /// <summary>The records that came; of data records only the last has its data.</summary>
    internal List<Incoming> Records { get; } = [];

    /// <summary>The last record that came, as it was on the wire.</summary>
    public byte[] LastRecord { get; private set; } = [];

    /// <summary>Whether the connection switched to records.</summary>
    public bool Switched => _in is not null;

    /// <summary>The requirement that plaintext instead of records violates.</summary>
    public Func<string, string> PlaintextViolates { get; set; }

    /// <summary>Whether a record that does not verify is worth some time, to find out which two mistakes it was made with.</summary>
    internal bool IsThorough { get; init; }

    private protected override bool IsText => _out is null;

    /// <summary>Sends a line that must be refused with this code.</summary>
    /// <param name="line">The line.</param>
    /// <param name="code">The code.</param>
    /// <param name="taken">The requirement that a server violates which does not refuse; null for the case's first.</param>
    /// <param name="another">The requirement that another refusal violates.</param>
    public async Task RefusedAsync(string line, int code, string? taken, string? another)
    {
        await SendLineAsync(line);
        var reply = await ReplyAsync("BP-4.4-2");
        Check(reply, code, reply.Code >= 400 ? another : taken);
    }

    /// <summary>
    /// The peer has ended its direction, because of what was sent last: it still reads and throws away what comes (spec 8.1). One that has
    /// closed for good answers with a reset, which may throw away what it sent last.
    /// </summary>
    /// <param name="requirement">The requirement that it violates.</param>
    public async Task ExpectLingersAsync(string? requirement = null)
    {
        const int Octets = 5, Microseconds = 10_000;
        long since = _sentAt;
        bool isReset = false;
        for (int i = 0; i < Octets && !isReset; i++)
        {
            try
            {
                await _socket.SendAsync(new byte[1], _patience.Token);
                isReset = _socket.Poll(Microseconds, SelectMode.SelectError);
            }
            catch (SocketException)
            {
                isReset = true;
            }
        }

        // Later it may have closed for good, or have been told of this side's end.
        Expect.That(!isReset || Stopwatch.GetElapsedTime(since) >= Limits.LingerTimeout,
            $"After {_sent}: the peer ended the connection, and answers what comes then with a reset (RST), which discards octets in "
                + "transit.", requirement);
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _keys?.Dispose();
        _in?.Dispose();
        _out?.Dispose();
        return base.DisposeAsync();
    }

    private static string Name(Incoming? record) => record is null
        ? "the end of the connection"
        : record.Type == RecordType.Data
            ? $"data {Expect.Show(record.Data, 60)}"
            : $"{record.Name} with {record.Data.Length} octet{(record.Data.Length == 1 ? "" : "s")}";
}

using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>A client that a scenario plays, step by step and as wrong as it likes.</summary>
internal sealed class HandClient(Stage stage, IRandomSource random, RsaKeys rsa) : IDisposable
{
    private readonly List<byte> _received = [];
    private readonly ReplyReader _replies = new();
    private ClientExchange? _exchange;
    private Direction? _out;

    /// <summary>The session's keys, after <see cref="Upgrade"/>.</summary>
    public KeySchedule Keys { get; private set; } = null!;

    /// <summary>The last offer.</summary>
    public string Offer { get; private set; } = "";

    public void Receive(ReadOnlySpan<byte> octets) => _received.AddRange(octets);

    /// <summary>Says EHLO and takes note of the offer.</summary>
    public void Ehlo()
    {
        stage.Say("EHLO mail.a.test");
        Offer = Replies().Last().Lines.Select(l => Encoding.ASCII.GetString(l.AsSpan(4)))
            .FirstOrDefault(l => l.StartsWith("XBLACKPONY ", StringComparison.Ordinal)) ?? "";
    }

    /// <summary>A command with a good share.</summary>
    public string Command(string suite)
    {
        _exchange?.Dispose();
        _exchange = SuiteRegistry.Find(suite)!.StartClient(random, rsa);
        return $"XBLACKPONY V1 {suite} {Base64Share.Encode(_exchange.Share)}";
    }

    /// <summary>The whole upgrade, up to the server's Finished.</summary>
    /// <param name="name">The suite.</param>
    /// <param name="continuation">Changes the continuation's octets.</param>
    public void Upgrade(string name, Func<byte[], byte[]>? continuation = null)
    {
        var suite = SuiteRegistry.Find(name)!;
        var th = new TranscriptHash();
        var command = Command(name);
        th.Add(Encoding.ASCII.GetBytes(Offer));
        th.Add(Encoding.ASCII.GetBytes(command));
        stage.Say(command);
        var share = Share();
        if (suite.NeedsContinuation)
        {
            var octets = _exchange!.Continue(share)!;
            var line = Base64Share.Encode(continuation?.Invoke(octets) ?? octets);
            th.Add(Encoding.ASCII.GetBytes(line));
            stage.Say(line);
            share = Share();
        }

        Keys = new KeySchedule(suite.Name, _exchange!.Finish(share), th.Finish());
        _out = new Direction(suite, Keys.ClientTraffic);
        stage.ClientSecret(Keys.ClientTraffic);

        byte[] Share()
        {
            var reply = Replies().Last();
            reply.Lines.ToList().ForEach(l => th.Add(l));
            Assert.True(Base64Share.TryDecode(KeyReply.Read(reply), out var share));
            return share;
        }
    }

    /// <summary>The upgrade and the client's Finished.</summary>
    public void Finish(string suite)
    {
        Upgrade(suite);
        Record(RecordType.Finished, Keys.Finished(Role.Client));
    }

    /// <summary>Sends text in one data record.</summary>
    public void Data(string text, int inner = 0) => Record(RecordType.Data, Encoding.Latin1.GetBytes(text), inner);

    /// <summary>Sends a record.</summary>
    public void Record(RecordType type, byte[]? data = null, int inner = 0) => stage.Send(Seal(type, data, inner));

    /// <summary>Makes a record.</summary>
    /// <param name="type">The type.</param>
    /// <param name="data">The data.</param>
    /// <param name="inner">The length of <em>inner</em>; 0 for the usual padding.</param>
    public byte[] Seal(RecordType type, byte[]? data = null, int inner = 0)
    {
        data ??= [];
        var content = new byte[inner == 0 ? (data.Length + Limits.PadTo) / Limits.PadTo * Limits.PadTo : inner];
        data.CopyTo(content, 0);
        content[data.Length] = (byte)type;
        var record = _out!.Seal(content);
        if (type == RecordType.Rekey)
        {
            _out.Rekey();
        }

        return record;
    }

    public void Dispose()
    {
        _exchange?.Dispose();
        _out?.Dispose();
    }

    // The replies that came in plaintext since the last call.
    private List<Reply> Replies()
    {
        var replies = new List<Reply>();
        while (_replies.Read(_received.ToArray(), out int consumed) is { } reply)
        {
            replies.Add(reply);
            _received.RemoveRange(0, consumed);
        }

        _received.Clear();
        return replies;
    }
}

using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <content>The upgrade.</content>
public sealed partial class ClientProbe
{
    /// <summary>Takes the XBLACKPONY command, answers it and switches; no Finished is exchanged yet.</summary>
    /// <param name="wire">The connection.</param>
    /// <param name="offer">The offer as the client hashes it.</param>
    /// <param name="tamper">Changes the octets of the server's share in the 220 reply.</param>
    /// <param name="fragment">Characters in each <c>K=</c> line of the 220 reply; 0 for the usual.</param>
    /// <param name="behind">Octets to send after the 220 in one write.</param>
    /// <param name="command">The command, if it was received before.</param>
    /// <param name="reply">Changes the lines of the 220 reply as they are sent, not as they are hashed.</param>
    /// <param name="hashed">Changes the continuation as it is hashed.</param>
    /// <param name="finishes">Whether the server's Finished goes in one write with the 220.</param>
    /// <param name="form">Changes the lines of the 220 reply as they are sent and hashed.</param>
    /// <param name="sizes">Characters in the lines of the 220 reply, one after the other.</param>
    /// <param name="refused">The command that was answered with 504 before, and each line of that reply, as hashed.</param>
    public async Task SwitchAsync(ProbeConnection wire, string offer, Func<byte[], byte[]>? tamper = null, int fragment = 0,
        string behind = "", string? command = null, Func<string, string>? reply = null, Func<string, string>? hashed = null,
        bool finishes = false, Func<string, string>? form = null, int[]? sizes = null, params string[] refused)
    {
        Command = command ?? await ExpectCommandAsync(wire);
        var fields = Command.Split(' ');
        Expect.That(fields.Length >= 4, $"The command has too few fields: {Expect.Show(Command)}.", "BP-4.2-1");
        var suite = SuiteRegistry.Find(fields[2]) ?? throw new CaseFailedException($"The client named the suite {fields[2]}.", "BP-4.2-2");
        using var exchange = suite.StartServer(_context.Random, TestRsaKeys.Server);
        var th = new TranscriptHash();
        var transcript = new List<string>();
        Hash(offer);
        foreach (var line in refused)
            Hash(line);

        Hash(Command);
        ClientShare = Decode(fields[3]);
        byte[] continuation = [];
        var share = exchange.Begin(ClientShare)
            ?? throw new CaseFailedException(
                $"The client's share is invalid: {Expect.ShowHex(ClientShare)}.{ExchangeMistakes.OfShare(suite, ClientShare)}", "BP-5.1-6");
        if (suite.NeedsContinuation)
        {
            await wire.SendAsync(Lines(334, share));
            var line = await wire.LineAsync()
                ?? throw new CaseFailedException("The client ended the connection instead of continuing.", "BP-4.3-6");
            Expect.That(line.Length + 2 <= Limits.MaxCommandLine, "The continuation line is too long.", "BP-4.3-10");
            Expect.That(!wire.HasMore, "Something was sent after the continuation.", "BP-4.3-6");
            Hash(hashed?.Invoke(line) ?? line);
            continuation = Decode(line);
            share = exchange.Continue(continuation) ?? throw new CaseFailedException("The client's continuation is invalid.", "BP-4.3-6");
        }

        var lines = Lines(220, tamper?.Invoke(share) ?? share);
        lines = (reply?.Invoke(lines) ?? lines) + behind;
        Secret = exchange.TakeSharedSecret();
        var others = ExchangeMistakes.Of(Secret, continuation);
        if (finishes)
        {
            wire.SwitchTo(suite, Role.Server, Secret, th.Finish(), transcript, others);
            await wire.SendRecordsAsync(Encoding.Latin1.GetBytes(lines), wire.Seal(RecordType.Finished, wire.Keys.Finished(Role.Server)));
        }
        else
        {
            await wire.SendAsync(lines);
            wire.SwitchTo(suite, Role.Server, Secret, th.Finish(), transcript, others);
        }

        void Hash(string line)
        {
            transcript.Add(line);
            th.Add(Encoding.Latin1.GetBytes(line));
        }

        string Lines(int code, byte[] octets)
        {
            var text = Convert.ToBase64String(octets);
            int size = code == 334 || fragment == 0 ? Limits.ShareFragment : fragment;
            var parts = code == 334 || sizes is null
                ? text.Chunk(size).Select(c => new string(c)).ToList()
                : [.. sizes.Select((n, i) => text.Substring(sizes[..i].Sum(), n))];
            var result = new StringBuilder();
            for (int i = 0; i < parts.Count; i++)
            {
                var line = $"{code}{(i < parts.Count - 1 ? '-' : ' ')}K={parts[i]}";
                line = code == 220 && form is not null ? form(line) : line;
                Hash(line);
                result.Append(line).Append("\r\n");
            }

            return result.ToString();
        }

        static byte[] Decode(string text) => Base64Share.TryDecode(Encoding.Latin1.GetBytes(text), out var octets)
            ? octets
            : throw new CaseFailedException($"The client's share is not canonical base64: {Expect.Show(text)}.", "BP-5.1-6");
    }

    /// <summary>Both Finished, an IDENT if given, and the client's EHLO inside, not yet answered.</summary>
    /// <param name="wire">The connection.</param>
    /// <param name="ident">The ident record's data.</param>
    /// <param name="none">
    /// The requirement that a client violates which ends without its Finished or its EHLO; null for the usual one.
    /// </param>
    public async Task FinishAsync(ProbeConnection wire, byte[]? ident = null, string? none = null)
    {
        byte[][] records = [wire.Seal(RecordType.Finished, wire.Keys.Finished(Role.Server)),
            .. ident is null ? Array.Empty<byte[]>() : [wire.Seal(RecordType.Ident, ident)]];
        await wire.SendRecordsAsync(records);
        await TakeFinishedAsync(wire, none);
        var ehlo = await wire.LineInsideAsync();
        Expect.That(ehlo?.StartsWith("EHLO ", StringComparison.OrdinalIgnoreCase) == true,
            $"Expected EHLO inside, got {Expect.Show(ehlo ?? "the end of the session")}.", none ?? "BP-4.5-2");
        EhloName = ehlo![5..];
    }

    /// <summary>The client's Finished.</summary>
    /// <param name="wire">The connection.</param>
    /// <param name="none">The requirement that a client violates which ends without its Finished; null for the case's first.</param>
    public static async Task TakeFinishedAsync(ProbeConnection wire, string? none = null)
    {
        var record = await wire.RecordAsync();
        Expect.That(record is not null, "The client ends instead of sending its Finished.", none);

        // Data in its place is a Finished that comes too late.
        Expect.That(record!.Type == RecordType.Finished, $"Expected the client's Finished, got {record.Name}.",
            record.Type == RecordType.Data ? "BP-6.3-4" : "BP-6.3-1");
        wire.CheckFinished(record);
    }

    /// <summary>The whole upgrade and the client's EHLO inside, answered.</summary>
    public async Task UpgradeAsync(ProbeConnection wire, string offer, byte[]? ident = null, string[]? extensions = null)
    {
        await SwitchAsync(wire, offer);
        await FinishAsync(wire, ident);
        await wire.SendInsideAsync(EhloReply(extensions ?? []));
    }

    /// <summary>An upgraded session that carries the message, with the suite's own offer.</summary>
    public async Task<ProbeConnection> CarryAsync(string offer, byte[]? ident = null)
    {
        var wire = await AcceptAsync(offer);
        await UpgradeAsync(wire, offer, ident);
        await ServeMailAsync(wire, inside: true);
        return wire;
    }
}

using System.Buffers.Binary;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Parameters;

namespace BlackPony.Conformance.Peers;

/// <summary>Why a record does not verify.</summary>
/// <param name="Requirement">The requirement that the peer violates.</param>
/// <param name="How">When it does verify: <c>verify with the additional data left out</c>.</param>
internal sealed record Cause(string Requirement, string How);

/// <summary>
/// Finds out which common mistake a record that does not verify was made with: under the keys that the mistake gives it verifies.
/// </summary>
/// <param name="suite">The suite.</param>
/// <param name="me">The suite's own role.</param>
/// <param name="secret">The shared secret.</param>
/// <param name="th">The right transcript hash.</param>
/// <param name="hashed">
/// What goes into it: the offer, what was refused with 504, the command, each 334 line, the continuation, each 220 line.
/// </param>
/// <param name="others">Shared secrets that come of mistakes in the key exchange.</param>
internal sealed class Diagnosis(Suite suite, Role me, byte[] secret, byte[] th, IReadOnlyList<string> hashed,
    IEnumerable<KeyMistake> others)
{
    // A tag of so few octets could fit by chance.
    private const int ShortestTag = 8;

    // The command is the last line that begins so.
    private readonly int _command = Enumerable.Range(0, hashed.Count)
        .LastOrDefault(i => hashed[i].StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase));

    private readonly bool _isAead = suite.Name != Names.Classic;

    private readonly KeyMistakes _mistakes =
        new(suite, me == Role.Client ? Role.Server : Role.Client, secret, th, hashed, others);

    /// <summary>The cause, if it is one that is known here.</summary>
    /// <param name="raw">The record as it was on the wire.</param>
    /// <param name="right">The right protection.</param>
    /// <param name="seq">The right sequence number.</param>
    /// <param name="two">Whether to try two mistakes at a time too.</param>
    public Cause? Of(byte[] raw, RecordProtection right, ulong seq, bool two = false)
    {
        if ((OfForm(raw, right, seq) ?? OfKeys(raw, seq)) is not { } cause)
            return Words(_mistakes.Find(raw, seq, two));

        // In words, where they say the same.
        return Words(_mistakes.Find(raw, seq, two: false)) is { } words && words.Requirement == cause.Requirement ? words : cause;
    }

    private static Cause? Words(IReadOnlyList<KeyMistake>? found) => found is null
        ? null
        : new Cause(found[0].Requirement, "verify " + string.Join(", and ", found.Select(m => $"{m.How} (Section {m.Section})")));

    /// <summary>
    /// What the peer's part of the key exchange shows where no mistake explains the record: whoever encrypts in a wrong way mostly decrypts
    /// so too, and goes on with random octets ([BP-5.4-8]). Null if it shows nothing.
    /// </summary>
    public KeyMistake? OfExchange() => _mistakes.Seen;

    /// <summary>How verify_data of the peer was computed instead; empty if it is not known here.</summary>
    public string OfVerifyData(ReadOnlySpan<byte> data) => _mistakes.OfVerifyData(data) is { } how ? $" It is right with {how}." : "";

    /// <summary>
    /// The cause of a record that verifies and has no sense: a key stream that begins with block 1. Null if it has sense, or no more
    /// with that.
    /// </summary>
    public Cause? OfStream(byte[] raw, byte[] inner, RecordProtection right, ulong seq)
    {
        const int Block = 8;
        if (_isAead)
            return null;

        var stream = new byte[raw.Length + Block];
        right.Seal(seq, stream);
        var other = inner.Select((b, i) => (byte)(raw[2 + i] ^ stream[2 + i + Block])).ToArray();

        // Random octets have sense now and then, but no padding.
        bool isSenseless = !HasSense(inner) || Padding(other) >= Padding(inner) + Block;
        if (isSenseless && HasSense(other))
            return new Cause("BP-7.3-1", "make sense if the blocks of the key stream are numbered from 1");

        return HasSense(inner) ? null : Streams().Where(s => HasSense(Decrypted(s.Key, s.Counter, s.Swapped)))
            .Select(s => new Cause("BP-7.3-1", $"make sense with {s.How} (Section {s.Section})")).FirstOrDefault();

        IEnumerable<(string How, byte[] Key, Func<uint, byte[]> Counter, bool Swapped, string Section)> Streams()
        {
            var traffic = _mistakes.Right.TrafficSecret();
            var key = KeySchedule.ExpandLabel(traffic, "key", [], 32);
            static byte[] Big(uint block) => KeyForm.Big((ulong)block);
            yield return ("the block's number in little-endian", key, i => [0, 0, 0, 0, (byte)i, (byte)(i >> 8), 0, 0], false,
                "7.3");
            yield return ("the block's number before the sequence number", key, i => [.. Big(i)[4..], 0, 0, 0, 0], false, "7.3");
            yield return ("a key of 16 octets, the first half of the right one", key[..16], Big, false, "7.3");
            yield return ("a key of 16 octets", KeySchedule.ExpandLabel(traffic, "key", [], 16), Big, false, "7.3");
            yield return ("Blowfish's halves in little-endian", key, Big, true, "7.3");
            foreach (var label in KeyMistakes.OtherLabels("key"))
                yield return ($"the label \"{label}\" instead of \"key\"", KeySchedule.ExpandLabel(traffic, label, [], 32), Big, false,
                    "6.2");
        }

        byte[] Decrypted(byte[] key, Func<uint, byte[]> counter, bool swapped)
        {
            var blowfish = new BlowfishEngine();
            blowfish.Init(true, new KeyParameter(key));
            var output = new byte[Block];
            var plain = new byte[inner.Length];
            for (int i = 0; i < plain.Length; i++)
            {
                if (i % Block == 0)
                {
                    blowfish.ProcessBlock(Swap(counter((uint)(i / Block))), 0, output, 0);
                    output = Swap(output);
                }

                plain[i] = (byte)(raw[2 + i] ^ output[i % Block]);
            }

            return plain;

            byte[] Swap(byte[] block) => swapped ? [.. block[..4].Reverse(), .. block[4..].Reverse()] : block;
        }
    }

    private static int Padding(byte[] inner) => inner.Length - 1 - inner.AsSpan().LastIndexOfAnyExcept((byte)0);

    private static bool HasSense(byte[] inner)
    {
        int last = inner.AsSpan().LastIndexOfAnyExcept((byte)0);
        return last >= 0 && inner[last] is >= 1 and <= 6 or >= 128 && (last < inner.Length - 1 || inner.Length < Limits.PadTo);
    }

    // The right keys, and another form.
    private Cause? OfForm(byte[] raw, RecordProtection right, ulong seq)
    {
        var nonce = _isAead ? "BP-7.2-1" : "BP-7.3-1";
        foreach (ulong other in (ulong[])[BinaryPrimitives.ReverseEndianness(seq), seq + 1, seq - 1])
        {
            if (other != seq && (_isAead || other <= uint.MaxValue) && right.Open(other, (byte[])raw.Clone()))
                return new Cause(nonce, $"verify with the sequence number {other}");
        }

        if (_isAead)
        {
            int length = raw.Length - 2;
            foreach (int other in (int[])[0, BinaryPrimitives.ReverseEndianness((ushort)length), length - right.TagLength, length + 2])
            {
                var record = (byte[])raw.Clone();
                BinaryPrimitives.WriteUInt16BigEndian(record, (ushort)other);
                if (right.Open(seq, record))
                    return new Cause("BP-7.2-2", $"verify with other additional data, {other} as 16 bits");
            }
        }

        return HasShortTag(raw, right, seq)
            ? new Cause(_isAead ? "BP-7.2-3" : "BP-7.3-2", "have a tag of which only a part is right")
            : null;
    }

    // The right tag begins with the octets that came: after them the record ends, or others follow.
    private static bool HasShortTag(byte[] raw, RecordProtection right, ulong seq)
    {
        for (int tag = right.TagLength; tag >= ShortestTag; tag--)
        {
            int inner = raw.Length - 2 - tag;
            var stream = new byte[raw.Length + right.TagLength];
            right.Seal(seq, stream);
            var opened = raw.Skip(2).Take(inner).Select((b, i) => (byte)(b ^ stream[2 + i]));
            byte[] record = [raw[0], raw[1], .. opened, .. new byte[right.TagLength]];
            right.Seal(seq, record);
            if (record.AsSpan(2 + inner, ShortestTag).SequenceEqual(raw.AsSpan(2 + inner, ShortestTag)))
                return true;
        }

        return false;
    }

    // Other keys.
    private Cause? OfKeys(byte[] raw, ulong seq)
    {
        foreach (var (cause, keys) in Keys())
        {
            using (keys)
            {
                bool own = cause.Requirement == "BP-6.2-2";
                using var protection = suite.Protect(me == Role.Client != own ? keys.ServerTraffic : keys.ClientTraffic);
                if (protection.Open(seq, (byte[])raw.Clone()))
                    return cause;
            }
        }

        return null;
    }

    private IEnumerable<(Cause Cause, KeySchedule Keys)> Keys()
    {
        yield return (new Cause("BP-6.2-2", "verify with client and server keys swapped"), new KeySchedule(suite.Name, secret, th));
        var written = hashed.Take(_command + 1).SelectMany(l => l.Split(' '))
            .Where(t => t.Equals(suite.Name, StringComparison.OrdinalIgnoreCase));
        foreach (var name in written.Distinct().Except([suite.Name]))
            yield return (new Cause("BP-6.2-1", $"verify with {name} in the salt"), new KeySchedule(name, secret, th));

        foreach (var (cause, lines) in Transcripts())
        {
            var hash = new TranscriptHash();
            foreach (var line in lines)
                hash.Add(System.Text.Encoding.Latin1.GetBytes(line));

            yield return (cause, new KeySchedule(suite.Name, secret, hash.Finish()));
        }
    }

    private IEnumerable<(Cause Cause, IEnumerable<string> Lines)> Transcripts()
    {
        if (_command > 1)
        {
            var replies = hashed.Take(_command).Where(l => !l.StartsWith("504", StringComparison.Ordinal));
            yield return (new Cause("BP-6.1-6", "verify without the command that was refused with 504"),
                [hashed[0], .. hashed.Skip(_command)]);
            yield return (new Cause("BP-6.1-6", "verify without the 504 reply"), [.. replies, .. hashed.Skip(_command)]);
        }

        foreach (int at in (int[])[0, _command])
        {
            var (line, what, requirement) = (hashed[at], at == 0 ? "offer" : "command", at == 0 ? "BP-6.1-1" : "BP-6.1-2");
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var beginning = string.Join(' ', line.Split(' ').Select((f, i) => i < 3 ? f.ToUpperInvariant() : f));
            foreach (var cased in (string[])[line.ToUpperInvariant(), line.ToLowerInvariant(), beginning])
                yield return (new Cause("BP-6.1-5", $"verify with the {what} hashed as {Expect.Show(cased)}"), With(at, cased));

            var (single, last, first) = (string.Join(' ', fields), string.Join(' ', fields[..^1]), string.Join(' ', fields.Take(4)));
            string[] others = [single, last, first, line + "\r\n", line + " "];
            foreach (var other in others)
                yield return (new Cause(requirement, $"verify with the {what} hashed as {Expect.Show(other)}"), With(at, other));
        }

        foreach (var code in (string[])["334", "220"])
        {
            var whole = string.Concat(hashed.Where(l => IsReply(l, code)).Select(l => l[6..]));
            foreach (var joined in (string[])[$"{code} K={whole}", $"K={whole}", whole])
                yield return (new Cause("BP-6.1-4", $"verify with the {code} reply hashed as one line"), Joined(code, joined));

            var without = hashed.Select(l => IsReply(l, code) ? l[4..] : l);
            yield return (new Cause("BP-6.1-4", $"verify with the {code} reply hashed without codes"), without);
        }

        var continuation = hashed.Skip(_command + 1).FirstOrDefault(l => !IsReply(l, "334") && !IsReply(l, "220"));
        if (continuation is not null)
            yield return (new Cause("BP-6.1-3", "verify without the continuation"), hashed.Where(l => l != continuation));
    }

    private static bool IsReply(string line, string code) =>
        line.StartsWith(code, StringComparison.Ordinal) && line.Length > 6 && line[4..6] == "K=";

    private IEnumerable<string> With(int at, string line) => hashed.Select((l, i) => i == at ? line : l);

    private IEnumerable<string> Joined(string code, string line)
    {
        bool done = false;
        foreach (var old in hashed)
        {
            if (!IsReply(old, code))
            {
                yield return old;
            }
            else if (!done)
            {
                done = true;
                yield return line;
            }
        }
    }
}

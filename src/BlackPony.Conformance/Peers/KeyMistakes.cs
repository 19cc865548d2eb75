using System.Security.Cryptography;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Peers.KeyForm;

namespace BlackPony.Conformance.Peers;

/// <summary>A mistake in the key schedule or in the protection of records.</summary>
/// <param name="Part">What it changes: two mistakes in the same part exclude each other.</param>
/// <param name="How">How a record verifies that was made with it: <c>with the label's prefix "tls13 "</c>.</param>
/// <param name="Section">The section that says what is right.</param>
/// <param name="Change">Makes it.</param>
internal sealed record KeyMistake(string Part, string How, string Section, Func<KeyForm, KeyForm> Change)
{
    /// <summary>Whether the suite has seen it, by decrypting in this way what came.</summary>
    public bool IsSeen { get; init; }

    /// <summary>The requirement that it violates; [BP-6.3-1] where no other says how it is computed.</summary>
    public string Requirement => Part switch
    {
        "direction" => "BP-6.2-2",
        "salt" => "BP-6.2-1",
        "th" when Has("offer") => "BP-6.1-1",
        "th" when Has("the command") => "BP-6.1-2",
        "th" when Has("repl") => "BP-6.1-4",
        "th" => "BP-6.1-5",
        "nonce" => "BP-7.2-1",
        "aad" => "BP-7.2-2",
        "mac" => "BP-7.3-2",
        "cipher" when How.EndsWith("AES-256-GCM", StringComparison.Ordinal) => "BP-5.1-4",
        "cipher" => "BP-5.1-1",
        _ => "BP-6.3-1",
    };

    private bool Has(string word) => How.Contains(word, StringComparison.Ordinal);
}

/// <summary>The mistakes of implementations that are known, each on its own and two at a time.</summary>
/// <param name="suite">The suite.</param>
/// <param name="sender">Who made the record.</param>
/// <param name="secret">The shared secret.</param>
/// <param name="th">The right transcript hash.</param>
/// <param name="hashed">The lines of the right transcript.</param>
/// <param name="otherSecrets">Shared secrets that come of mistakes in the key exchange.</param>
internal sealed partial class KeyMistakes(Suite suite, Role sender, byte[] secret, byte[] th, IReadOnlyList<string> hashed,
    IEnumerable<KeyMistake> otherSecrets)
{
    private const string Label = "BLACKPONY V1";

    /// <summary>The mistake in the key exchange that what came shows by itself; null if it shows none.</summary>
    public KeyMistake? Seen => otherSecrets.FirstOrDefault(o => o.IsSeen);

    /// <summary>The key schedule without a mistake.</summary>
    public KeyForm Right { get; } = new()
    {
        Cipher = suite.Name == Names.Classic ? RecordCipher.Blowfish
            : suite.Name == Names.HybridAes ? RecordCipher.Aes256Gcm : RecordCipher.ChaCha20Poly1305,
        Salt = SHA256.HashData(Ascii(suite.Name)),
        Secret = secret,
        Th = th,
        Traffic = sender == Role.Client ? "c traffic" : "s traffic",
    };

    /// <summary>The mistake, or the two, with which a record was made; null if it is none that is known here.</summary>
    /// <param name="record">The record as it was on the wire.</param>
    /// <param name="seq">Its right sequence number.</param>
    /// <param name="two">Whether to try two at a time too, which takes about a tenth of a second.</param>
    public IReadOnlyList<KeyMistake>? Find(byte[] record, ulong seq, bool two)
    {
        if (record.Length <= 2 + (Right.Cipher == RecordCipher.Blowfish ? ShortestMac : Limits.AeadTag))
            return null;

        var all = All(seq).ToList();
        foreach (var one in all)
        {
            if (one.Change(Right).Verifies(record, seq))
                return [one];
        }

        for (int i = 0; two && i < all.Count; i++)
        {
            foreach (var other in all.Skip(i + 1).Where(o => o.Part != all[i].Part))
            {
                if (other.Change(all[i].Change(Right)).Verifies(record, seq))
                    return [all[i], other];
            }
        }

        return null;
    }

    /// <summary>How verify_data was computed instead; null if it is none that is known here.</summary>
    /// <param name="data">The data of the Finished record.</param>
    public string? OfVerifyData(ReadOnlySpan<byte> data)
    {
        var (mine, theirs) = sender == Role.Client ? ("c", "s") : ("s", "c");
        var whole = sender == Role.Client ? "client" : "server";
        string[] labels = ["finished", $"{whole} finished", $"{whole}_finished", $"{mine}_finished", $"{mine}finished", $"{mine}-finished",
            $"{mine} hs finished", $"{mine} fin", $"{mine} finished ", $"{mine.ToUpperInvariant()} finished",
            $"{mine.ToUpperInvariant()} FINISHED", $"{mine} Finished", $"{mine} verify", $"{mine} traffic", "exporter", mine, ""];
        var prk = Right.Extract(Right.Salt, Right.Secret);
        byte[] Expand(byte[] from, string label, byte[] context) =>
            HKDF.Expand(HashAlgorithmName.SHA256, from, 32, Right.Info(32, label, context));
        var (key, other) = (Expand(prk, mine + " finished", th), Expand(prk, theirs + " finished", th));
        (string, byte[])[] known =
        [
            ("the other side's Finished key", HMACSHA256.HashData(other, th)),
            ("a key made of the traffic secret, as in TLS 1.3", HMACSHA256.HashData(Expand(Right.TrafficSecret(), "finished", []), th)),
            ("the traffic secret as the key", HMACSHA256.HashData(Right.TrafficSecret(), th)),
            .. labels.Select(l => ($"the label \"{l}\"", HMACSHA256.HashData(Expand(prk, l, th), th))),
            ("prk as the key", HMACSHA256.HashData(prk, th)),
            ("HMAC-SHA-512", CryptographicOperations.HmacData(HashAlgorithmName.SHA512, key, th)),
            ("HMAC-SHA-384", CryptographicOperations.HmacData(HashAlgorithmName.SHA384, key, th)),
            ("HMAC-SHA-1", CryptographicOperations.HmacData(HashAlgorithmName.SHA1, key, th)),
            ("an empty context instead of th", HMACSHA256.HashData(Expand(prk, mine + " finished", []), th)),
            ("key and th exchanged", HMACSHA256.HashData(th, key)),
            ("SHA-256 over key and th instead of HMAC", SHA256.HashData([.. key, .. th])),
            ("HMAC over nothing instead of th", HMACSHA256.HashData(key, Array.Empty<byte>())),
            ("HMAC over th in hexadecimal", HMACSHA256.HashData(key, Ascii(Convert.ToHexStringLower(th)))),
            ("HMAC over SHA-256 of th", HMACSHA256.HashData(key, SHA256.HashData(th))),
            ("the key itself", key),
            ("th itself", th),
        ];
        foreach (var (how, value) in known)
        {
            if (data.Length >= 8 && data.Length <= value.Length && value.AsSpan().StartsWith(data))
                return data.Length < value.Length ? $"{how}, cut to {data.Length} octets" : how;
        }

        var right = HMACSHA256.HashData(key, th);
        return data.Length >= 8 && right.AsSpan().StartsWith(data) ? $"only its first {data.Length} octets"
            : data.StartsWith(right) && !data[right.Length..].ContainsAnyExcept((byte)0)
                ? $"{data.Length - right.Length} zero octets after it: padding comes after the type (Section 7.1)"
            : Encoding.ASCII.GetString(data).Equals(Convert.ToHexStringLower(right), StringComparison.OrdinalIgnoreCase)
                ? "each octet written as two hexadecimal digits" : null;
    }

    private static byte[] Ascii(string text) => Encoding.Latin1.GetBytes(text);

    private IEnumerable<KeyMistake> All(ulong seq) =>
        [.. Directions(), .. Infos(), .. Salts(), .. Secrets(), .. otherSecrets, .. Hashes(), .. Transcripts(),
            .. Right.Cipher == RecordCipher.Blowfish ? Macs() : [.. Nonces(seq), .. Aads(), .. Ciphers()]];

    private IEnumerable<KeyMistake> Directions()
    {
        var (mine, theirs) = sender == Role.Client ? ("c", "s") : ("s", "c");
        var (long1, long2) = sender == Role.Client ? ("client", "server") : ("server", "client");
        yield return Traffic("with client and server keys swapped", theirs + " traffic");
        string[] labels = [$"{long1} traffic", $"{long1}_traffic", $"{mine}_traffic", $"{mine} ap traffic", $"{mine} hs traffic", "traffic",
            $"{long2} traffic", $"{mine} finished", $"{mine}traffic", $"{mine}-traffic", $"{mine} traffic ", $"{mine} traffic 0",
            $"{mine} traffic secret", $"{mine} app traffic", $"{long1}_traffic[0]", $"{mine.ToUpperInvariant()} traffic",
            $"{mine.ToUpperInvariant()} TRAFFIC", mine, long1];
        foreach (var label in labels)
            yield return Traffic($"with the label \"{label}\" instead of \"{mine} traffic\"", label);

        KeyMistake Traffic(string how, string label) => new("direction", how, "6.2", f => f with { Traffic = label });
    }

    /// <summary>Labels that stand for another by mistake: other names, the case, the beginning.</summary>
    /// <param name="right">The label of Section 6.2.</param>
    internal static IEnumerable<string> OtherLabels(string right)
    {
        string[] names = right switch
        {
            "key" => ["enc", "enc key", "enc_key", "encryption key", "cipher key", "write key", "write_key", "traffic key", "secret"],
            "iv" => ["nonce", "base nonce", "base_nonce", "write iv", "write_iv", "salt"],
            _ => ["mac key", "mac_key", "hmac", "hmac key", "hmac_key", "auth", "auth key", "write mac", "integrity"],
        };
        return [.. names, right[..1], right.ToUpperInvariant(), char.ToUpperInvariant(right[0]) + right[1..], right + " ", " " + right, ""];
    }

    private IEnumerable<KeyMistake> Infos()
    {
        var mine = Right.Traffic[..1];
        foreach (var prefix in (string[])["", "tls13 ", "bp1", "bp1_", "BP1 ", "bp1 bp1 ", "blackpony ", "dtls13"])
        {
            yield return Info(prefix.Length == 0 ? "without the label's prefix \"bp1 \"" : $"with the label's prefix \"{prefix}\"",
                (length, label, context) => TlsInfo(prefix, length, label, context));
        }

        yield return Info("with a label length that does not count \"bp1 \"", (length, label, context) =>
            [.. Big((ushort)length), (byte)label.Length, .. Ascii("bp1 " + label), (byte)context.Length, .. context]);
        yield return Info("with the length in little-endian", (length, label, context) =>
            [(byte)length, 0, .. TlsInfo("bp1 ", length, label, context)[2..]]);
        yield return Info("with the length in one octet", (length, label, context) =>
            [(byte)length, .. TlsInfo("bp1 ", length, label, context)[2..]]);
        yield return Info("with the length in four octets", (length, label, context) =>
            [0, 0, .. TlsInfo("bp1 ", length, label, context)]);
        yield return Info("without the length", (length, label, context) => TlsInfo("bp1 ", length, label, context)[2..]);
        yield return Info("with label and context as they are, without length octets", (_, label, context) =>
            [.. Ascii("bp1 " + label), .. context]);
        yield return Info("with the label alone, without \"bp1 \" and length octets", (_, label, context) => [.. Ascii(label), .. context]);
        yield return Info("without the context's length octet", (length, label, context) =>
            [.. Big((ushort)length), (byte)(4 + label.Length), .. Ascii("bp1 " + label), .. context]);
        yield return Info("without the label's length octet", (length, label, context) =>
            [.. Big((ushort)length), .. Ascii("bp1 " + label), (byte)context.Length, .. context]);
        yield return Info("with the context's length in two octets, or a NUL after the label", (length, label, context) =>
            [.. Big((ushort)length), (byte)(4 + label.Length), .. Ascii("bp1 " + label), 0, (byte)context.Length, .. context]);
        yield return Info("with the context left out, its length octet included", (length, label, context) =>
            context.Length == 0 ? TlsInfo("bp1 ", length, label, [])[..^1] : TlsInfo("bp1 ", length, label, context));
        yield return Info("with a NUL after the label, which its length octet counts", (length, label, context) =>
            TlsInfo("bp1 ", length, label + "\0", context));
        yield return Info("without th as the context", (length, label, _) => TlsInfo("bp1 ", length, label, []));
        yield return Info("with SHA-256 of the context instead of the context, as TLS's Derive-Secret", (length, label, context) =>
            TlsInfo("bp1 ", length, label, context.Length == 0 ? [] : SHA256.HashData(context)));
        yield return Info("with SHA-256 of nothing instead of an empty context", (length, label, context) =>
            TlsInfo("bp1 ", length, label, context.Length == 0 ? SHA256.HashData([]) : context));
        // The HMAC has a key of its own, and an AEAD an iv.
        var second = Right.Cipher == RecordCipher.Blowfish ? "mac" : "iv";
        yield return new KeyMistake("label", $"with the labels \"write key\" and \"write {second}\"", "6.2",
            f => f with { Label = l => "write " + l });
        yield return new KeyMistake("label", $"with the labels \"{mine} key\" and \"{mine} {second}\"", "6.2",
            f => f with { Label = l => $"{mine} {l}" });
        // Of Blowfish's key no HMAC depends: Diagnosis tries its labels.
        foreach (var right in (string[])(second == "iv" ? ["key", "iv"] : ["mac"]))
        {
            foreach (var wrong in OtherLabels(right))
                yield return new KeyMistake("label " + right, $"with the label \"{wrong}\" instead of \"{right}\"", "6.2",
                    f => f with { Label = l => l == right ? wrong : f.Label(l) });
        }

        static KeyMistake Info(string how, Func<int, string, byte[], byte[]> info) =>
            new("info", how, "6.2", f => f with { Info = info });
    }

    private IEnumerable<KeyMistake> Salts()
    {
        yield return Salt("without a salt", []);
        yield return Salt("with the suite's name as the salt, not its SHA-256", Ascii(suite.Name));
        yield return Salt($"with SHA-256 of {suite.Name.ToLowerInvariant()} as the salt",
            SHA256.HashData(Ascii(suite.Name.ToLowerInvariant())));
        yield return Salt("with th as the salt", th);
        yield return Salt($"with \"{Label}\" as the salt", Ascii(Label));
        yield return Salt($"with SHA-256 of \"{Label}\" as the salt", SHA256.HashData(Ascii(Label)));
        yield return Salt("with SHA-256 of the suite's name and CRLF as the salt", SHA256.HashData(Ascii(suite.Name + "\r\n")));
        yield return Salt("with SHA-256 of the suite's name in hexadecimal as the salt",
            Ascii(Convert.ToHexStringLower(SHA256.HashData(Ascii(suite.Name)))));
        yield return Extract("with salt and shared secret exchanged in HKDF-Extract",
            (salt, ikm) => HKDF.Extract(HashAlgorithmName.SHA256, salt, ikm));
        yield return Extract("without HKDF-Extract", (_, ikm) => ikm.Length < 32 ? SHA256.HashData(ikm) : ikm);
        yield return Extract("with SHA-256 of the shared secret instead of HKDF-Extract", (_, ikm) => SHA256.HashData(ikm));

        static KeyMistake Salt(string how, byte[] salt) => new("salt", how, "6.2", f => f with { Salt = salt });
        static KeyMistake Extract(string how, Func<byte[], byte[], byte[]> extract) =>
            new("salt", how, "6.2", f => f with { Extract = extract });
    }

    private static IEnumerable<KeyMistake> Hashes()
    {
        foreach (var hash in (HashAlgorithmName[])[HashAlgorithmName.SHA1, HashAlgorithmName.SHA384, HashAlgorithmName.SHA512])
        {
            yield return new KeyMistake("hash", $"with HKDF over {hash.Name} instead of SHA-256", "6.2", f => f with
            {
                Extract = (salt, ikm) => HKDF.Extract(hash, ikm, salt),
                ExpandWith = (key, info, length) => hash == HashAlgorithmName.SHA1
                    ? HKDF.Expand(hash, key, length, info)
                    : CryptographicOperations.HmacData(hash, key, (byte[])[.. info, 1])[..length],
            });
        }

        foreach (var hash in (HashAlgorithmName[])[HashAlgorithmName.SHA384, HashAlgorithmName.SHA512])
        {
            yield return new KeyMistake("salt", $"with HKDF-Extract over {hash.Name} instead of SHA-256", "6.2",
                f => f with { Extract = (salt, ikm) => HKDF.Extract(hash, ikm, salt) });
            yield return new KeyMistake("expand", $"with HKDF-Expand over {hash.Name} instead of SHA-256", "6.2", f => f with
            {
                ExpandWith = (key, info, length) => CryptographicOperations.HmacData(hash, key, (byte[])[.. info, 1])[..length],
            });
        }

        yield return Expand("without the octet 1 at the end of HKDF-Expand's input", []);
        yield return Expand("with the octet 0 instead of 1 at the end of HKDF-Expand's input", [0]);

        // Nothing that is expanded here has more than 32 octets, one block.
        static KeyMistake Expand(string how, byte[] end) => new("expand", how, "6.2",
            f => f with { ExpandWith = (key, info, length) => HMACSHA256.HashData(key, (byte[])[.. info, .. end])[..length] });
    }

    private IEnumerable<KeyMistake> Secrets()
    {
        if (secret.Length == 64)
        {
            var how = suite.Name == Names.Classic
                ? "with the server's half before the client's in the shared secret"
                : "with the X25519 result before ML-KEM's in the shared secret";
            yield return Secret(how, [.. secret[32..], .. secret[..32]]);
            yield return Secret("with the first half of the shared secret alone", secret[..32]);
            yield return Secret("with the second half of the shared secret alone", secret[32..]);
            yield return Secret("with the two halves XORed in the shared secret", Xor(secret[..32], secret[32..]));
            yield return Secret("with the second half of the shared secret in reverse", [.. secret[..32], .. secret[32..].Reverse()]);
        }

        yield return Secret("with the octets of the shared secret in reverse", [.. secret.Reverse()]);
        yield return Secret("with SHA-256 of the shared secret instead of it", SHA256.HashData(secret));
        yield return Secret("with the shared secret in hexadecimal", Ascii(Convert.ToHexStringLower(secret)));

        KeyMistake Secret(string how, byte[] value) => new("secret", how, Section, f => f with { Secret = value });
    }

    private string Section => suite.Name == Names.Classic ? "5.4" : suite.Name == Names.Core ? "5.2" : "5.3";

    private IEnumerable<KeyMistake> Transcripts()
    {
        var lines = hashed;
        yield return Hash($"with th without \"{Label}\"", "", Lp, lines);
        yield return Hash($"with a length before \"{Label}\" in th", "", Lp, lines.Prepend(Label));
        yield return Hash("with th without the length octets", Label, Ascii, lines);
        yield return Hash("with CRLF after each line of th", Label, l => Lp(l + "\r\n"), lines);
        yield return Hash("with CRLF after each line of th, and without the length octets", Label, l => Ascii(l + "\r\n"), lines);
        yield return Hash("with the length octets of th in little-endian", Label, l => [(byte)l.Length, (byte)(l.Length >> 8), .. Ascii(l)],
            lines);
        yield return Hash("with four length octets in th", Label, l => [0, 0, .. Lp(l)], lines);
        yield return Hash("with eight length octets in th", Label, l => [.. Big((ulong)l.Length), .. Ascii(l)], lines);
        yield return Hash("with th without the offer", Label, Lp, lines.Skip(1));
        yield return Hash("with the offer's code and separator (\"250 \") in th", Label, Lp, lines.Skip(1).Prepend("250 " + lines[0]));
        yield return Hash("with the offer's code and separator (\"250-\") in th", Label, Lp, lines.Skip(1).Prepend("250-" + lines[0]));
        yield return Hash("with th without the offer's keyword", Label, Lp,
            lines.Skip(1).Prepend(lines[0][Math.Min(lines[0].Length, "XBLACKPONY ".Length)..]));
        int command = lines.Count - 1;
        while (command > 0 && !lines[command].StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase))
            command--;

        yield return Hash("with th without the command", Label, Lp, lines.Where((_, i) => i != command));
        yield return Hash("with th without the 220 reply", Label, Lp, lines.Where(l => !l.StartsWith("220", StringComparison.Ordinal)));
        yield return Hash("with th without the replies", Label, Lp, lines.Where(l => !l.StartsWith("220", StringComparison.Ordinal)
            && !l.StartsWith("334", StringComparison.Ordinal)));
        yield return Hash("with only the last line of the 220 reply in th", Label, Lp,
            lines.Where(l => !l.StartsWith("220-", StringComparison.Ordinal)));
        yield return Hash("with the lines of th in the order command, offer", Label, Lp,
            [.. lines.Skip(1).Take(command), lines[0], .. lines.Skip(command + 1)]);
        yield return Hash("with th over the command and the 220 reply alone, without CRLF and lengths", "", Ascii, lines.Skip(1));
        yield return new KeyMistake("th", "with th in hexadecimal", "6.1", f => f with { Th = Ascii(Convert.ToHexStringLower(th)) });
        yield return new KeyMistake("th", "with SHA-256 of th instead of th", "6.1", f => f with { Th = SHA256.HashData(th) });

        static byte[] Lp(string line) => [.. Big((ushort)line.Length), .. Ascii(line)];
        static KeyMistake Hash(string how, string label, Func<string, byte[]> form, IEnumerable<string> lines)
        {
            var octets = Ascii(label).Concat(lines.SelectMany(form)).ToArray();
            return new KeyMistake("th", how, "6.1", f => f with { Th = SHA256.HashData(octets) });
        }
    }
}

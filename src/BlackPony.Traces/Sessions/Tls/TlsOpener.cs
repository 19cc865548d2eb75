using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>Opens TLS records with the secrets of a key log, as OpenSSL and browsers write it (SSLKEYLOGFILE, RFC 9850), or of pcapng's
/// decryption secrets.</summary>
/// <param name="session">The session.</param>
/// <param name="hello">What the hellos said.</param>
internal sealed class TlsOpener(Session session, TlsParameters hello)
{
    private readonly Side[] _sides = [new Side(), new Side()];

    private sealed class Side
    {
        public TlsRecordCipher? Cipher;
        public byte[]? Secret;
        public bool IsOpaque;
        public bool IsFinished;
        public bool HasOpened;
    }

    /// <summary>Whether there are any secrets, so that it is worth a try.</summary>
    public bool HasSecrets { get; } = session.Keys?.HasTls == true || session.Embedded?.HasTls == true;

    /// <summary>Whether the secrets of this session are missing, or do not fit.</summary>
    public bool IsOpaque(Role sender) => _sides[(int)sender].IsOpaque;

    /// <summary>Whether the handshake of TLS 1.3 is finished.</summary>
    public bool IsFinished(Role sender) => _sides[(int)sender].IsFinished;

    /// <summary>A new key is used from the next record on (TLS 1.2).</summary>
    public void OnChangeCipherSpec(Role sender)
    {
        if (!hello.Is13)
            Renew(_sides[(int)sender], null);
    }

    /// <summary>The handshake is finished: in TLS 1.3 the next record is under the first traffic secret.</summary>
    public void OnFinished(Role sender)
    {
        var side = _sides[(int)sender];
        if (hello.Is13 && !side.IsFinished)
        {
            side.IsFinished = true;
            Renew(side, null);
        }
    }

    /// <summary>The next record is under the next secret (RFC 8446 7.2).</summary>
    public void OnKeyUpdate(Role sender)
    {
        var side = _sides[(int)sender];
        if (hello is { Is13: true, Suite: { } suite } && side is { IsFinished: true, Secret: { } secret })
            Renew(side, TlsKeySchedule.Expand(suite.Hash, secret, "traffic upd", suite.HashLength));
    }

    /// <summary>A record was lost, and no more than that.</summary>
    public void Skip(Role sender) => _sides[(int)sender].Cipher?.Skip();

    /// <summary>What follows cannot be opened: records were lost, and nobody knows how many.</summary>
    public void Lose(Role sender) => _sides[(int)sender].IsOpaque = true;

    /// <summary>Opens a record.</summary>
    /// <returns>False if that is not possible.</returns>
    public bool Open(Role sender, ReadOnlySpan<byte> header, ReadOnlySpan<byte> fragment, out byte type, out byte[] content)
    {
        (type, content) = (0, []);
        var side = _sides[(int)sender];
        if (side.IsOpaque)
            return false;

        side.Cipher ??= Make(side, sender);
        if (side.Cipher is null)
        {
            side.IsOpaque = true;
            session.FindOnce(FindingKind.NoKeys, sender,
                "The key log has no secrets for this session's TLS, or its cipher suite is not read.");
            return false;
        }

        if (side.Cipher.Open(header, fragment, out type, out content)
            || OpenAsFirst(side, sender, header, fragment, ref type, ref content))
        {
            side.HasOpened = true;
            return true;
        }

        // What a client of TLS 1.3 sends before its Finished may be early data, under another key.
        if (sender == Role.Server || !hello.Is13 || side.HasOpened)
        {
            side.IsOpaque = true;
            session.FindOnce(FindingKind.TlsUnverified, sender,
                $"A TLS record of the {sender.Name()} does not verify under the key log's secret.");
        }

        return false;
    }

    /// <summary>Nothing more comes.</summary>
    public void Finish()
    {
        _sides[0].Cipher?.Dispose();
        _sides[1].Cipher?.Dispose();
    }

    // Where the Finished of TLS 1.3 is lost, the first traffic secret fits.
    private bool OpenAsFirst(
        Side side, Role sender, ReadOnlySpan<byte> header, ReadOnlySpan<byte> fragment, ref byte type, ref byte[] content)
    {
        if (!hello.Is13 || side.IsFinished)
            return false;

        var (before, secret) = (side.Cipher, side.Secret);
        (side.IsFinished, side.Cipher, side.Secret) = (true, null, null);
        side.Cipher = Make(side, sender);
        if (side.Cipher?.Open(header, fragment, out type, out content) == true)
        {
            before?.Dispose();
            return true;
        }

        side.Cipher?.Dispose();
        (side.IsFinished, side.Cipher, side.Secret) = (false, before, secret);
        return false;
    }

    private static void Renew(Side side, byte[]? secret)
    {
        side.Cipher?.Dispose();
        (side.Cipher, side.Secret) = (null, secret);
    }

    private TlsRecordCipher? Make(Side side, Role sender)
    {
        if (hello.Suite is not { } suite || hello.ClientRandom is not { } client || hello.ServerRandom is not { } server
            || !TlsRecordCipher.Can(suite))
        {
            return null;
        }

        if (!hello.Is13)
        {
            return hello.Is12 && Find("CLIENT_RANDOM", client) is { Length: 48 } master
                ? TlsRecordCipher.From(suite, master, client, server, sender == Role.Server, hello.MacOfCiphertext) : null;
        }

        var which = side.IsFinished ? "TRAFFIC_SECRET_0" : "HANDSHAKE_TRAFFIC_SECRET";
        var label = $"{(sender == Role.Client ? "CLIENT" : "SERVER")}_{which}";
        side.Secret ??= Find(label, client);
        return side.Secret?.Length == suite.HashLength ? TlsRecordCipher.From(suite, side.Secret) : null;
    }

    private byte[]? Find(string label, byte[] random) => session.Keys?.Find(label, random) ?? session.Embedded?.Find(label, random);
}

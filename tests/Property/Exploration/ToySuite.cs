using System.Buffers.Binary;
using BlackPony.Reference;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>
/// A suite under a real one's name that costs next to nothing: the secret is both shares, the records have a keyed stream and a keyed tag.
/// It keeps nothing from who can compute; the adversary of the exploration can't, he has only his moves.
/// </summary>
internal sealed class ToySuite(string name, bool twoMessages = false, long budget = 1 << 24) : Suite
{
    public const string Strong = "X25519MLKEM768-CHACHA20POLY1305";
    public const string Weak = "X25519-CHACHA20POLY1305";
    public const string TwoMessages = "RSA-BLOWFISH";

    public override string Name => name;

    public override bool NeedsContinuation => twoMessages;

    internal override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => new Client(Draw(random), twoMessages);

    internal override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => new Server(Draw(random));

    internal override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) =>
        new Protection(BinaryPrimitives.ReadUInt64BigEndian(trafficSecret), budget);

    private static byte[] Draw(IRandomSource random)
    {
        var share = new byte[32];
        random.Fill(share);
        return share;
    }

    private sealed class Client(byte[] share, bool twoMessages) : ClientExchange
    {
        private byte[] _half = [];

        public override byte[] Share => share;

        public override byte[]? Continue(ReadOnlySpan<byte> serverShare)
        {
            _half = [.. serverShare];
            return serverShare.Length == share.Length ? share : null;
        }

        public override byte[]? Finish(ReadOnlySpan<byte> serverShare) =>
            serverShare.Length == share.Length && (!twoMessages || serverShare.SequenceEqual(_half)) ? [.. share, .. serverShare] : null;

        public override void Dispose()
        {
        }
    }

    private sealed class Server(byte[] share) : ServerExchange
    {
        private byte[] _peer = [];

        public override byte[]? Begin(ReadOnlySpan<byte> clientShare)
        {
            _peer = [.. clientShare];
            return clientShare.Length == share.Length ? share : null;
        }

        public override byte[]? Continue(ReadOnlySpan<byte> continuation)
        {
            bool good = continuation.Length == share.Length;
            _peer = [.. continuation];
            return good ? share : null;
        }

        public override byte[] TakeSharedSecret() => [.. _peer, .. share];

        public override void Dispose()
        {
        }
    }

    private sealed class Protection(ulong key, long budget) : RecordProtection
    {
        private const int Tag = 8;

        public override int TagLength => Tag;

        public override long Budget => budget;

        public override long Cost(int innerLength) => 1;

        public override void Seal(ulong seq, Span<byte> record)
        {
            Crypt(seq, record[2..^Tag]);
            BinaryPrimitives.WriteUInt64BigEndian(record[^Tag..], TagOf(seq, record));
        }

        public override bool Open(ulong seq, Span<byte> record)
        {
            if (BinaryPrimitives.ReadUInt64BigEndian(record[^Tag..]) != TagOf(seq, record))
            {
                return false;
            }

            Crypt(seq, record[2..^Tag]);
            return true;
        }

        public override void Dispose()
        {
        }

        private void Crypt(ulong seq, Span<byte> octets)
        {
            for (int i = 0; i < octets.Length; i++)
            {
                octets[i] ^= (byte)(Mix(key + (seq << 32) + (ulong)(i / 8)) >> (i % 8 * 8));
            }
        }

        private ulong TagOf(ulong seq, ReadOnlySpan<byte> record)
        {
            ulong tag = Mix(key ^ ~seq);
            foreach (byte octet in record[..^Tag])
            {
                tag = (tag ^ octet) * 0x100000001B3;
            }

            return Mix(tag + key);
        }

        private static ulong Mix(ulong x)
        {
            x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
            x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
            return x ^ (x >> 31);
        }
    }
}

/// <summary>Draws that a name and their number decide.</summary>
internal sealed class CountingRandom(byte name) : IRandomSource
{
    private byte _draws;

    public void Fill(Span<byte> octets)
    {
        octets.Fill(name);
        octets[^1] = ++_draws;
    }
}

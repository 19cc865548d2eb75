using System.Security.Cryptography;
using Org.BouncyCastle.Math.EC.Rfc7748;

namespace BlackPony.Reference.Suites;

/// <summary>X25519 (spec 5.2, RFC 7748).</summary>
internal static class X25519Exchange
{
    /// <summary>Octets of a private key, a public key and a result.</summary>
    public const int Length = 32;

    /// <summary>Draws a private key (one draw of 32 octets) and its public key.</summary>
    public static byte[] NewKey(IRandomSource random, Span<byte> publicKey)
    {
        var key = new byte[Length];
        random.Fill(key);
        X25519.ScalarMultBase(key, publicKey);
        return key;
    }

    /// <summary>Makes the result.</summary>
    /// <returns>False if it is all zero ([BP-5.2-2], [BP-5.2-3], [BP-5.2-4]).</returns>
    public static bool Agree(ReadOnlySpan<byte> key, ReadOnlySpan<byte> peer, Span<byte> result) =>
        X25519.CalculateAgreement(key, peer, result);

    /// <summary>The client's side.</summary>
    public sealed class Client : ClientExchange
    {
        private readonly byte[] _key;

        public Client(IRandomSource random)
        {
            Share = new byte[Length];
            _key = NewKey(random, Share);
        }

        public override byte[] Share { get; }

        public override byte[]? Finish(ReadOnlySpan<byte> serverShare)
        {
            var secret = new byte[Length];
            return serverShare.Length == Length && Agree(_key, serverShare, secret) ? secret : null;
        }

        public override void Dispose() => CryptographicOperations.ZeroMemory(_key);
    }

    /// <summary>The server's side.</summary>
    public sealed class Server(IRandomSource random) : ServerExchange
    {
        private readonly byte[] _secret = new byte[Length];

        public override byte[]? Begin(ReadOnlySpan<byte> clientShare)
        {
            if (clientShare.Length != Length)
                return null;

            var share = new byte[Length];
            var key = NewKey(random, share);
            bool agreed = Agree(key, clientShare, _secret);
            CryptographicOperations.ZeroMemory(key);
            return agreed ? share : null;
        }

        public override byte[] TakeSharedSecret() => [.. _secret];

        public override void Dispose() => CryptographicOperations.ZeroMemory(_secret);
    }
}

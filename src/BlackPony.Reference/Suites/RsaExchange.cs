using System.Security.Cryptography;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Encodings;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Math;
using Org.BouncyCastle.Utilities;

namespace BlackPony.Reference.Suites;

/// <summary>RSA-3072 with OAEP, both ways (spec 5.4).</summary>
internal static class RsaExchange
{
    private const int Modulus = Limits.RsaBits / 8;
    private const int Nonce = 32;
    private const int Half = 32;
    private const byte FromClient = (byte)'C';
    private const byte FromServer = (byte)'S';

    private static byte[] NewShare(RsaKeyPair own, IRandomSource random)
    {
        var share = new byte[Modulus + Nonce];
        own.Modulus.CopyTo(share, 0);
        random.Fill(share.AsSpan(Modulus));
        return share;
    }

    // [BP-5.4-5], [BP-5.4-6]
    private static bool IsValid(ReadOnlySpan<byte> share, RsaKeyPair own) =>
        share.Length == Modulus + Nonce && (share[0] & 0x80) != 0 && (share[Modulus - 1] & 1) != 0
        && !share[..Modulus].SequenceEqual(own.Modulus);

    private static byte[] NewHalf(IRandomSource random)
    {
        var half = new byte[Half];
        random.Fill(half);
        return half;
    }

    // BouncyCastle's padding, because it takes the OAEP seed from us: so vectors can be reproduced (spec Appendix B).
    // A modulus that is valid here is odd and has its full length, and with such the computation does not fail. BouncyCastle's RSA keys
    // would test each modulus for being prime, which takes a hundred times as long as the encryption.
    private static byte[] Encrypt(ReadOnlySpan<byte> modulus, byte letter, ReadOnlySpan<byte> half, IRandomSource random)
    {
        byte[] content = [letter, .. half];
        var seed = new byte[32];
        random.Fill(seed);
        var n = new BigInteger(1, modulus);
        var oaep = new OaepEncoding(new PublicOperation(n), new Sha256Digest(), new Sha256Digest(), null);
        oaep.Init(true, new ParametersWithRandom(new KeyParameter([]), new GivenRandom(seed)));
        var ciphertext = oaep.ProcessBlock(content, 0, content.Length);
        CryptographicOperations.ZeroMemory(content);
        return ciphertext;
    }

    // RSAEP (RFC 8017 5.1.1); a block is an octet shorter than the modulus and so below it.
    private sealed class PublicOperation(BigInteger modulus) : IAsymmetricBlockCipher
    {
        private static readonly BigInteger Exponent = BigInteger.ValueOf(65537);

        public string AlgorithmName => "RSA";

        public void Init(bool forEncryption, ICipherParameters parameters)
        {
        }

        public int GetInputBlockSize() => Modulus - 1;

        public int GetOutputBlockSize() => Modulus;

        public byte[] ProcessBlock(byte[] inBuf, int inOff, int inLen) =>
            BigIntegers.AsUnsignedByteArray(Modulus, new BigInteger(1, inBuf, inOff, inLen).ModPow(Exponent, modulus));
    }

    // Whatever goes wrong, the substitute is the answer, and nothing tells ([BP-5.4-8] to [BP-5.4-11], [BP-5.4-14]).
    private static byte[] Decrypt(RsaKeyPair own, byte letter, ReadOnlySpan<byte> ciphertext, IRandomSource random)
    {
        var half = NewHalf(random);
        try
        {
            var plain = own.Decrypt(ciphertext);
            if (plain.Length == 1 + Half && plain[0] == letter)
                plain.AsSpan(1).CopyTo(half);

            CryptographicOperations.ZeroMemory(plain);
        }
        catch (CryptographicException)
        {
        }

        return half;
    }

    /// <summary>The client's side.</summary>
    public sealed class Client : ClientExchange
    {
        private readonly IRandomSource _random;
        private RsaKeyPair? _own;
        private byte[] _half = [];

        public Client(IRandomSource random, RsaKeys keys)
        {
            _random = random;
            _own = keys.Use();
            Share = NewShare(_own, random);
        }

        public override byte[] Share { get; }

        public override byte[]? Continue(ReadOnlySpan<byte> serverShare)
        {
            if (!IsValid(serverShare, _own!))
                return null;

            _half = NewHalf(_random);
            return Encrypt(serverShare[..Modulus], FromClient, _half, _random);
        }

        public override byte[]? Finish(ReadOnlySpan<byte> serverShare)
        {
            if (serverShare.Length != Modulus)
                return null;

            var half = Decrypt(_own!, FromServer, serverShare, _random);
            byte[] secret = [.. _half, .. half];
            CryptographicOperations.ZeroMemory(half);
            return secret;
        }

        public override void Dispose()
        {
            CryptographicOperations.ZeroMemory(_half);
            _own?.Dispose();
            _own = null;
        }
    }

    /// <summary>The server's side.</summary>
    public sealed class Server(IRandomSource random, RsaKeys keys) : ServerExchange
    {
        private RsaKeyPair? _own = keys.Use();
        private readonly byte[] _secret = new byte[2 * Half];
        private byte[] _clientModulus = [];

        public override byte[]? Begin(ReadOnlySpan<byte> clientShare)
        {
            if (!IsValid(clientShare, _own!))
                return null;

            _clientModulus = clientShare[..Modulus].ToArray();
            return NewShare(_own!, random);
        }

        public override byte[]? Continue(ReadOnlySpan<byte> continuation)
        {
            if (continuation.Length != Modulus)
                return null;

            var client = Decrypt(_own!, FromClient, continuation, random);
            var server = NewHalf(random);
            client.CopyTo(_secret, 0);
            server.CopyTo(_secret, Half);
            var reply = Encrypt(_clientModulus, FromServer, server, random);
            CryptographicOperations.ZeroMemory(client);
            CryptographicOperations.ZeroMemory(server);
            return reply;
        }

        public override byte[] TakeSharedSecret() => [.. _secret];

        public override void Dispose()
        {
            CryptographicOperations.ZeroMemory(_secret);
            _own?.Dispose();
            _own = null;
        }
    }
}

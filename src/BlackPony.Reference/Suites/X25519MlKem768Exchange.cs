using System.Security.Cryptography;
using Org.BouncyCastle.Crypto.Kems;
using Org.BouncyCastle.Crypto.Parameters;
using Parameters = Org.BouncyCastle.Crypto.Parameters.MLKemParameters;

namespace BlackPony.Reference.Suites;

/// <summary>ML-KEM-768 and X25519 together, ML-KEM first (spec 5.3, FIPS 203, RFC 10024).</summary>
internal static class X25519MlKem768Exchange
{
    private const int EncapsulationKey = 1184;
    private const int Ciphertext = 1088;
    private const int KemSecret = 32;

    /// <summary>The client's side.</summary>
    public sealed class Client : ClientExchange
    {
        // BouncyCastle's keys have no end but the collector's: of ML-KEM's private values only the seed is erased.
        private readonly MLKemPrivateKeyParameters _kemKey;
        private readonly byte[] _seed = new byte[64];
        private readonly byte[] _key;

        public Client(IRandomSource random)
        {
            random.Fill(_seed);
            _kemKey = MLKemPrivateKeyParameters.FromSeed(Parameters.ml_kem_768, _seed);
            Share = new byte[EncapsulationKey + X25519Exchange.Length];
            _kemKey.GetPublicKeyEncoded().CopyTo(Share, 0);
            _key = X25519Exchange.NewKey(random, Share.AsSpan(EncapsulationKey));
        }

        public override byte[] Share { get; }

        public override byte[]? Finish(ReadOnlySpan<byte> serverShare)
        {
            if (serverShare.Length != Ciphertext + X25519Exchange.Length)
                return null;

            // An altered ciphertext gives another secret, and the session fails at Finished ([BP-5.3-5]).
            var secret = new byte[KemSecret + X25519Exchange.Length];
            var kem = new MLKemDecapsulator(Parameters.ml_kem_768);
            kem.Init(_kemKey);
            kem.Decapsulate(serverShare[..Ciphertext], secret.AsSpan(0, KemSecret));
            return X25519Exchange.Agree(_key, serverShare[Ciphertext..], secret.AsSpan(KemSecret)) ? secret : null;
        }

        public override void Dispose()
        {
            CryptographicOperations.ZeroMemory(_seed);
            CryptographicOperations.ZeroMemory(_key);
        }
    }

    /// <summary>The server's side.</summary>
    public sealed class Server(IRandomSource random) : ServerExchange
    {
        private readonly byte[] _secret = new byte[KemSecret + X25519Exchange.Length];

        public override byte[]? Begin(ReadOnlySpan<byte> clientShare)
        {
            if (clientShare.Length != EncapsulationKey + X25519Exchange.Length || Check(clientShare[..EncapsulationKey]) is not { } kemKey)
                return null;

            var m = new byte[32];
            random.Fill(m);
            var share = new byte[Ciphertext + X25519Exchange.Length];
            var kem = new MLKemEncapsulator(Parameters.ml_kem_768);
            kem.Init(new ParametersWithRandom(kemKey, new GivenRandom(m)));
            kem.Encapsulate(share.AsSpan(0, Ciphertext), _secret.AsSpan(0, KemSecret));
            var key = X25519Exchange.NewKey(random, share.AsSpan(Ciphertext));
            bool agreed = X25519Exchange.Agree(key, clientShare[EncapsulationKey..], _secret.AsSpan(KemSecret));
            CryptographicOperations.ZeroMemory(m);
            CryptographicOperations.ZeroMemory(key);
            return agreed ? share : null;
        }

        public override byte[] TakeSharedSecret() => [.. _secret];

        public override void Dispose() => CryptographicOperations.ZeroMemory(_secret);

        // The encapsulation key check of FIPS 203 7.2 ([BP-5.3-2]).
        private static MLKemPublicKeyParameters? Check(ReadOnlySpan<byte> key)
        {
            try
            {
                return MLKemPublicKeyParameters.FromEncoding(Parameters.ml_kem_768, key.ToArray());
            }
            catch (ArgumentException)
            {
                return null;
            }
        }
    }
}

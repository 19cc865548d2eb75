using System.Security.Cryptography;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>The cipher suites of TLS that are read, by their IANA names and numbers.</summary>
public sealed class TlsSuiteTests
{
    private const string Suites = """
        1301 TLS_AES_128_GCM_SHA256
        1302 TLS_AES_256_GCM_SHA384
        1303 TLS_CHACHA20_POLY1305_SHA256
        1304 TLS_AES_128_CCM_SHA256
        1305 TLS_AES_128_CCM_8_SHA256
        009C TLS_RSA_WITH_AES_128_GCM_SHA256
        009D TLS_RSA_WITH_AES_256_GCM_SHA384
        009E TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
        009F TLS_DHE_RSA_WITH_AES_256_GCM_SHA384
        00A2 TLS_DHE_DSS_WITH_AES_128_GCM_SHA256
        00A3 TLS_DHE_DSS_WITH_AES_256_GCM_SHA384
        00A6 TLS_DH_anon_WITH_AES_128_GCM_SHA256
        00A7 TLS_DH_anon_WITH_AES_256_GCM_SHA384
        C02B TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        C02C TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        C02F TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        C030 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
        CCA8 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        CCA9 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        CCAA TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        C09C TLS_RSA_WITH_AES_128_CCM
        C09D TLS_RSA_WITH_AES_256_CCM
        C09E TLS_DHE_RSA_WITH_AES_128_CCM
        C09F TLS_DHE_RSA_WITH_AES_256_CCM
        C0A0 TLS_RSA_WITH_AES_128_CCM_8
        C0A1 TLS_RSA_WITH_AES_256_CCM_8
        C0A2 TLS_DHE_RSA_WITH_AES_128_CCM_8
        C0A3 TLS_DHE_RSA_WITH_AES_256_CCM_8
        C0AC TLS_ECDHE_ECDSA_WITH_AES_128_CCM
        C0AD TLS_ECDHE_ECDSA_WITH_AES_256_CCM
        C0AE TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8
        C0AF TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8
        002F TLS_RSA_WITH_AES_128_CBC_SHA
        0032 TLS_DHE_DSS_WITH_AES_128_CBC_SHA
        0033 TLS_DHE_RSA_WITH_AES_128_CBC_SHA
        0034 TLS_DH_anon_WITH_AES_128_CBC_SHA
        C009 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
        C013 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
        C018 TLS_ECDH_anon_WITH_AES_128_CBC_SHA
        0035 TLS_RSA_WITH_AES_256_CBC_SHA
        0038 TLS_DHE_DSS_WITH_AES_256_CBC_SHA
        0039 TLS_DHE_RSA_WITH_AES_256_CBC_SHA
        003A TLS_DH_anon_WITH_AES_256_CBC_SHA
        C00A TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
        C014 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA
        C019 TLS_ECDH_anon_WITH_AES_256_CBC_SHA
        003C TLS_RSA_WITH_AES_128_CBC_SHA256
        003D TLS_RSA_WITH_AES_256_CBC_SHA256
        0040 TLS_DHE_DSS_WITH_AES_128_CBC_SHA256
        0067 TLS_DHE_RSA_WITH_AES_128_CBC_SHA256
        006A TLS_DHE_DSS_WITH_AES_256_CBC_SHA256
        006B TLS_DHE_RSA_WITH_AES_256_CBC_SHA256
        006C TLS_DH_anon_WITH_AES_128_CBC_SHA256
        006D TLS_DH_anon_WITH_AES_256_CBC_SHA256
        C023 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256
        C024 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384
        C027 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256
        C028 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384
        """;

    private static readonly Dictionary<int, string> Names = Suites.Split('\n').Select(l => l.Split(' '))
        .ToDictionary(l => Convert.ToInt32(l[0], 16), l => l[1]);

    [Fact]
    public void A_suite_is_what_its_name_says_and_no_other_is_read()
    {
        for (int number = 0; number <= 0xffff; number++)
        {
            var suite = TlsSuite.Find(number);
            Assert.Equal(Names.GetValueOrDefault(number) is { } name ? Named(name) : null, suite);
        }
    }

    // RFC 5246, RFC 5288, RFC 6655, RFC 7905, RFC 8446: nonce or IV, tag or MAC, in TLS 1.3 the type.
    [Theory]
    [InlineData(0x1301, true, 17)]
    [InlineData(0x1305, true, 9)]
    [InlineData(0xc02f, false, 24)]
    [InlineData(0xc0ae, false, 16)]
    [InlineData(0xcca8, false, 16)]
    [InlineData(0xc013, false, 37)]
    [InlineData(0x003c, false, 49)]
    [InlineData(0xc028, false, 65)]
    public void A_record_is_longer_than_what_it_holds_by_what_the_suite_adds(int number, bool is13, int octets) =>
        Assert.Equal(octets, TlsSuite.Find(number)!.Overhead(is13));

    [Theory]
    [InlineData(0x1301, 16, 32, 0)]
    [InlineData(0x1302, 16, 48, 0)]
    [InlineData(0xc0ae, 8, 32, 0)]
    [InlineData(0xc013, 16, 32, 20)]
    [InlineData(0xc027, 16, 32, 32)]
    [InlineData(0xc028, 16, 48, 48)]
    public void Tag_hash_and_MAC_have_their_lengths(int number, int tag, int hash, int mac)
    {
        var suite = TlsSuite.Find(number)!;
        Assert.Equal((tag, hash, mac), (suite.TagLength, suite.HashLength, suite.MacLength));
    }

    private static TlsSuite Named(string name)
    {
        var protection = name.Contains("GCM", StringComparison.Ordinal) ? TlsProtection.Gcm
            : name.Contains("CCM_8", StringComparison.Ordinal) ? TlsProtection.Ccm8
            : name.Contains("CCM", StringComparison.Ordinal) ? TlsProtection.Ccm
            : name.Contains("CHACHA20", StringComparison.Ordinal) ? TlsProtection.ChaCha : TlsProtection.Cbc;
        var hash = name.EndsWith("SHA384", StringComparison.Ordinal) ? HashAlgorithmName.SHA384 : HashAlgorithmName.SHA256;
        var mac = protection != TlsProtection.Cbc ? default
            : name.EndsWith("SHA", StringComparison.Ordinal) ? HashAlgorithmName.SHA1 : hash;
        return new TlsSuite(protection, name.Contains("128", StringComparison.Ordinal) ? 16 : 32, hash, mac);
    }
}

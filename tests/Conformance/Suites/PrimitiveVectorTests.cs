using System.Text;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Suites;

/// <summary>Small facts of spec 5 and 6 with known answers.</summary>
public class PrimitiveVectorTests
{
    [Theory]
    [InlineData("Why? 25 Zz\xE9", 13, "Jul? 25 Mm\xE9")]
    [InlineData("abcXYZ", 1, "bcdYZA")]
    [InlineData("abcXYZ", 25, "zabWXY")]
    public void Rot_shifts_letters_and_nothing_else(string plain, int n, string shifted)
    {
        var octets = Encoding.Latin1.GetBytes(plain);
        RotShift.Shift(octets, n);
        Assert.Equal(shifted, Encoding.Latin1.GetString(octets));
        RotShift.Shift(octets, 26 - n);
        Assert.Equal(plain, Encoding.Latin1.GetString(octets));
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("25", 25)]
    [InlineData("0", null)]
    [InlineData("26", null)]
    [InlineData("013", null)]
    [InlineData("+5", null)]
    [InlineData("", null)]
    public void Rot_takes_1_to_25(string field, int? n) => Assert.Equal(n, RotShift.Parse(Encoding.ASCII.GetBytes(field)));

    [Theory]
    [InlineData("AAAA", true)]
    [InlineData("AAA=", true)]
    [InlineData("AAB=", false)]
    [InlineData("AAA", false)]
    [InlineData("AA AA", false)]
    [InlineData("AAAA\n", false)]
    [InlineData("AAAA====", false)]
    public void Base64_is_canonical_or_nothing(string text, bool good) => Assert.Equal(good, Base64Share.TryDecode(Encoding.ASCII.GetBytes(text), out _));

    [Fact]
    public void Expand_label_is_TLSs_with_another_prefix()
    {
        // HKDF-Expand (RFC 5869) over an info written out by hand: 0020 | 07 "bp1 key" | 00.
        var secret = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray();
        byte[] info = [0, 32, 7, .. "bp1 key"u8, 0];
        var expected = System.Security.Cryptography.HMACSHA256.HashData(secret, (byte[])[.. info, 1]);
        Assert.Equal(expected, KeySchedule.ExpandLabel(secret, "key", [], 32));
    }

    [Fact]
    public void An_ident_with_an_altered_signature_is_refused()
    {
        var th = new byte[32];
        var data = Ident.Create([new IdentKey(new byte[32]), new IdentKey([1, .. new byte[31]])], th);
        Assert.Equal(2, Ident.Verify(data, th)!.Count);
        data[^1] ^= 1;
        Assert.Null(Ident.Verify(data, th));
        Assert.Null(Ident.Verify(data.AsSpan(0, 95), th));
    }
}

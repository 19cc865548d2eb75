using System.Text;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Reference.Suites;

/// <summary>ROT's shift (spec 5.5), with known answers.</summary>
public class RotShiftTests
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
}

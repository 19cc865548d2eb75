using System.Security.Cryptography;
using BlackPony.Reference.Keys;

namespace BlackPony.Tests.Reference.Keys;

/// <summary>Expand-Label (spec 6.2), with a known answer.</summary>
public class ExpandLabelTests
{
    [Fact]
    public void Expand_label_is_TLSs_with_another_prefix()
    {
        // HKDF-Expand (RFC 5869) over an info written out by hand: 0020 | 07 "bp1 key" | 00.
        var secret = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray();
        byte[] info = [0, 32, 7, .. "bp1 key"u8, 0];
        var expected = HMACSHA256.HashData(secret, (byte[])[.. info, 1]);
        Assert.Equal(expected, KeySchedule.ExpandLabel(secret, "key", [], 32));
    }
}

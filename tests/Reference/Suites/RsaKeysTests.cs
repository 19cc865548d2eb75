using System.Security.Cryptography;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Reference.Suites;

/// <summary>The life of an RSA key pair (spec 5.4), under a clock that the test turns.</summary>
public class RsaKeysTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly List<RSA> _made = [];

    [Fact]
    public void A_pair_serves_many_sessions_and_is_replaced_at_the_end_of_its_life() // [BP-5.4-1], [BP-5.4-3]
    {
        var keys = new RsaKeys(_clock, Make);
        var first = Used(keys);
        _clock.Advance(Limits.RsaKeyLifetime - TimeSpan.FromSeconds(1));
        Assert.Equal(first, Used(keys));
        Assert.Single(_made);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.NotEqual(first, Used(keys));
        Assert.Equal(2, _made.Count);
    }

    [Fact]
    public void A_clock_that_runs_backward_makes_no_pair_live_longer() // [BP-5.4-1]
    {
        var keys = new RsaKeys(_clock, Make);
        var first = Used(keys);
        _clock.AdjustTime(_clock.GetUtcNow() - TimeSpan.FromHours(1));
        Assert.NotEqual(first, Used(keys));
        Assert.True(IsErased(_made[0]));
    }

    [Fact]
    public void A_pair_that_nobody_asks_for_is_erased_at_the_end_of_its_life() // [BP-5.4-15]
    {
        var keys = new RsaKeys(_clock, Make);
        Used(keys);
        _clock.Advance(Limits.RsaKeyLifetime - TimeSpan.FromSeconds(1));
        Assert.False(IsErased(_made[0]));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(IsErased(_made[0]));
        Assert.Single(_made);
    }

    [Fact]
    public void A_pair_that_an_exchange_uses_is_erased_when_the_last_one_ends() // [BP-5.4-15]
    {
        var keys = new RsaKeys(_clock, Make);
        var (one, other) = (keys.Use(), keys.Use());
        _clock.Advance(Limits.RsaKeyLifetime);
        Used(keys);
        one.Dispose();
        Assert.False(IsErased(_made[0]));
        other.Dispose();
        Assert.True(IsErased(_made[0]));
        Assert.False(IsErased(_made[1]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_exchange_lets_go_of_its_pair_however_it_ends(bool completes) // [BP-5.4-15]
    {
        var (client, server) = (new RsaKeys(_clock, Make3072), new RsaKeys(_clock, Make3072));
        var suite = SuiteRegistry.Find("RSA-BLOWFISH")!;
        var c = suite.StartClient(new GivenStream([.. Enumerable.Range(1, 128).Select(i => (byte)i)]), client);
        var s = suite.StartServer(new GivenStream([.. Enumerable.Range(100, 128).Select(i => (byte)i)]), server);
        if (completes)
        {
            c.Finish(s.Continue(c.Continue(s.Begin(c.Share)!)!)!);
        }

        _clock.Advance(Limits.RsaKeyLifetime);
        Assert.DoesNotContain(_made, IsErased);
        foreach (var side in (IDisposable[])[c, s, c, s])
        {
            side.Dispose();
        }

        Assert.All(_made, r => Assert.True(IsErased(r)));
    }

    [Fact]
    public void Nothing_is_made_before_it_is_needed_and_a_pair_has_the_size_of_the_specification()
    {
        var keys = new RsaKeys(_clock, Make3072);
        Assert.Empty(_made);
        Assert.Equal(Limits.RsaBits / 8, Used(keys).Length);
        Assert.Equal([1, 0, 1], _made[0].ExportParameters(false).Exponent!);
    }

    private static byte[] Used(RsaKeys keys)
    {
        using var pair = keys.Use();
        return pair.Modulus;
    }

    private static bool IsErased(RSA rsa)
    {
        try
        {
            rsa.ExportParameters(false);
            return false;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    private RSA Make() => Make(512);

    private RSA Make3072() => Make(Limits.RsaBits);

    private RSA Make(int bits)
    {
        _made.Add(RSA.Create(bits));
        return _made[^1];
    }
}

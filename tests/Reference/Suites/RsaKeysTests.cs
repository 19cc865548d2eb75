using System.Security.Cryptography;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Reference.Suites;

/// <summary>The life of an RSA key pair (spec 5.4), under a clock that the test turns.</summary>
public class RsaKeysTests
{
    private readonly FakeTimeProvider _clock = new();
    private int _made;

    [Fact]
    public void A_pair_serves_many_sessions_and_is_replaced_at_the_end_of_its_life() // [BP-5.4-1], [BP-5.4-3]
    {
        var keys = new RsaKeys(_clock, Make);
        var first = keys.Current();
        _clock.Advance(Limits.RsaKeyLifetime - TimeSpan.FromSeconds(1));
        Assert.Same(first, keys.Current());
        Assert.Equal(1, _made);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.NotSame(first, keys.Current());
        Assert.Equal(2, _made);
    }

    [Fact]
    public void A_clock_that_runs_backward_makes_no_pair_live_longer() // [BP-5.4-1]
    {
        var keys = new RsaKeys(_clock, Make);
        var first = keys.Current();
        _clock.AdjustTime(_clock.GetUtcNow() - TimeSpan.FromHours(1));
        Assert.NotSame(first, keys.Current());
    }

    [Fact]
    public void Nothing_is_made_before_it_is_needed_and_a_pair_has_the_size_of_the_specification()
    {
        var keys = new RsaKeys(_clock);
        var parameters = keys.Current().ExportParameters(false);
        Assert.Equal(Limits.RsaBits / 8, parameters.Modulus!.Length);
        Assert.Equal([1, 0, 1], parameters.Exponent!);
    }

    private RSA Make()
    {
        _made++;
        return RSA.Create(512);
    }
}

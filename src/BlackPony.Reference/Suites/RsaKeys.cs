using System.Security.Cryptography;

namespace BlackPony.Reference.Suites;

/// <summary>
/// The process's RSA key pair: made when first needed, erased <see cref="Limits.RsaKeyLifetime"/> later, whether or not it is needed
/// again; never one for each session, never stored (spec 5.4).
/// </summary>
public sealed class RsaKeys
{
    private readonly TimeProvider _time;
    private readonly Func<RSA> _generate;
    private readonly Lock _lock = new();
    private RsaKeyPair? _current;
    private ITimer? _expiry;
    private DateTimeOffset _made;

    /// <summary>Makes the holder.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="generate">Makes a key pair of <see cref="Limits.RsaBits"/> bits with exponent 65537;
    /// by default System.Security.Cryptography.</param>
    public RsaKeys(TimeProvider time, Func<RSA>? generate = null)
    {
        _time = time;
        _generate = generate ?? (() => RSA.Create(Limits.RsaBits));
    }

    /// <summary>The key pair for an exchange that begins now, which disposes of it at its end ([BP-5.4-1], [BP-5.4-15]).</summary>
    internal RsaKeyPair Use()
    {
        lock (_lock)
        {
            // The timer may be late, and the clock may have been set back.
            var now = _time.GetUtcNow();
            if (now - _made >= Limits.RsaKeyLifetime || now < _made)
                Expire(_current);

            if (_current is null)
            {
                (_current, _made) = (new RsaKeyPair(_generate()), now);
                _expiry = _time.CreateTimer(Expire, _current, Limits.RsaKeyLifetime, Timeout.InfiniteTimeSpan);
            }

            return _current.Share();
        }
    }

    private void Expire(object? pair)
    {
        lock (_lock)
        {
            if (pair is null || _current != pair)
                return;

            _expiry!.Dispose();
            _current.Dispose();
            _current = null;
        }
    }
}

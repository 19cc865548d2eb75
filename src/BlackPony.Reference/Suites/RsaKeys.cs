using System.Security.Cryptography;

namespace BlackPony.Reference.Suites;

/// <summary>
/// The process's RSA key pair: made when first needed, replaced after <see cref="Limits.RsaKeyLifetime"/>, never one for each session,
/// never stored (spec 5.4).
/// </summary>
public sealed class RsaKeys
{
    private readonly TimeProvider _time;
    private readonly Func<RSA> _generate;
    private readonly Lock _lock = new();
    private RSA? _current;
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

    /// <summary>The key pair for a session that begins now. Sessions under way keep the one that they began with.</summary>
    internal RSA Current()
    {
        lock (_lock)
        {
            var now = _time.GetUtcNow();
            if (_current is null || now - _made >= Limits.RsaKeyLifetime || now < _made)
            {
                // The old pair may still serve a session; the collector ends it.
                _current = _generate();
                _made = now;
            }

            return _current;
        }
    }
}

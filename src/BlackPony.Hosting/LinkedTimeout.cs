namespace BlackPony.Hosting;

/// <summary>A token that is cancelled after a time, or with another.</summary>
internal sealed class LinkedTimeout : IDisposable
{
    private readonly CancellationTokenSource _timeout;
    private readonly CancellationTokenSource _either;

    /// <param name="limit">The time.</param>
    /// <param name="time">Its clock.</param>
    /// <param name="cancel">The other.</param>
    public LinkedTimeout(TimeSpan limit, TimeProvider time, CancellationToken cancel)
    {
        _timeout = new CancellationTokenSource(limit, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(_timeout.Token, cancel);
    }

    public CancellationToken Token => _either.Token;

    public void Dispose()
    {
        _either.Dispose();
        _timeout.Dispose();
    }
}

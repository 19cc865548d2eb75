namespace BlackPony.Conformance;

/// <summary>How long a port may let a case wait, and for what it waits. Every new connection begins it anew.</summary>
/// <param name="limit">The limit.</param>
public sealed class Patience(TimeSpan limit) : IDisposable
{
    private readonly CancellationTokenSource _source = new(limit);
    private string _waiting = "the port's first step";

    /// <summary>Ends what waits.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Notes what the case waits for now.</summary>
    /// <param name="what"><c>After "QUIT": an SMTP reply</c>.</param>
    public void WaitsFor(string what) => _waiting = what;

    /// <summary>Begins anew.</summary>
    public void Renew() => _source.CancelAfter(limit);

    /// <summary>What did not come.</summary>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Nothing came within {limit.TotalSeconds:0.#} s, and the connection is open. The suite waited for this: {_waiting}.");

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}

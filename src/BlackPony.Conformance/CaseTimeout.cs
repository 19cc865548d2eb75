using System.Globalization;

namespace BlackPony.Conformance;

/// <summary>
/// How long a target may be silent, and what the case waits for. Every octet that comes or goes, and every new connection, begins it
/// again: only silence uses it up.
/// </summary>
/// <param name="limit">The limit.</param>
/// <param name="time">Its clock; the system's by default.</param>
public sealed class CaseTimeout(TimeSpan limit, TimeProvider? time = null) : IDisposable
{
    private readonly CancellationTokenSource _source = new(limit, time ?? TimeProvider.System);
    private string _waiting = "the target's first step";
    private Func<string>? _came;

    /// <summary>How long the target may be silent.</summary>
    public TimeSpan Limit => limit;

    /// <summary>Ends what waits.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Notes what the case waits for now.</summary>
    /// <param name="what"><c>After "QUIT": an SMTP reply</c>.</param>
    /// <param name="came">Says what has come of it, for a message; empty if nothing.</param>
    public void WaitsFor(string what, Func<string>? came = null) => (_waiting, _came) = (what, came);

    /// <summary>Whether a part of what the case waits for has come.</summary>
    public bool HasPart => Part.Length > 0;

    private string Part => _came?.Invoke() ?? "";

    /// <summary>Begins again.</summary>
    public void Renew() => Renew(TimeSpan.Zero);

    /// <summary>Begins again, with a time-out of the target's own on top.</summary>
    /// <param name="more">The target's time-out.</param>
    public void Renew(TimeSpan more)
    {
        try
        {
            _source.CancelAfter(limit + more);
        }
        catch (ObjectDisposedException)
        {
            // The case is over.
        }
    }

    /// <summary>Allows less silence than usual, from now until the next octet.</summary>
    /// <param name="time">How much; at most the limit counts.</param>
    public void Shorten(TimeSpan time)
    {
        if (time < limit)
            Renew(time - limit);
    }

    /// <summary>Ends it now, because the run ends.</summary>
    public void End()
    {
        try
        {
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The case is over.
        }
    }

    /// <summary>What did not come.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"No {(HasPart ? "whole " : "")}answer within {limit.TotalSeconds:0.#} s, and the connection is open. The suite waited for this: "
            + $"{_waiting}."
            + $"{(HasPart ? $" What came of it is {Part}." : "")}");

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}

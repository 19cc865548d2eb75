using BlackPony.Reference;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>What is known about one address of the mail server, and when it is asked again ([BP-10.1-12], [BP-10.1-13]).</summary>
/// <param name="ask">Asks it once.</param>
/// <param name="name">The address and the stranger, for the log.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where to log.</param>
/// <param name="onOpen">Is called when it turns out to relay.</param>
internal sealed class RelayWatch(Func<Task<RelayAnswer>> ask, string name, TimeProvider time, ILogger log, Action onOpen) : IDisposable
{
    private readonly Lock _lock = new();
    private bool _disposed;
    private RelayAnswer? _last;
    private Task<RelayAnswer>? _asking;
    private ITimer? _timer;
    private int _vain;

    /// <summary>Whether it is known to relay.</summary>
    public bool Relays
    {
        get
        {
            lock (_lock)
            {
                return _last is { Verdict: RelayVerdict.Relays };
            }
        }
    }

    /// <summary>Lets pass only what comes while the mail server refuses to relay.</summary>
    /// <exception cref="OpenRelayException">It relays.</exception>
    /// <exception cref="IOException">It is not known.</exception>
    public async Task CheckAsync(CancellationToken cancel)
    {
        Task<RelayAnswer>? asking;
        RelayAnswer? answer;
        lock (_lock)
        {
            if (_last is { Verdict: RelayVerdict.Refuses })
                return;

            // One that was not there is asked by the next session, which would have to connect anyway; one that gave no answer when its
            // time has come.
            if (_last is null or { Reached: false })
                Begin();

            (asking, answer) = (_asking, _last);
        }

        if (asking is not null)
            answer = await asking.WaitAsync(cancel).ConfigureAwait(false);

        switch (answer!.Verdict)
        {
            case RelayVerdict.Relays:
                throw new OpenRelayException($"the backend at {name} is an open relay: {answer.Reason}");
            case RelayVerdict.Unknown:
                throw new IOException($"it is not known whether the backend at {name} is an open relay: {answer.Reason}");
            default:
                return;
        }
    }

    /// <summary>Asks again now; what was known counts no more.</summary>
    public void AskAgain()
    {
        lock (_lock)
        {
            _last = null;
            Begin();
        }
    }

    /// <summary>The mail server went away: whoever comes back is asked again.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            _last = null;
        }
    }

    /// <summary>Done when no question waits for its answer.</summary>
    public Task AnsweredAsync()
    {
        lock (_lock)
        {
            return _asking ?? Task.CompletedTask;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            // A question that waits for its answer gets it: sessions in flight may need it.
            _disposed = true;
            _timer?.Dispose();
        }
    }

    // Under the lock.
    private void Begin() => _asking ??= Task.Run(RunAsync);

    private async Task<RelayAnswer> RunAsync()
    {
        RelayAnswer answer;
        try
        {
            answer = await ask().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // A bug of ours: nobody is served, and the service goes on.
            answer = new RelayAnswer(RelayVerdict.Unknown, e.GetType().Name, true, "");
        }

        Report(answer);
        lock (_lock)
        {
            (_last, _asking) = (answer, null);
            _vain = answer.Verdict == RelayVerdict.Refuses ? 0 : Math.Min(_vain + 1, 20);
            if (!_disposed)
            {
                _timer?.Dispose();
                _timer = time.CreateTimer(_ => Again(), null, Next(), Timeout.InfiniteTimeSpan);
            }
        }

        if (answer.Verdict == RelayVerdict.Relays)
            onOpen();

        return answer;
    }

    private TimeSpan Next()
    {
        if (_vain == 0)
            return Limits.ProbeInterval;

        var wait = Limits.ProbeFirstRetry * Math.Pow(2, _vain - 1);
        return wait < Limits.ProbeLastRetry ? wait : Limits.ProbeLastRetry;
    }

    private void Again()
    {
        lock (_lock)
        {
            if (!_disposed)
                Begin();
        }
    }

    private void Report(RelayAnswer answer)
    {
        switch (answer)
        {
            case { Verdict: RelayVerdict.Refuses }:
                log.LogInformation("the backend at {Backend} was asked to relay, and refuses: {Dialogue}", name,
                    answer.Dialogue);
                break;
            case { Verdict: RelayVerdict.Relays }:
                log.LogError("the backend at {Backend} is an open relay; all sessions are refused: {Reason}: {Dialogue}", name,
                    answer.Reason, answer.Dialogue);
                break;
            case { Reached: true }:
                log.LogWarning(
                    "it is not known whether the backend at {Backend} is an open relay; sessions are refused until it is known: "
                    + "{Reason}: {Dialogue}",
                    name, answer.Reason, answer.Dialogue);
                break;
            default:
                log.LogDebug("the backend at {Backend} could not be asked: {Reason}", name, answer.Reason);
                break;
        }
    }
}

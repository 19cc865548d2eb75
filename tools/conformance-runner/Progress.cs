using BlackPony.Conformance;

namespace BlackPony.Tools.ConformanceRunner;

/// <summary>Shows on a terminal how far the run is; elsewhere a line now and then, so that a log shows that it goes on.</summary>
internal sealed class Progress : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    private readonly bool _isTerminal = !Console.IsErrorRedirected;
    private readonly int _total;
    private readonly Lock _lock = new();
    private Timer? _timer;
    private Timer? _wait;
    private int _done;
    private int _failed;

    public Progress(int total) => _total = total;

    /// <summary>The preflight begins: a target that does not answer holds it up.</summary>
    /// <param name="target">What the report calls the target.</param>
    public void Wait(string target)
    {
        _wait?.Dispose();
        if (_isTerminal)
            Console.Error.Write($"\r\e[Kpreflight of {target}");
        else
            _wait = new Timer(_ => Console.Error.WriteLine($"the preflight waits for {target}"), null, Soon, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The cases begin.</summary>
    public void Begin()
    {
        _wait?.Dispose();
        _timer ??= new Timer(_ => Say(), null, Pause, Pause);
    }

    public void Show(CaseResult result)
    {
        lock (_lock)
        {
            _done++;
            _failed += result.Verdict is Verdict.Fail or Verdict.Error ? 1 : 0;
            if (_isTerminal)
                Console.Error.Write($"\r\e[K[{_done}/{_total}] {(_failed > 0 ? $"{_failed} failed  " : "")}{result.Case.Id}");
        }
    }

    public void Clear()
    {
        Dispose();
        if (_isTerminal)
            Console.Error.Write("\r\e[K");
    }

    public void Dispose()
    {
        _timer?.Dispose();
        _wait?.Dispose();
    }

    private void Say()
    {
        lock (_lock)
        {
            if (!_isTerminal)
                Console.Error.WriteLine($"{_done} of {_total} cases, {_failed} failed so far");
        }
    }
}

using System.Runtime.InteropServices;

namespace BlackPony.Tools.ConformanceRunner;

/// <summary>
/// SIGINT and SIGTERM, from the program's first moment: one that comes before the first case is answered with a report too.
/// </summary>
internal sealed class Interruption : IDisposable
{
    /// <summary>The exit code of a run that a signal ended.</summary>
    public const int ExitCode = 130;

    // Time to write the reports, on a busy machine too.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _signals;
    private Timer? _end;

    public Interruption() => _signals =
        [PosixSignalRegistration.Create(PosixSignal.SIGINT, End), PosixSignalRegistration.Create(PosixSignal.SIGTERM, End)];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    public void Dispose()
    {
        Array.ForEach(_signals, s => s.Dispose());
        _end?.Dispose();
        _stop.Dispose();
    }

    private void End(PosixSignalContext signal)
    {
        signal.Cancel = true;
        _end ??= new Timer(_ => Environment.Exit(ExitCode), null, Longest, Timeout.InfiniteTimeSpan);
        _stop.Cancel();
    }
}

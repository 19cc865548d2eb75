using System.Diagnostics;
using System.Net.Sockets;

namespace BlackPony.Conformance;

/// <summary>Runs cases side by side and turns what they throw into verdicts.</summary>
public static class CaseRunner
{
    /// <summary>Runs cases.</summary>
    /// <param name="cases">The cases.</param>
    /// <param name="connect">Makes a fresh peer for each case.</param>
    /// <param name="timeout">What a hanging port costs, for each case.</param>
    /// <param name="jobs">Cases at one time.</param>
    /// <param name="done">Called after each case, from any thread.</param>
    public static async Task<IReadOnlyList<CaseResult>> RunAsync<TPeer>(
        IReadOnlyList<Case<TPeer>> cases, Func<CancellationToken, Task<TPeer>> connect, TimeSpan timeout, int jobs, Action<CaseResult>? done = null)
        where TPeer : IAsyncDisposable
    {
        var results = new CaseResult[cases.Count];
        await Parallel.ForEachAsync(Enumerable.Range(0, cases.Count), new ParallelOptions { MaxDegreeOfParallelism = jobs }, async (i, _) =>
        {
            results[i] = await RunOneAsync(cases[i], connect, timeout).ConfigureAwait(false);
            done?.Invoke(results[i]);
        }).ConfigureAwait(false);
        return results;
    }

    private static async Task<CaseResult> RunOneAsync<TPeer>(Case<TPeer> test, Func<CancellationToken, Task<TPeer>> connect, TimeSpan timeout)
        where TPeer : IAsyncDisposable
    {
        var watch = Stopwatch.StartNew();
        var (verdict, detail) = (Verdict.Pass, "");
        using var patience = new CancellationTokenSource(timeout);
        try
        {
            var peer = await connect(patience.Token).ConfigureAwait(false);
            await using (peer.ConfigureAwait(false))
            {
                await test.Run(peer).ConfigureAwait(false);
            }
        }
        catch (NotApplicableException e)
        {
            (verdict, detail) = (Verdict.NotApplicable, e.Message);
        }
        catch (Exception e) when (e is CaseFailedException or IOException or SocketException or OperationCanceledException)
        {
            verdict = test.Level == Level.Must ? Verdict.Fail : Verdict.Warn;
            detail = e is OperationCanceledException ? $"The port did not do the next step within {timeout.TotalSeconds:0.#} s." : e.Message;
        }
        catch (Exception e)
        {
            (verdict, detail) = (Verdict.Error, $"{e.GetType().Name}: {e.Message}");
        }

        return new CaseResult(test.Id, test.Title, test.Requirements, verdict, detail, watch.Elapsed);
    }
}

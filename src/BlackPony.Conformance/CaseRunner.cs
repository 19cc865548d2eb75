using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;

namespace BlackPony.Conformance;

/// <summary>How cases are run.</summary>
/// <param name="Timeout">What a hanging port costs: the patience of a case, begun anew with each of its connections.</param>
/// <param name="Jobs">Cases at one time.</param>
/// <param name="Seed">What decides the suite's random draws.</param>
public sealed record RunOptions(TimeSpan Timeout, int Jobs = 8, string Seed = "blackpony")
{
    /// <summary>Called after each case, from any thread.</summary>
    public Action<CaseResult>? Done { get; init; }
}

/// <summary>Runs cases side by side and turns what they throw into verdicts.</summary>
public static class CaseRunner
{
    /// <summary>Runs cases against a server.</summary>
    /// <returns>The results, in the cases' order.</returns>
    public static async Task<IReadOnlyList<CaseResult>> RunAsync(ServerTarget target, IReadOnlyList<Case<ServerProbe>> cases, RunOptions options)
    {
        // Cases that script a backend which all share run alone, behind the others.
        var alone = target.SharesBackend ? cases.Where(c => c.Needs.HasFlag(Needs.Backend)).ToList() : [];
        var results = await AllAsync([.. cases.Except(alone)], One, options, options.Jobs);
        results.AddRange(await AllAsync(alone, One, options, 1));
        return [.. cases.Select(c => results.First(r => r.Case.Id == c.Id))];

        Task<CaseResult> One(Case<ServerProbe> test) => JudgeAsync(test, options, async context =>
        {
            await using var probe = await ServerProbe.StartAsync(target, test.Needs, context);
            await test.Run(probe);
            return "";
        });
    }

    /// <summary>Runs cases against a client.</summary>
    /// <returns>The results, in the cases' order.</returns>
    public static async Task<IReadOnlyList<CaseResult>> RunAsync(ClientTarget target, IReadOnlyList<Case<ClientProbe>> cases, RunOptions options) =>
        await AllAsync(cases, test => JudgeAsync(test, options, async context =>
        {
            if ((test.Needs & ~target.Can) is not Needs.Nothing and var missing)
            {
                throw new NotApplicableException(Missing(missing));
            }

            var probe = new ClientProbe(target, context);
            try
            {
                await using (probe)
                {
                    await test.Run(probe);
                    probe.CheckPlaintext();
                    return probe.Plaintext;
                }
            }
            catch (CaseFailedException e) when (probe.Said.Length > 0)
            {
                throw new CaseFailedException($"{e.Message}\n{probe.Said.TrimEnd()}", e.Requirement);
            }
        }), options, options.Jobs);

    private static string Missing(Needs needs) =>
        needs.HasFlag(Needs.Mailer) ? "Only for a mailer, which speaks SMTP on its standard input and output (--mailer)."
        : needs.HasFlag(Needs.Policy) ? "The command takes no policy: put {policy} and {memory} into it."
        : needs.HasFlag(Needs.Suites) ? "The command takes no suites: put {suites} into it."
        : "The target declares no time-outs: give --timeouts.";

    private static async Task<List<CaseResult>> AllAsync<TPeer>(IReadOnlyList<Case<TPeer>> cases, Func<Case<TPeer>, Task<CaseResult>> run, RunOptions options, int jobs)
    {
        var results = new CaseResult[cases.Count];
        await Parallel.ForEachAsync(Enumerable.Range(0, cases.Count), new ParallelOptions { MaxDegreeOfParallelism = jobs }, async (i, _) =>
        {
            results[i] = await run(cases[i]);
            options.Done?.Invoke(results[i]);
        });
        return [.. results];
    }

    private static async Task<CaseResult> JudgeAsync<TPeer>(Case<TPeer> test, RunOptions options, Func<CaseContext, Task<string>> run)
    {
        var watch = Stopwatch.StartNew();
        var transcript = new Transcript();
        transcript.Comment($"{test.Id} {test.Title}");
        using var patience = new Patience(options.Timeout);

        // Connections begin the patience anew: this is the end even for a port that makes one after the other.
        var most = options.Timeout * 30;
        var (verdict, detail, violated, plaintext) = (Verdict.Pass, "", (string?)null, "");
        try
        {
            plaintext = await run(new CaseContext(transcript, new SeededRandom(options.Seed, test.Id), patience)).WaitAsync(most);
        }
        catch (NotApplicableException e)
        {
            (verdict, detail) = (Verdict.NotApplicable, e.Message);
        }
        catch (Exception e) when (e is CaseFailedException or IOException or SocketException or OperationCanceledException or TimeoutException)
        {
            verdict = test.Level == Level.Should ? Verdict.Warn : Verdict.Fail;
            detail = e switch
            {
                CaseFailedException => e.Message,
                OperationCanceledException => patience.ToString(),
                TimeoutException => string.Create(CultureInfo.InvariantCulture, $"The case was not over within {most.TotalSeconds:0.#} s, though it went on and on."),
                _ => $"The port broke the connection while the suite was writing to it ({e.Message}).",
            };
            violated = (e as CaseFailedException)?.Requirement ?? test.Cites[0];
        }
        catch (Exception e)
        {
            (verdict, detail) = (Verdict.Error, $"{e.GetType().Name}: {e.Message}");
        }

        return new CaseResult(test.Info, verdict, detail, violated, plaintext, transcript.ToString(), watch.Elapsed);
    }
}

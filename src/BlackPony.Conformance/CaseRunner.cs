using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;

namespace BlackPony.Conformance;

/// <summary>How cases are run.</summary>
/// <param name="Timeout">How long a target may be silent before a case ends; every octet of progress begins it again.</param>
/// <param name="Jobs">Cases at one time.</param>
/// <param name="Seed">What decides the suite's random draws.</param>
public sealed record RunOptions(TimeSpan Timeout, int Jobs = 8, string Seed = "blackpony")
{
    /// <summary>How many times as long a case may wait when it is run again, alone, because nothing came.</summary>
    public int Longer { get; init; } = 4;

    /// <summary>
    /// How many cases may stay without an answer when run again, alone. After so many the target hangs, and the other silent ones are
    /// not run again.
    /// </summary>
    public int MostSilent { get; init; } = 3;

    /// <summary>
    /// The profiles that the target claims, all by default. Of another one a suite that the target does not offer is not applicable; of a
    /// claimed one it is missing.
    /// </summary>
    public IReadOnlyCollection<Profile> Claims { get; init; } = Enum.GetValues<Profile>();

    /// <summary>After how many failures no further case begins; 0 for no limit.</summary>
    public int MaxFailures { get; init; }

    /// <summary>Ends the run: no further case begins, and those under way have no result.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>Called after each case, from any thread.</summary>
    public Action<CaseResult>? Done { get; init; }
}

/// <summary>Runs cases side by side and turns what they throw into verdicts.</summary>
public static class CaseRunner
{
    // Connections and octets begin the patience again: this is the end even for a target that goes on for ever.
    private const int MostLimits = 30;

    // The time-outs that one case waits for, one after the other.
    private static readonly TimeSpan MostTimeouts = TimeSpan.FromHours(1);

    /// <summary>Runs cases against a server.</summary>
    /// <returns>The results, in the cases' order; none of a case that was not run to its end.</returns>
    /// <exception cref="OwnTroubleException">The suite itself cannot go on.</exception>
    public static Task<IReadOnlyList<CaseResult>> RunAsync(ServerTarget target, IReadOnlyList<Case<ServerProbe>> cases,
        RunOptions options) =>
        RunAsync(target, cases, options, ServerProbe.StartAsync);

    /// <summary>Runs cases for STARTTLS against a server.</summary>
    /// <returns>The results, in the cases' order; none of a case that was not run to its end.</returns>
    /// <exception cref="OwnTroubleException">The suite itself cannot go on.</exception>
    public static Task<IReadOnlyList<CaseResult>> RunAsync(ServerTarget target, IReadOnlyList<Case<StartTlsProbe>> cases,
        RunOptions options) =>
        RunAsync(target, cases, options, StartTlsProbe.StartAsync);

    /// <summary>Runs cases against a client.</summary>
    /// <returns>The results, in the cases' order.</returns>
    /// <exception cref="OwnTroubleException">The suite itself cannot go on.</exception>
    public static Task<IReadOnlyList<CaseResult>> RunAsync(ClientTarget target, IReadOnlyList<Case<ClientProbe>> cases,
        RunOptions options) =>
        RunAsync<ClientProbe, ProbeConnection>(target, cases, options, (_, context) => new ClientProbe(target, context), probe =>
            probe.CheckPlaintext());

    /// <summary>Runs cases for STARTTLS against a client.</summary>
    /// <returns>The results, in the cases' order.</returns>
    /// <exception cref="OwnTroubleException">The suite itself cannot go on.</exception>
    public static Task<IReadOnlyList<CaseResult>> RunAsync(ClientTarget target, IReadOnlyList<Case<StartTlsClientProbe>> cases,
        RunOptions options) =>
        RunAsync<StartTlsClientProbe, StartTlsConnection>(target, cases, options, (test, context) =>
            new StartTlsClientProbe(target, test.Needs, context), _ => { });

    private static Task<IReadOnlyList<CaseResult>> RunAsync<TProbe, TConnection>(ClientTarget target, IReadOnlyList<Case<TProbe>> cases,
        RunOptions options, Func<Case<TProbe>, CaseContext, TProbe> start, Action<TProbe> check)
        where TProbe : ClientDialogue<TConnection>
        where TConnection : LineConnection =>
        AllAsync(cases, async (test, context) =>
        {
            if ((test.Needs & ~target.Can) is not Needs.Nothing and var missing)
                throw new NotApplicableException(Missing(missing));

            var probe = start(test, context);
            try
            {
                await using (probe)
                {
                    await test.Run(probe);
                    check(probe);
                    return probe.Plaintext;
                }
            }
            catch (CaseFailedException e) when (probe.Said.Length > 0)
            {
                throw new CaseFailedException($"{e.Message}\n{probe.Said.TrimEnd()}", e.Requirement)
                {
                    IsSilence = e.IsSilence,
                    IsWarning = e.IsWarning,
                };
            }
            catch (NoVerdictException e) when (probe.Said.Length > 0)
            {
                throw new NoVerdictException($"{e.Message}\n{probe.Said.TrimEnd()}");
            }
        }, options, _ => false);

    private static Task<IReadOnlyList<CaseResult>> RunAsync<TProbe>(ServerTarget target, IReadOnlyList<Case<TProbe>> cases,
        RunOptions options, Func<ServerTarget, Needs, CaseContext, Task<TProbe>> start)
        where TProbe : IAsyncDisposable =>
        AllAsync(cases, async (test, context) =>
        {
            await using var probe = await start(target, test.Needs, context);
            await test.Run(probe);
            return "";
        }, options, test => target.SharesBackend && test.Needs.HasFlag(Needs.Backend));

    private static string Missing(Needs needs) =>
        needs.HasFlag(Needs.Mailer) ? "Only for a mailer, which speaks SMTP on its standard input and output (--mailer)."
        : needs.HasFlag(Needs.Policy) ? "The command has no {policy}: add it."
        : needs.HasFlag(Needs.Memory) ? "The command has no {memory}: add it, for the policy remembered."
        : needs.HasFlag(Needs.Suites) ? "The command has no {suites}: add it."
        : needs.HasFlag(Needs.RequiredPolicy) ? Policy("required")
        : needs.HasFlag(Needs.VerifyPolicy) ? Policy("verify")
        : needs.HasFlag(Needs.OpportunisticPolicy) ? Policy("opportunistic")
        : needs.HasFlag(Needs.Login) ? "The command has no {user} and {password}: add them."
        : needs.HasFlag(Needs.Recipient) ? "The command has no {to}: add it."
        : needs.HasFlag(Needs.HostName) ? "The command has no {host}: add it."
        : needs.HasFlag(Needs.Several) ? "The command has no {count}: add it, for a client that can send several messages."
        : "The target declares no time-outs: give --timeouts.";

    private static string Policy(string policy) =>
        $"The command has no {{policy}}, or --policies does not name '{policy}'.";

    // Side by side what may be; then what runs alone; then, alone, what had no answer.
    private static async Task<IReadOnlyList<CaseResult>> AllAsync<TPeer>(
        IReadOnlyList<Case<TPeer>> cases, Func<Case<TPeer>, CaseContext, Task<string>> run, RunOptions options,
        Func<Case<TPeer>, bool> runsAlone)
    {
        var results = new (CaseResult Result, bool Silent)[cases.Count];
        var alone = Enumerable.Range(0, cases.Count).ToLookup(i => cases[i].RunsAlone || runsAlone(cases[i]));
        var sideBySide = new ParallelOptions { MaxDegreeOfParallelism = options.Jobs };
        int failures = 0;
        await Parallel.ForEachAsync(alone[false], sideBySide, async (i, _) => await OneAsync(i));
        foreach (int i in alone[true])
            await OneAsync(i);

        int silent = 0;
        for (int i = 0; i < cases.Count; i++)
        {
            if (results[i].Silent && IsOver())
            {
                // Nobody waited for it long enough.
                results[i] = default;
            }
            else if (results[i].Silent && silent < options.MostSilent)
            {
                results[i] = await JudgeAsync(cases[i], options, options.Timeout * options.Longer, run);
                silent += results[i].Silent ? 1 : 0;
                Done(i);
            }
            else if (results[i].Silent)
            {
                results[i].Result = NotAgain(results[i].Result, silent);
                Done(i);
            }
        }

        return [.. results.Select(r => r.Result).OfType<CaseResult>()];

        bool IsOver() => options.Stop.IsCancellationRequested
            || (options.MaxFailures > 0 && Volatile.Read(ref failures) >= options.MaxFailures);

        async Task OneAsync(int i)
        {
            if (IsOver())
                return;

            var result = await JudgeAsync(cases[i], options, options.Timeout, run);
            if (options.Stop.IsCancellationRequested && result.Result.Verdict is Verdict.Fail or Verdict.Warn or Verdict.Error)
                return;

            results[i] = result;
            if (!results[i].Silent)
                Done(i);
        }

        void Done(int i)
        {
            if (results[i].Result.Verdict is Verdict.Fail or Verdict.Error)
                Interlocked.Increment(ref failures);

            options.Done?.Invoke(results[i].Result);
        }
    }

    // What a silence means counts only where the case was alone.
    private static CaseResult NotAgain(CaseResult result, int silent) => result with
    {
        Verdict = Verdict.Error,
        Violated = null,
        Detail = $"{result.Detail} It was not run again: {silent} other cases had no answer either when they ran alone.",
    };

    private static async Task<(CaseResult Result, bool Silent)> JudgeAsync<TPeer>(
        Case<TPeer> test, RunOptions options, TimeSpan limit, Func<Case<TPeer>, CaseContext, Task<string>> run)
    {
        var watch = Stopwatch.StartNew();
        var transcript = new Transcript();
        transcript.Comment($"{test.Id} {test.Title}");
        using var patience = new CaseTimeout(limit);
        await using var stop = options.Stop.Register(patience.End);
        var most = (limit * MostLimits) + (test.Needs.HasFlag(Needs.Timeouts) ? MostTimeouts : TimeSpan.Zero);
        var (verdict, detail, violated, plaintext, silent) = (Verdict.Pass, "", (string?)null, "", false);
        bool named = false;
        try
        {
            var context = new CaseContext(transcript, new SeededRandom(options.Seed, test.Id), patience)
            {
                Claims = options.Claims,
                Stop = options.Stop,
            };
            plaintext = await run(test, context).WaitAsync(most);
            detail = string.Join(' ', context.Notes);
        }
        catch (OwnTroubleException e)
        {
            throw new OwnTroubleException($"{test.Id}: {e.Message}", e);
        }
        catch (Exception e) when (OwnTrouble.Find(e) is { } trouble)
        {
            throw new OwnTroubleException($"{test.Id}: {trouble}", e);
        }
        catch (NotApplicableException e)
        {
            (verdict, detail) = (Verdict.NotApplicable, e.Message);
        }
        catch (NoVerdictException e)
        {
            (verdict, detail) = (Verdict.Error, e.Message);
        }
        catch (Exception e) when (e is CaseFailedException or IOException or SocketException)
        {
            verdict = test.Level == Level.Should || e is CaseFailedException { IsWarning: true } ? Verdict.Warn : Verdict.Fail;
            bool found = e is CaseFailedException;
            detail = found ? e.Message : $"The target closed the connection while the suite was writing to it ({e.Message}).";
            violated = (e as CaseFailedException)?.Requirement ?? test.Cites[0];
            named = e is CaseFailedException { Requirement: not null };
            silent = e is CaseFailedException { IsSilence: true };
        }
        catch (OperationCanceledException) when (patience.Token.IsCancellationRequested)
        {
            (verdict, detail, silent) = (Verdict.Error, patience.ToString(), true);
        }
        catch (TimeoutException)
        {
            (verdict, silent) = (Verdict.Error, true);
            detail = string.Create(CultureInfo.InvariantCulture, $"No end within {most.TotalSeconds:0.#} s, although octets kept coming.");
        }
        catch (Exception e)
        {
            (verdict, detail) = (Verdict.Error, $"{e.GetType().Name}: {e.Message}");
        }

        return (new CaseResult(test.Info, verdict, detail, violated, plaintext, transcript.ToString(), watch.Elapsed)
        {
            NamesRequirement = named,
            KeyLog = transcript.KeyLog,
        }, silent);
    }
}

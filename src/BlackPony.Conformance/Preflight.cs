using System.Globalization;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using BlackPony.Conformance.Peers;

namespace BlackPony.Conformance;

/// <summary>A step of the preflight that came out well.</summary>
/// <param name="Step">The step.</param>
/// <param name="What">What was done: <c>upgrade with RSA-BLOWFISH</c>.</param>
public sealed record PreflightStep(Step Step, string What);

/// <summary>The step at which a preflight ended.</summary>
/// <param name="Step">The step.</param>
/// <param name="What">What was tried.</param>
/// <param name="Detail">What was sent and what came.</param>
/// <param name="Read">What to read: <c>Section 4.3</c>.</param>
public sealed record PreflightFailure(Step Step, string What, string Detail, string Read)
{
    /// <summary>The requirement that is violated, if one is known.</summary>
    public string? Requirement { get; init; }

    /// <summary>Whether all that was seen is silence, of which a busy machine is another cause.</summary>
    public bool IsSilent { get; init; }

    /// <summary>Whether there is no implementation to test: the target is silent, not ready, or speaks something else.</summary>
    public bool IsUnreachable { get; init; }

    /// <summary>The dialogue.</summary>
    public string Transcript { get; init; } = "";

    /// <summary>The secrets of the session, in the format of a key log.</summary>
    public string KeyLog { get; init; } = "";
}

/// <summary>What a preflight found.</summary>
/// <param name="Role">The role of the implementation.</param>
/// <param name="Target">What the report calls it.</param>
/// <param name="Steps">The steps that came out well.</param>
/// <param name="Failures">Those that did not, the first one first; none if all are well.</param>
public sealed record PreflightResult(TestRole Role, string Target, IReadOnlyList<PreflightStep> Steps,
    IReadOnlyList<PreflightFailure> Failures)
{
    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Problems that do not stop the run but should be fixed, such as an expired certificate.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>A target that was not reached.</summary>
    /// <param name="role">Its role.</param>
    /// <param name="target">What the report calls it.</param>
    /// <param name="why">Why not.</param>
    public static PreflightResult NotReached(TestRole role, string target, string why) =>
        new(role, target, [], [new PreflightFailure(Step.Connect, "connection", why, "RFC 5321 Section 3.1") { IsUnreachable = true }]);
}

/// <summary>
/// A short look at a target before the cases: reachable, greeting, EHLO, offer, an upgrade with each suite, one message. What fails there
/// would fail in most of the cases.
/// </summary>
public sealed partial class Preflight
{
    private readonly RunOptions _options;
    private readonly IReadOnlyList<CaseInfo> _cases;
    private readonly List<PreflightStep> _steps = [];
    private readonly List<PreflightFailure> _failures = [];
    private readonly List<string> _warnings = [];

    /// <summary>Makes one.</summary>
    /// <param name="options">How the cases are run.</param>
    /// <param name="cases">The cases that are to be run: it goes as far as they need.</param>
    public Preflight(RunOptions options, IReadOnlyList<CaseInfo> cases) =>
        (_options, _cases) = (options, cases);

    // As far as the cases go; where they need records, to their Finished.
    private bool Needs(Step step) => _cases.Select(c => Conformance.Steps.Of(c)).Max() is var last
        && (step < last || (step == Step.Finished && last == Step.Finished) || last >= Step.Inside);

    private bool NeedsSuite(string suite) => _cases.Select(c => c.Profile).Append(Profile.Core).Contains(suite switch
    {
        Names.Core => Profile.Core,
        Names.Classic => Profile.Classic,
        Names.Rot => Profile.Manual,
        _ => Profile.Hybrid,
    });

    private void Passed(Step step, string what)
    {
        lock (_steps)
        {
            _steps.Add(new PreflightStep(step, what));
        }
    }

    private void Failed(PreflightFailure failure)
    {
        lock (_steps)
        {
            _failures.Add(failure);
        }
    }

    // Where one suite comes through, the silence of another is left to the cases, which are run again with more time. A handshake of TLS
    // that hangs would hang in most of them.
    private PreflightResult Result(TestRole role, string target, TimeSpan duration) =>
        new(role, target, [.. _steps.OrderBy(s => s.Step)],
            [.. _failures.Where(f => !f.IsSilent || Protocol == Protocol.StartTls || _steps.All(s => s.Step < Step.Upgrade))
                .OrderByDescending(f => f.IsUnreachable).ThenBy(f => f.Step)
                .ThenByDescending(f => f.What.EndsWith(Names.Core, StringComparison.Ordinal))])
        {
            Duration = duration,
            Warnings = [.. _warnings],
        };

    // Runs a step; its failure is written down.
    private async Task<bool> TryAsync(TestRole role, string what, CaseContext context, Func<Task> run)
    {
        await using var stop = _options.Stop.Register(context.Timeout.End);
        string detail;
        string? requirement = null;
        bool silent = false, part = false;
        try
        {
            await run();
            return true;
        }
        catch (CaseFailedException e)
        {
            (detail, requirement) = (e.Message, e.Requirement);
        }
        catch (NotApplicableException e)
        {
            detail = e.Message;
        }
        catch (OperationCanceledException)
        {
            (detail, silent, part) = (context.Timeout.ToString(), true, context.Timeout.HasPart);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            detail = $"The connection ended: {e.Message}.";
        }

        var text = context.Transcript.ToString();
        var step = Conformance.Steps.Reached(role, text, Protocol);
        Failed(new PreflightFailure(step, step == Step.Offer ? "offer" : what, detail + End(role, text),
            Read(role, step, requirement, detail))
        {
            Requirement = requirement,
            Transcript = text,
            KeyLog = context.Transcript.KeyLog,
            IsSilent = silent,
            IsUnreachable = role == TestRole.Server ? step <= Step.Ehlo && ((silent && !part) || IsNotReady(text)) : step == Step.Connect,
        });
        return false;
    }

    private Protocol Protocol => _cases[0].Protocol;

    // The last reply is 421.
    private static bool IsNotReady(string transcript) =>
        transcript.Split('\n').LastOrDefault(l => l.StartsWith("S: ", StringComparison.Ordinal)) is { } last
            && last.StartsWith("S: 421", StringComparison.Ordinal);

    // What the suite sent last, and what came.
    private static string End(TestRole role, string transcript)
    {
        const int Most = 8, Longest = 100;
        char me = role == TestRole.Server ? 'C' : 'S';
        var lines = transcript.Split('\n').Where(l => l is ['C' or 'S', ':' or '}' or '!', ..]).ToList();
        int sent = lines.FindLastIndex(l => l[0] == me && l[1] != '!');
        while (sent > 0 && lines[sent - 1][0] == me)
            sent--;

        return sent < 0 ? ""
            : $"\nThe last that was sent ({me}) and what came:" + string.Concat(
                lines.Skip(sent).Take(Most).Select(l => "\n" + (l.Length > Longest ? l[..Longest] + "…" : l)));
    }

    // The section of the mistake, of the requirement, or of the step.
    private string Read(TestRole role, Step step, string? requirement, string detail) =>
        SectionOfMistake().Match(detail) is { Success: true } named ? named.Groups[1].Value
        : requirement is not null ? Specification.Place(requirement)
        : step switch
        {
            Step.Connect => "RFC 5321 Section 3.1",
            Step.Greeting => "RFC 5321 Section 4.2",
            Step.Ehlo => "RFC 5321 Section 4.1.1.1",
            _ when Protocol == Protocol.StartTls => "RFC 3207 Section 4",
            Step.Offer => "Section 4.1",
            Step.Upgrade => role == TestRole.Server ? "Sections 4.2 and 4.3" : "Sections 4.1, 4.2 and 4.8",
            Step.Finished => "Section 6",
            Step.Inside => "Section 4.5",
            _ => "Sections 7 and 4.5",
        };

    private CaseContext Context(string name) => new(new Transcript(), new SeededRandom(_options.Seed, $"preflight {name}"),
        new CaseTimeout(_options.Timeout))
    {
        IsThorough = true,
    };

    [GeneratedRegex(@"\((Section [0-9.]+)\)")]
    private static partial Regex SectionOfMistake();

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");
}

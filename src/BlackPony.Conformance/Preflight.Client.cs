using System.Diagnostics;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;

namespace BlackPony.Conformance;

/// <content>A client.</content>
public sealed partial class Preflight
{
    /// <summary>Looks at a client: one delivery with each suite, which the suite's server offers alone.</summary>
    /// <exception cref="OwnTroubleException">The suite has no temporary folder, or no descriptors.</exception>
    public async Task<PreflightResult> RunAsync(ClientTarget target)
    {
        try
        {
            return await LookAsync(target);
        }
        catch (Exception e) when (e is not OwnTroubleException && OwnTrouble.Find(e) is { } trouble)
        {
            throw new OwnTroubleException($"the preflight: {trouble}", e);
        }
    }

    private async Task<PreflightResult> LookAsync(ClientTarget target)
    {
        var watch = Stopwatch.StartNew();
        if (Protocol == Protocol.StartTls)
        {
            await StartTlsAsync(target);
        }
        else if (!Needs(Step.Upgrade))
        {
            await DeliverAsync(target, "");
        }
        else
        {
            var suites = Names.Encrypting.Where(NeedsSuite);
            var sideBySide = new ParallelOptions { MaxDegreeOfParallelism = _options.Jobs };
            await Parallel.ForEachAsync(suites, sideBySide, async (suite, _) => await DeliverAsync(target, suite));
        }

        if (Protocol != Protocol.StartTls)
            Passed(Step.Connect, "connection");

        var result = Result(TestRole.Client, target.Name, watch.Elapsed);
        // A client that makes no connection makes none with any suite.
        return result.Failures is [{ Step: <= Step.Ehlo } first, ..] ? result with { Steps = [], Failures = [first] } : result;
    }

    private async Task DeliverAsync(ClientTarget target, string suite)
    {
        var context = Context(suite);
        using var limit = context.Timeout;
        var what = suite.Length == 0 ? "EHLO" : $"upgrade with {suite}";
        context.Transcript.Comment(what);
        await using var probe = new ClientProbe(target, context);
        probe.Next = probe.Next with { Suites = target.Can.HasFlag(Conformance.Needs.Suites) ? suite : "" };
        await TryAsync(TestRole.Client, what, context, () => SaidAsync(() => probe.Said, async () =>
        {
            var offer = suite.Length == 0 ? "" : $"XBLACKPONY V1 {suite}";
            // Every client has the suite of core; another one may be missing, and a client may refuse to start with it.
            bool isOptional = suite.Length > 0 && suite != Names.Core;
            ProbeConnection wire;
            try
            {
                wire = await probe.AcceptAsync(offer);
            }
            catch (CaseFailedException) when (isOptional && probe.Wires.Count == 0)
            {
                return;
            }

            if (suite.Length == 0)
            {
                Passed(Step.Ehlo, "EHLO");
                return;
            }

            var line = await ClientProbe.LineAsync(wire);
            if (line?.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase) != true)
            {
                Expect.That(isOptional,
                    $"The offer was {Expect.Show(offer)}; expected XBLACKPONY, got {Expect.Show(line ?? "the end of the connection")}.",
                        "BP-5.1-1");
                return;
            }

            await probe.SwitchAsync(wire, offer, command: line);
            if (!Needs(Step.Finished))
            {
                Passed(Step.Upgrade, what);
                return;
            }

            await FinishAsync(probe, wire);
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            Passed(Step.Upgrade, what);
            if (Needs(Step.Message))
            {
                await probe.ServeMailAsync(wire, inside: true);
                await probe.ExpectAsync(delivered: true);
                if (suite == Names.Core)
                    Passed(Step.Message, "one message");
            }
        }));
    }

    private static async Task FinishAsync(ClientProbe probe, ProbeConnection wire)
    {
        try
        {
            await probe.FinishAsync(wire, none: "BP-6.3-4");
        }
        catch (CaseFailedException e) when (wire.Records.Count == 0 ? e.Message.StartsWith("The client ends", StringComparison.Ordinal)
            : wire.Records[^1].Type == Reference.Records.RecordType.Alert)
        {
            var sends = wire.Records.Count == 0
                ? "It sent no record, so nothing shows its keys; the dialogue shows th and the shared secret, to compare with its own."
                : "Its own record verifies, so it sends with the right keys. Look at how it receives: the keys from server_traffic, the "
                    + "sequence number from 0, the additional data, and its check of the server's verify_data (server_finished).";
            throw new CaseFailedException($"{e.Message} The client did not accept the server's Finished. {sends}", "BP-6.3-4");
        }
    }

    private static async Task SaidAsync(Func<string> said, Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (CaseFailedException e) when (said().Length > 0)
        {
            throw new CaseFailedException($"{e.Message}\n{said().TrimEnd()}", e.Requirement);
        }
    }
}

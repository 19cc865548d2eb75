using System.IO.Pipelines;
using System.Net;
using BlackPony.Conformance.Peers;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Targets;

/// <summary>The reference's mailer, in this process.</summary>
/// <param name="settings">Changes the mailer's options.</param>
/// <param name="random">The source of every draw; the system's by default.</param>
public sealed class EmbeddedMailer(Func<MailerOptions, MailerOptions>? settings = null, IRandomSource? random = null) : ClientTarget
{
    /// <inheritdoc/>
    public override string Name => "embedded reference";

    /// <inheritdoc/>
    public override Needs Can => Needs.Mailer | Needs.Policy | Needs.Memory | Needs.Suites | Needs.Timeouts;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, TimeSpan> Timeouts => VirtualTime.Limits;

    /// <inheritdoc/>
    public override bool HasVirtualTime => true;

    /// <inheritdoc/>
    public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
    {
        var to = new Pipe();
        var from = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        MemoryFile? memory;
        try
        {
            bool keeps = delivery.Policy == ClientPolicy.Remembered
                || delivery is { Policy: ClientPolicy.Opportunistic, KeepsMemory: true };
            memory = keeps ? new MemoryFile(delivery.Memory, TimeProvider.System) : null;
        }
        catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
        {
            // As the program does ([BP-9.4-12]).
            return new Outcome(false, "421 4.4.3 Temporary trouble\r\n");
        }

        var options = new MailerOptions(TestRsaKeys.Client)
        {
            Policy = delivery.Policy,
            Memory = memory?.Memory,
            Suites = delivery.Suites.Length == 0
                ? SuiteRegistry.Default
                : [.. delivery.Suites.Split(',').Select(n => SuiteRegistry.Find(n)!)],
        };
        options = settings?.Invoke(options) ?? options;
        var run = RunAsync();
        var outcome = await SpeakAsync(delivery, to.Writer.AsStream(), from.Reader.AsStream(), cancel);
        await to.Writer.CompleteAsync();
        await run;
        return outcome;

        async Task RunAsync()
        {
            try
            {
                await MailerHost.RunAsync(options, random ?? new SystemRandom(),
                    [new MailTarget("127.0.0.1", IPAddress.Loopback, delivery.Port)], to.Reader.AsStream(), from.Writer.AsStream(), cancel,
                    delivery.Time, () => memory!.SaveAsync());
            }
            finally
            {
                await from.Writer.CompleteAsync();
                await to.Reader.CompleteAsync();
            }
        }
    }
}

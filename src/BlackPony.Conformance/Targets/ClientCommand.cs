using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Targets;

/// <summary>Another implementation's client: a command.</summary>
/// <param name="command">The command, run by <c>/bin/sh</c>, with <c>{host}</c> and <c>{port}</c>, and perhaps <c>{policy}</c>,
/// <c>{memory}</c> and <c>{suites}</c>.</param>
/// <param name="timeouts">The time-outs that the target declares.</param>
public abstract partial class ClientCommand(string command, IReadOnlyDictionary<string, TimeSpan> timeouts) : ClientTarget
{
    private const int MaxLog = 2000;

    /// <inheritdoc/>
    public override string Name => command;

    /// <summary>Whether the shell finds the command's program; true of a command that is more than a program and its arguments.</summary>
    public bool IsThere
    {
        get
        {
            // Variables may stand before it.
            var program = command.Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault(w => !Assignment().IsMatch(w)) ?? "";
            if (program.IndexOfAny(['\'', '"', '$', '`', '(', '{', ';', '&', '|', '<', '>']) >= 0)
                return true;

            using var process = Process.Start(
                new ProcessStartInfo("/bin/sh", ["-c", "command -v -- \"$1\" >/dev/null 2>&1", "sh", program]))!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, TimeSpan> Timeouts => timeouts;

    /// <inheritdoc/>
    public override Needs Can =>
        (Has("policy") ? Needs.Policy : 0) | (Has("memory") ? Needs.Memory : 0) | (Has("suites") ? Needs.Suites : 0)
        | (timeouts.Count > 0 ? Needs.Timeouts : 0);

    /// <inheritdoc/>
    public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
    {
        var text = delivery.Words.Aggregate(command, (c, w) => c.Replace($"{{{w.Key}}}", w.Value, StringComparison.Ordinal))
            .Replace("{host}", delivery.Host, StringComparison.Ordinal)
            .Replace("{port}", delivery.Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{policy}", delivery.Policy.ToString().ToLowerInvariant(), StringComparison.Ordinal)
            .Replace("{memory}", delivery.Memory, StringComparison.Ordinal)
            .Replace("{suites}", delivery.Suites.Length > 0 ? delivery.Suites : string.Join(',', SuiteRegistry.Default.Select(s => s.Name)),
                StringComparison.Ordinal);
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", text])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (delivery.Log)
            {
                if (delivery.Log.Length < MaxLog && line.Data is not null)
                    delivery.Log.Append(Expect.Escape(Encoding.UTF8.GetBytes(line.Data))).Append('\n');
            }
        };
        process.BeginErrorReadLine();
        try
        {
            var outcome = await TalkAsync(process, delivery, cancel);
            await process.WaitForExitAsync(cancel);
            lock (delivery.Log)
            {
                delivery.Log.Append(CultureInfo.InvariantCulture, $"exit code {process.ExitCode}\n");
            }

            return outcome(process.ExitCode);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Whether the command has a placeholder.</summary>
    protected bool Has(string word) => command.Contains($"{{{word}}}", StringComparison.Ordinal);

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*=")]
    private static partial Regex Assignment();

    /// <summary>Hands over the message.</summary>
    /// <returns>What the exit code then means.</returns>
    protected abstract Task<Func<int, Outcome>> TalkAsync(Process process, Delivery delivery, CancellationToken cancel);
}

/// <summary>A client that is spoken to in SMTP on its standard input and output, as sendmail speaks to its mailers.</summary>
public sealed class MailerCommand(string command, IReadOnlyDictionary<string, TimeSpan> timeouts) : ClientCommand(command, timeouts)
{
    /// <inheritdoc/>
    public override Needs Can => base.Can | Needs.Mailer;

    /// <inheritdoc/>
    protected override async Task<Func<int, Outcome>> TalkAsync(Process process, Delivery delivery, CancellationToken cancel)
    {
        var outcome = await SpeakAsync(delivery, process.StandardInput.BaseStream, process.StandardOutput.BaseStream, cancel);
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It went away before it read the last command.
        }

        return _ => outcome;
    }
}

/// <summary>A client that takes one message on its standard input and ends with 0 when it is delivered.</summary>
public class PlainClientCommand(string command, IReadOnlyDictionary<string, TimeSpan> timeouts) : ClientCommand(command, timeouts)
{
    /// <inheritdoc/>
    protected override async Task<Func<int, Outcome>> TalkAsync(Process process, Delivery delivery, CancellationToken cancel)
    {
        var output = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, cancel);
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(Encoding.Latin1.GetBytes(delivery.Message), cancel);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It went away without reading the message: its exit code says the rest.
        }

        await output;
        return code => new Outcome(code == 0, "");
    }
}

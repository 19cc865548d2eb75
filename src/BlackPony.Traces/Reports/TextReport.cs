using System.Globalization;
using BlackPony.Reference;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Reports;

/// <summary>A line a session, what was found beneath it, and if it was kept the dialogue.</summary>
/// <param name="output">Where to.</param>
/// <param name="notes">Whether notes are shown, and not only warnings and errors.</param>
public sealed class TextReport(TextWriter output, bool notes) : IReport
{
    /// <inheritdoc/>
    public void Session(ObservedSession session)
    {
        var helo = session.Helo is null ? "" : $"  {session.Helo}";
        var gaps = session.Gaps > 0 ? $"  {Words.Count(session.Gaps, "gap")}" : "";
        output.WriteLine(
            $"{session.Number,4}  {Words.Time(session.Start)}  {session.Client} > {session.Server}{helo}  "
                + $"{Words.Count(session.Commands.Count, "command")}, {Words.Count(session.Messages.Count, "message")}, "
                + $"{Words.Size(session.ClientOctets + session.ServerOctets)}  {Words.Upgrade(session)}"
                + $"{(session.Via is null ? "" : $"  via {session.Via}")}{gaps}");
        if (session.Dialogue is { } dialogue)
        {
            foreach (var line in dialogue)
            {
                var size = line.Text.StartsWith('(') ? $"  {line.Octets} octets" : "";
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"  {(line.Time - session.Start) / 1e9,10:0.000000}  {(line.Sender == Role.Client ? 'C' : 'S')}"
                        + $"{(line.Protected ? '>' : ':')} {line.Text}{size}"));
            }

            foreach (var message in session.Messages)
            {
                output.WriteLine(
                    $"  message from <{message.From ?? "?"}> to {string.Join(", ", message.To.Take(5).Select(t => $"<{t}>"))}"
                        + $"{(message.To.Count > 5 ? $" and {message.To.Count - 5} more" : "")}, {Words.Size(message.Octets)} by "
                        + $"{(message.InChunks ? "BDAT" : "DATA")}, {(message.Reply is { } reply ? $"{reply}" : "reply unknown")}"
                        + $"{(message.IsRefused == true ? " (refused)" : "")}");
                foreach (var recipient in message.Recipients.Where(r => r.IsRefused == true).Take(5))
                {
                    output.WriteLine(
                        $"    refused <{recipient.Address}>: "
                            + $"{Escape.Octets(System.Text.Encoding.Latin1.GetBytes(recipient.Text ?? $"{recipient.Reply}"), 200)}");
                }
            }
        }

        session.Findings.ForEach(Show);
    }

    /// <inheritdoc/>
    public void Finish(IReadOnlyList<FileReport> files, Totals totals)
    {
        foreach (var file in files.Where(f => f.Unreadable is not null || f.Findings.Count > 0))
        {
            output.WriteLine($"{file.Name}{(file.Unreadable is null ? "" : $": {file.Unreadable}")}");
            file.Findings.ForEach(Show);
        }

        output.WriteLine(
            $"{Words.Count(files.Count, "file")}, {Words.Count(totals.Packets, "packet")}, {Words.Size(totals.Octets)}: "
                + $"{Words.Count(totals.Sessions, "session")}, {Words.Count(totals.Messages, "message")}, upgrades: {totals.StartTls} "
                + $"starttls, {totals.Tls} tls, {totals.BlackPony} blackpony; {Words.Count(totals.Gaps, "gap")}, "
                + $"{Words.Count(totals.Findings, "finding")}");
    }

    private void Show(Finding finding)
    {
        if (notes || finding.Level > FindingLevel.Note)
        {
            // An id that already names its requirement says so once.
            var named = finding.Requirement is not { } requirement
                || finding.Id.EndsWith(requirement[Math.Min(2, requirement.Length)..], StringComparison.Ordinal);
            output.WriteLine(
                $"  {Words.Of(finding.Level)} {finding.Id}{(named ? "" : $" ({finding.Requirement})")}: {finding.Text}");
        }
    }
}

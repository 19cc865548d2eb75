using BlackPony.Reference.Policy;
using BlackPony.Smtp.Outbound;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>What became of the mail that went to one next server: a line in the log for each domain.</summary>
internal sealed class DeliveryLog(ILogger log)
{
    // More domains than these get their lines before the server is left.
    private const int MostDomains = 100;

    private readonly Dictionary<string, Line> _lines = [];
    private SessionReport? _report;
    private bool _written;

    /// <summary>The version of TLS; null without.</summary>
    public string? Tls { get; set; }

    /// <summary>Notes what became of a recipient or a message.</summary>
    public void Note(DeliveryOutcome outcome)
    {
        lock (_lines)
        {
            _lines[outcome.Domain] = _lines.GetValueOrDefault(outcome.Domain, new Line()).With(outcome);
            if (_written || _lines.Count >= MostDomains)
                Flush(_report);
        }
    }

    /// <summary>Writes the lines.</summary>
    /// <param name="report">What the mailer reported; null if it came to no server.</param>
    /// <param name="domain">The domain of a recipient.</param>
    public void Write(SessionReport? report, string domain)
    {
        lock (_lines)
        {
            (_report, _written) = (report, true);
            if (_lines.Count == 0)
                _lines[domain.Trim('[', ']')] = new Line();

            Flush(report);
            foreach (var warning in report?.Warnings ?? [])
                log.LogWarning("{Warning} to={Domain}", warning, domain);
        }
    }

    private void Flush(SessionReport? report)
    {
        foreach (var (domain, line) in _lines)
        {
            log.LogInformation(
                "delivery to={Domain} peer={Peer} suite={Suite} encrypted={Encrypted} tls={Tls} reason={Reason} deferred={Deferred} "
                + "closed={Closed} messages={Messages} outcome={Outcome} code={Code}",
                domain, report is { Peer.Length: > 0 } ? report.Peer : "none", report?.Suite ?? "none",
                report is { Encrypted: true } ? "yes" : "no", Tls ?? "no",
                line.Reason(report), line.IsDeferred || report is { Deferred: true } ? "yes" : "no", report?.Closed ?? "none",
                line.Messages, line.Word, line.Code == 0 ? "none" : line.Code);
        }

        _lines.Clear();
    }

    private readonly record struct Line(DeliveryResult? Result, int Code, int Messages)
    {
        public bool IsDeferred => Result is DeliveryResult.Deferred or DeliveryResult.Lost or DeliveryResult.TimedOut;

        public string Word => Result switch
        {
            null => "none",
            DeliveryResult.TimedOut => "timed-out",
            var result => result.Value.ToString().ToLowerInvariant(),
        };

        // The last failure counts: a message that was delivered does not undo it.
        public Line With(DeliveryOutcome outcome)
        {
            bool delivered = outcome.Result == DeliveryResult.Delivered;
            bool isWeak = delivered || outcome.Result == DeliveryResult.Abandoned;
            bool hasFailed = Result is not (null or DeliveryResult.Delivered or DeliveryResult.Abandoned);
            var line = isWeak && hasFailed ? this : this with { Result = outcome.Result, Code = outcome.Code };
            return line with { Messages = Messages + (delivered && outcome.IsMessage ? 1 : 0) };
        }

        public string Reason(SessionReport? report) => report?.Reason ?? Result switch
        {
            DeliveryResult.Refused or DeliveryResult.Deferred when Code > 0 => $"reply-{Code}",
            DeliveryResult.Lost or DeliveryResult.TimedOut => Word,
            _ => "none",
        };
    }
}

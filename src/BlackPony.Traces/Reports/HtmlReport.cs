using System.Globalization;
using System.Net;
using BlackPony.Reference;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Reports;

/// <summary>One self-contained page: the sums in front, a fold a session with its findings and its dialogue; a hundred at a time, and
/// those that are searched for.</summary>
public sealed class HtmlReport : IReport
{
    private const int PageSize = 100;

    private readonly TextWriter _output;
    private int _sessions;

    /// <summary>Begins the page.</summary>
    public HtmlReport(TextWriter output)
    {
        _output = output;
        // The sums are known last and stand first.
        _output.Write("""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>SMTP sessions</title>
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <style>
            :root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
            body { display: flex; flex-direction: column; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
            #totals { order: -2; } nav { order: -1; display: flex; gap: .6rem; align-items: baseline; padding: .6rem 0; }
            #find { flex: 1; font: inherit; padding: .2rem .4rem; }
            details { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .35rem 0; }
            summary { cursor: pointer; overflow-wrap: anywhere; }
            summary small, td, th { font-variant-numeric: tabular-nums; }
            ul { margin: .3rem 0; } li { overflow-wrap: anywhere; }
            b { font-weight: 600; } .note b { color: #57606a; } .warning b { color: #9a6700; } .error b { color: #cf222e; }
            pre { overflow-x: auto; font-size: 13px; } .s { color: #0969da; } .in { font-style: italic; }
            table { border-collapse: collapse; } th, td { text-align: left; padding: .1rem .8rem .1rem 0; }
            @media (prefers-color-scheme: dark) {
              .note b { color: #9ea7b3; } .warning b { color: #d29922; } .error b { color: #ff7b72; } .s { color: #79c0ff; }
            }
            </style></head><body>
            <nav><input id="find" type="search" placeholder="search: address, host, code, finding …" aria-label="search"
            ><button id="back" type="button">‹</button><span id="where"></span><button id="on" type="button">›</button></nav>
            <noscript>The sessions are shown by a script in this page.</noscript><main id="page"></main>

            """);
    }

    /// <inheritdoc/>
    public void Session(ObservedSession session)
    {
        if (_sessions++ % PageSize == 0)
            _output.Write(_sessions > 1 ? "</template><template class=\"page\">\n" : "<template class=\"page\">\n");

        var worst = session.Findings.Count == 0 ? "" : Words.Of(session.Findings.Max(f => f.Level));
        _output.Write(
            $"<details><summary class=\"{worst}\">{session.Number} · {Words.Time(session.Start)} <b>{Html(session.Client)} → "
                + $"{Html(session.Server)}</b> {Html(session.Helo ?? "")} · {Words.Count(session.Messages.Count, "message")} · "
                + $"{Html(Words.Upgrade(session))} <small>{worst}</small></summary>\n");
        _output.Write(
            $"<p>{Html(session.File)}{(session.Greeting is null ? "" : $" · {Html(session.Greeting)}")} · "
                + $"{Words.Count(session.Commands.Count, "command")} · {Words.Size(session.ClientOctets + session.ServerOctets)}</p>\n");
        Findings(session.Findings);
        if (session.Messages.Count > 0)
        {
            _output.Write("<table><tr><th>from</th><th>to</th><th>size</th><th>by</th><th>reply</th><th>subject</th></tr>\n");
            foreach (var message in session.Messages)
            {
                var refused = message.Recipients.Where(r => r.IsRefused == true).Take(20).Select(r => $"{r.Address} ({r.Reply})").ToList();
                _output.Write(
                    $"<tr><td>{Html(message.From ?? "?")}</td><td>{Html(string.Join(", ", message.To.Take(20)))}"
                        + $"{(message.To.Count > 20 ? " …" : "")}</td><td>{Words.Size(message.Octets)}</td><td>"
                        + $"{(message.InChunks ? "BDAT" : "DATA")}</td><td>{message.Reply}"
                        + $"{(refused.Count > 0 ? " · refused: " + Html(string.Join(", ", refused)) : "")}</td><td>"
                        + $"{Html(message.Subject ?? "")}</td></tr>\n");
            }

            _output.Write("</table>\n");
        }

        if (session.Dialogue is { Count: > 0 } dialogue)
        {
            _output.Write("<pre>");
            foreach (var line in dialogue)
            {
                _output.Write(string.Create(CultureInfo.InvariantCulture,
                    $"<span class=\"{(line.Sender == Role.Client ? "c" : "s")}{(line.Protected ? " in" : "")}\">"
                        + $"{(line.Time - session.Start) / 1e9,10:0.000000} {(line.Sender == Role.Client ? 'C' : 'S')}"
                        + $"{(line.Protected ? "&gt;" : ":")} {Html(line.Text)}</span>\n"));
            }

            _output.Write("</pre>\n");
        }

        _output.Write("</details>\n");
    }

    /// <inheritdoc/>
    public void Finish(IReadOnlyList<FileReport> files, Totals totals)
    {
        _output.Write(_sessions > 0 ? "</template>\n" : "");
        _output.Write(
            $"<header id=\"totals\"><h1>SMTP sessions</h1><p>{Words.Count(files.Count, "file")}, {Words.Count(totals.Packets, "packet")}, "
                + $"{Words.Size(totals.Octets)}: {Words.Count(totals.Sessions, "session")}, {Words.Count(totals.Messages, "message")}, "
                + $"{totals.StartTls} upgraded by STARTTLS, {totals.BlackPony} by BlackPony, {Words.Count(totals.Gaps, "gap")}, "
                + $"{Words.Count(totals.Findings, "finding")}</p>\n");
        foreach (var file in files.Where(f => f.Unreadable is not null || f.Findings.Count > 0))
        {
            _output.Write($"<p>{Html(file.Name)} {Html(file.Unreadable ?? "")}</p>\n");
            Findings(file.Findings);
        }

        _output.Write("""
            </header>
            <script>
            'use strict';
            const size = 100, all = [...document.querySelectorAll('template.page')].flatMap(t => [...t.content.children]);
            const page = document.getElementById('page'), find = document.getElementById('find'), where = document.getElementById('where');
            let found = all, at = 0;
            function show() {
              page.replaceChildren(...found.slice(at, at + size).map(d => document.importNode(d, true)));
              where.textContent = found.length ? `${at + 1}–${Math.min(at + size, found.length)} of ${found.length}` : 'none';
              document.getElementById('back').disabled = at === 0;
              document.getElementById('on').disabled = at + size >= found.length;
            }
            function search() {
              const words = find.value.toLowerCase().split(/\s+/).filter(w => w);
              const hasAll = text => words.every(w => text.includes(w));
              found = words.length ? all.filter(d => hasAll(d.textContent.toLowerCase())) : all;
              at = 0;
              show();
            }
            find.addEventListener('input', search);
            document.getElementById('back').addEventListener('click', () => { at = Math.max(0, at - size); show(); });
            document.getElementById('on').addEventListener('click', () => { at += size; show(); });
            show();
            </script></body></html>

            """);
        _output.Flush();
    }

    private void Findings(List<Finding> findings)
    {
        if (findings.Count > 0)
        {
            _output.Write("<ul>\n");
            findings.ForEach(f => _output.Write(
                $"<li class=\"{Words.Of(f.Level)}\"><b>{Words.Of(f.Level)}</b> <code>{Html(f.Id)}</code> "
                    + $"{Html(f.Text)}{(f.Requirement is null ? "" : $" <small>{Html(f.Requirement)}</small>")}</li>\n"));
            _output.Write("</ul>\n");
        }
    }

    private static string Html(string text) => WebUtility.HtmlEncode(text);
}

using System.CommandLine;
using BlackPony.Conformance.Reports;

namespace BlackPony.Tools.ConformanceRunner;

/// <summary><c>badge</c>: one badge of the JSON reports of several runs, for a gate that tests both roles, or in shards.</summary>
internal static class Badge
{
    public static Command Create()
    {
        var reports = new Argument<string[]>("report") { Description = "JSON reports.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("badge", "Print a badge (an SVG image) made from JSON reports.") { reports };
        Help.Example(command, """
              blackpony-conformance badge server.json client-1.json client-2.json > blackpony.svg
            Exit codes: 0 written, 2 a file is no report.
            """);
        command.SetAction(parse => Console.Out.Write(BadgeReport.Write([.. parse.GetValue(reports)!.Select(Read)])));
        return command;
    }

    private static RunReport Read(string file)
    {
        try
        {
            return JsonReport.Read(File.ReadAllText(file));
        }
        catch (FormatException e)
        {
            throw new FormatException($"{file}: {e.Message}", e);
        }
    }
}

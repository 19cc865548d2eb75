using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;

namespace BlackPony.Tests.Conformance.Faulty;

public class DeepTests
{
    [Fact]
    public async Task Every_faulty_implementation_meets_every_case()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("BLACKPONY_DEEP") is null, "");
        var glob = new Regex(Environment.GetEnvironmentVariable("BLACKPONY_FAULTS") ?? "");
        var options = new RunOptions(TimeSpan.FromSeconds(5), 6) { MostSilent = 0 };
        var file = Environment.GetEnvironmentVariable("BLACKPONY_DEEP")!;
        foreach (var f in FaultyPorts.Servers.Where(f => glob.IsMatch("server " + f)))
        {
            await using var target = new FaultyServerTarget(f);
            Write("server", f, await CaseRunner.RunAsync(target, ServerCases.All, options));
        }

        foreach (var f in FaultyPorts.Clients.Where(f => glob.IsMatch("client " + f)))
        {
            await using var target = new FaultyClientTarget(f);
            Write("client", f, await CaseRunner.RunAsync(target, ClientCases.All, options));
        }

        void Write(string role, IFaultyPort f, IReadOnlyList<CaseResult> results)
        {
            var text = new StringBuilder();
            foreach (var r in results.Where(r => r.Verdict is not (Verdict.Pass or Verdict.NotApplicable)))
            {
                text.Append(CultureInfo.InvariantCulture, $"{role}\t{f.Breaks}\t{f.Does}\t{(f.CaughtBy.Split(' ').Contains(r.Case.Id) ? "*" : "-")}\t{r.Case.Id}\t{r.Verdict}\t{r.Violated}\t{r.Detail.Split('\n')[0]}\n");
            }

            foreach (var r in results.Where(r => f.CaughtBy.Split(' ').Contains(r.Case.Id) && r.Verdict is Verdict.Pass or Verdict.NotApplicable))
            {
                text.Append(CultureInfo.InvariantCulture, $"{role}\t{f.Breaks}\t{f.Does}\t*\t{r.Case.Id}\t{r.Verdict}\t\t{r.Detail}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"{role}\t{f.Breaks}\t{f.Does}\t=\t{results.Count(r => r.Verdict is not (Verdict.Pass or Verdict.NotApplicable))}\n");
            File.AppendAllText(file, text.ToString());
        }
    }
}

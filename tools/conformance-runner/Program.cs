using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using BlackPony.Tools.ConformanceRunner;

var options = new RunnerOptions();
options.Root.Options.OfType<HelpOption>().Single().Action = new HelpWithExamples();
options.Root.SetAction((parse, _) => new Runner(options, parse).RunAsync());
var parsed = options.Root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (parsed.Action is ParseErrorAction)
{
    Console.Error.WriteLine($"blackpony-conformance: {parsed.Errors.First(e => e.Message.Length > 0).Message} Try --help.");
    return 2;
}

return await parsed.InvokeAsync();

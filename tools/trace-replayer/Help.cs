using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace BlackPony.Tools.TraceReplayer;

/// <summary>Help with examples at its end.</summary>
internal static class Help
{
    private static readonly Dictionary<Command, string> Examples = [];

    public static void Example(Command command, string examples) => Examples[command] = examples;

    public static void Install(RootCommand root, string examples)
    {
        Example(root, examples);
        root.Options.OfType<HelpOption>().Single().Action = new Action();
    }

    private sealed class Action : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = new HelpAction().Invoke(parseResult);
            if (Examples.TryGetValue(parseResult.CommandResult.Command, out var examples))
            {
                parseResult.InvocationConfiguration.Output.WriteLine($"Examples:\n{examples}\n");
            }

            return code;
        }
    }
}

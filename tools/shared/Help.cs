using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace BlackPony.Tools;

/// <summary>Help with examples at its end. The man page has the same (<see cref="ManPage"/>).</summary>
internal static class Help
{
    private static readonly Dictionary<Command, string> Examples = [];

    /// <summary>Gives a command its examples; a last line <c>Exit codes: …</c> may stand after them.</summary>
    public static void Example(Command command, string examples) => Examples[command] = examples;

    public static string? Of(Command command) => Examples.GetValueOrDefault(command);

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
            if (Of(parseResult.CommandResult.Command) is { } examples)
                parseResult.InvocationConfiguration.Output.WriteLine($"Examples:\n{examples}\n");

            return code;
        }
    }
}

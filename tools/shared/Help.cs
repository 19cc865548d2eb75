using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace BlackPony.Tools;

/// <summary>Help with examples at its end. The man page has the same (<see cref="ManPage"/>).</summary>
internal static class Help
{
    private static readonly Dictionary<Command, string> Examples = [];
    private static readonly Dictionary<Command, List<(string, string, Func<IEnumerable<(string Tag, string Text)>>)>> Sections = [];

    /// <summary>Gives a command its examples; a last line <c>Exit codes: …</c> may stand after them.</summary>
    public static void Example(Command command, string examples) => Examples[command] = examples;

    public static string? Of(Command command) => Examples.GetValueOrDefault(command);

    /// <summary>Gives a command's man page a section of its own.</summary>
    /// <param name="command">The command.</param>
    /// <param name="title">Its title, in capitals.</param>
    /// <param name="text">Makes a paragraph before the list; empty for none.</param>
    /// <param name="items">The list: what, and what of it.</param>
    public static void Section(Command command, string title, string text, Func<IEnumerable<(string Tag, string Text)>> items)
    {
        if (!Sections.TryGetValue(command, out var sections))
            Sections[command] = sections = [];

        sections.Add((title, text, items));
    }

    /// <summary>The sections of a command's man page that it alone has.</summary>
    public static IReadOnlyList<(string Title, string Text, Func<IEnumerable<(string Tag, string Text)>> Items)> SectionsOf(
        Command command) => Sections.GetValueOrDefault(command) ?? [];

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

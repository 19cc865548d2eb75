using System.CommandLine;
using System.CommandLine.Completions;
using System.Globalization;

namespace BlackPony.Tools;

/// <summary><c>man</c>, a command that the help does not show: the program's man page in mdoc(7), from the same commands, options and examples as the help.</summary>
internal static class ManPage
{
    private const string ExitCodes = "Exit codes: ";

    private static readonly string[] Programs = ["blackpony", "blackpony-conformance", "blackpony-replay"];

    public static Command Create(RootCommand root, string name)
    {
        var command = new Command("man", "Print the man page.") { Hidden = true };
        command.SetAction(parse => parse.InvocationConfiguration.Output.WriteLine(string.Join('\n', Lines(root, name))));
        return command;
    }

    private static IEnumerable<string> Lines(RootCommand root, string name)
    {
        var commands = root.Subcommands.Where(c => !c.Hidden).ToList();
        List<Command> callable = root.Action is null ? commands : [root, .. commands];
        return
        [
            $".Dd {Release.Date.ToString("MMMM d, yyyy", CultureInfo.InvariantCulture)}",
            $".Dt {name.ToUpperInvariant()} 1",
            ".Os",
            ".Sh NAME",
            $".Nm {name}",
            $".Nd {Text(root.Description!.TrimEnd('.'))}",
            ".Sh SYNOPSIS",
            .. callable.SelectMany(c => Synopsis(c, c == root)),
            ".Sh DESCRIPTION",
            .. Prose(root.Description!),
            .. Parameters(root),
            .. commands.SelectMany(c => (string[])[$".Ss {name} {Word(c.Name)}", .. Prose(c.Description!), .. Parameters(c)]),
            ".Sh EXIT STATUS",
            .. callable.SelectMany(c => ExitStatus(c, c == root)),
            .. Prose("0 for success and 2 for a command line that is not understood, where nothing else is said."),
            ".Sh EXAMPLES",
            ".Bd -literal",
            .. Examples(root).Concat(commands.SelectMany(Examples)).Select(Text),
            ".Ed",
            ".Sh SEE ALSO",
            string.Join(" ,\n", Programs.Where(p => p != name).Select(p => $".Xr {p} 1")),
            ".Sh STANDARDS",
            .. Prose($"The specification of {Release.Specification}: spec/blackpony.md in the project's repository."),
        ];
    }

    private static IEnumerable<string> Synopsis(Command command, bool isRoot)
    {
        yield return ".Nm";
        if (!isRoot)
        {
            yield return $".Cm {Word(command.Name)}";
        }

        foreach (var option in command.Options.Where(o => o.Required))
        {
            yield return $".{Flag(option.Name)}{Value(option)}";
        }

        if (command.Options.Any(o => !o.Required && !o.Hidden))
        {
            yield return ".Op Ar options";
        }

        foreach (var argument in command.Arguments)
        {
            var many = argument.Arity.MaximumNumberOfValues > 1 ? " ..." : "";
            yield return (argument.Arity.MinimumNumberOfValues == 0 ? ".Op Ar " : ".Ar ") + Word(argument.Name) + many;
        }
    }

    private static IEnumerable<string> Parameters(Command command)
    {
        var options = command.Options.Where(o => !o.Hidden).ToList();
        if (options.Count + command.Arguments.Count == 0)
        {
            yield break;
        }

        yield return ".Bl -tag -width Ds";
        foreach (var argument in command.Arguments)
        {
            yield return $".It Ar {Word(argument.Name)}";
            foreach (var line in Prose(argument.Description!))
            {
                yield return line;
            }
        }

        foreach (var option in options)
        {
            var names = option.Aliases.Append(option.Name).Where(n => n.StartsWith('-') && n != "-?").OrderBy(n => n.Length).Select(Flag);
            yield return $".It {string.Join(" , ", names)}{Value(option)}";
            var value = option.HasDefaultValue && option.ValueType != typeof(bool) ? Convert.ToString(option.GetDefaultValue(), CultureInfo.InvariantCulture) : null;
            foreach (var line in Prose(string.IsNullOrEmpty(value) ? option.Description! : $"{option.Description} [default: {value}]"))
            {
                yield return line;
            }
        }

        yield return ".El";
    }

    private static IEnumerable<string> ExitStatus(Command command, bool isRoot) =>
        Help.Of(command)?.Split('\n').Where(l => l.StartsWith(ExitCodes, StringComparison.Ordinal))
            .SelectMany(l => (string[])[.. Prose($"{(isRoot ? "" : $"{command.Name}: ")}{l[ExitCodes.Length..]}"), ".Pp"]) ?? [];

    private static IEnumerable<string> Examples(Command command) =>
        (Help.Of(command) ?? "").Split('\n').Where(l => l.Length > 0 && !l.StartsWith(ExitCodes, StringComparison.Ordinal)).Select(l => l.Trim());

    private static string Flag(string name) => "Fl " + Word(name[1..]);

    private static string Value(Option option)
    {
        if (option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool))
        {
            return "";
        }

        var choice = string.Join('|', option.GetCompletions(CompletionContext.Empty).Select(c => c.Label));
        return " Ar " + Word(option.HelpName ?? (choice.Length > 0 ? choice : option.Name.TrimStart('-')));
    }

    /// <summary>Running text as mdoc wants it: each sentence on a new line, and no line longer than 80.</summary>
    private static IEnumerable<string> Prose(string text)
    {
        var line = "";
        foreach (var word in text.Split(' '))
        {
            bool ended = line.EndsWith('.') && char.IsUpper(word[0]);
            if (line.Length > 0 && (ended || line.Length + 1 + word.Length > 72))
            {
                yield return Text(line);
                line = "";
            }

            line += line.Length > 0 ? $" {word}" : word;
        }

        yield return Text(line);
    }

    /// <summary>Text in which nothing is a request or an escape.</summary>
    private static string Text(string text)
    {
        var escaped = text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
        return escaped.StartsWith('.') || escaped.StartsWith('\'') ? "\\&" + escaped : escaped;
    }

    /// <summary>An argument of a macro: one word, and itself no macro or delimiter.</summary>
    private static string Word(string text) => text.Contains(' ', StringComparison.Ordinal) ? $"\"{Text(text)}\"" : "\\&" + Text(text);
}

using System.CommandLine;
using System.CommandLine.Completions;
using System.Globalization;
using System.Text.RegularExpressions;

namespace BlackPony.Tools;

/// <summary>
/// <c>man</c>, a command that the help does not show: the man pages of the program and of each of its commands in mdoc(7), from the same
/// commands, options and examples as the help.
/// </summary>
internal static partial class ManPage
{
    private const string ExitCodes = "Exit codes: ";

    private static readonly string[] Programs = ["blackpony", "blackpony-conformance", "blackpony-replay"];

    public static Command Create(RootCommand root, string name)
    {
        var which = new Argument<string?>("command")
        {
            Description = "The command of the page; without it, the page of the program.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        which.AcceptOnlyFromAmong([.. Commands(root).Select(c => c.Name)]);
        var command = new Command("man", "Print a man page.") { which };
        command.Hidden = true;
        command.SetAction(parse =>
        {
            var one = parse.GetValue(which);
            var lines = one is null ? OfProgram(root, name) : OfCommand(root, Commands(root).Single(c => c.Name == one), name);
            parse.InvocationConfiguration.Output.WriteLine(string.Join('\n', lines));
        });
        return command;
    }

    private static List<Command> Commands(RootCommand root) => [.. root.Subcommands.Where(c => !c.Hidden)];

    private static string Page(string name, Command command) => $"{name}-{command.Name}";

    private static IEnumerable<string> OfProgram(RootCommand root, string name)
    {
        var commands = Commands(root);
        List<Command> callable = root.Action is null ? commands : [root, .. commands];
        return
        [
            .. Head(name, root),
            .. callable.SelectMany(c => Synopsis(c, c == root)),
            ".Sh DESCRIPTION",
            .. Prose(root.Description!),
            .. Parameters(root),
            ".Pp",
            "Each command has a page of its own:",
            ".Bl -tag -width Ds",
            .. commands.SelectMany(c => (string[])[$".It Xr {Page(name, c)} 1", .. Prose(c.Description!)]),
            ".El",
            .. ExitStatus(root),
            .. Examples(root),
            .. SeeAlso([.. commands.Select(c => Page(name, c)), .. Programs.Where(p => p != name)]),
        ];
    }

    private static IEnumerable<string> OfCommand(RootCommand root, Command command, string name) =>
    [
        .. Head(Page(name, command), command),
        .. Synopsis(command, isRoot: false, name),
        ".Sh DESCRIPTION",
        .. Prose(command.Description!),
        .. Parameters(command),
        .. Help.SectionsOf(command).SelectMany(s => Section(s.Title, s.Text, s.Items())),
        .. ExitStatus(command),
        .. Examples(command),
        .. SeeAlso([name, .. Commands(root).Where(c => c != command).Select(c => Page(name, c)), .. Programs.Where(p => p != name)]),
    ];

    private static IEnumerable<string> Head(string page, Command command) =>
    [
        $".Dd {Release.Date.ToString("MMMM d, yyyy", CultureInfo.InvariantCulture)}",
        $".Dt {page.ToUpperInvariant()} 1",
        ".Os",
        ".Sh NAME",
        $".Nm {page}",
        $".Nd {Text(command.Description!.TrimEnd('.'))}",
        ".Sh SYNOPSIS",
    ];

    private static IEnumerable<string> SeeAlso(IEnumerable<string> pages) =>
    [
        ".Sh SEE ALSO",
        string.Join(" ,\n", pages.Order(StringComparer.Ordinal).Select(p => $".Xr {p} 1")),
        ".Sh STANDARDS",
        .. Prose($"The specification of {Release.Specification}: spec/blackpony.md and spec/relay.md in the project's repository."),
    ];

    private static IEnumerable<string> Synopsis(Command command, bool isRoot, string program = "")
    {
        yield return program.Length > 0 ? $".Nm {program}" : ".Nm";
        if (!isRoot)
            yield return $".Cm {Word(command.Name)}";

        foreach (var option in command.Options.Where(o => o.Required))
            yield return $".{Flag(option.Name)}{Value(option)}";

        if (command.Options.Any(o => !o.Required && !o.Hidden))
            yield return ".Op Ar options";

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
            yield break;

        yield return ".Bl -tag -width Ds";
        foreach (var argument in command.Arguments)
        {
            yield return $".It Ar {Word(argument.Name)}";
            foreach (var line in Prose(argument.Description!))
                yield return line;
        }

        foreach (var option in options)
        {
            var names = option.Aliases.Append(option.Name).Where(n => n.StartsWith('-') && n != "-?").OrderBy(n => n.Length).Select(Flag);
            yield return $".It {string.Join(" , ", names)}{Value(option)}";
            var value = option.HasDefaultValue && option.ValueType != typeof(bool)
                ? Convert.ToString(option.GetDefaultValue(), CultureInfo.InvariantCulture)
                : null;
            foreach (var line in Prose(string.IsNullOrEmpty(value) ? option.Description! : $"{option.Description} [default: {value}]"))
                yield return line;
        }

        yield return ".El";
    }

    private static IEnumerable<string> Section(string title, string text, IEnumerable<(string Tag, string Text)> items) =>
    [
        $".Sh {title}",
        .. Prose(text),
        ".Bl -tag -width Ds",
        .. items.SelectMany(i => (string[])[$".It {Word(i.Tag)}", .. Prose(i.Text)]),
        ".El",
    ];

    // "0 ended by a signal, 1 cannot listen": each code on a line of its own.
    private static IEnumerable<string> ExitStatus(Command command) =>
    [
        ".Sh EXIT STATUS",
        .. (Help.Of(command) ?? "").Split('\n').Where(l => l.StartsWith(ExitCodes, StringComparison.Ordinal))
            .SelectMany(l => (string[])[".Bl -tag -width Ds", .. Codes(l[ExitCodes.Length..].TrimEnd('.')), ".El", ".Pp"]),
        .. Prose("0 for success and 2 for an invalid command line, unless stated otherwise."),
    ];

    private static IEnumerable<string> Codes(string text) =>
        Code().Split(text).Select(c => c.Split(' ', 2)).SelectMany(c => (string[])[$".It {c[0]}", .. Prose(c[1])]);

    [GeneratedRegex(", (?=[0-9])")]
    private static partial Regex Code();

    private static IEnumerable<string> Examples(Command command) =>
    [
        ".Sh EXAMPLES",
        ".Bd -literal",
        .. (Help.Of(command) ?? "").Split('\n').Where(l => l.Length > 0 && !l.StartsWith(ExitCodes, StringComparison.Ordinal))
            .Select(l => Text(l.Trim())),
        ".Ed",
    ];

    private static string Flag(string name) => "Fl " + Word(name[1..]);

    private static string Value(Option option)
    {
        if (option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool))
            return "";

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

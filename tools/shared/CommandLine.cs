using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace BlackPony.Tools;

/// <summary>
/// What the programs' command lines have in common: help with examples, versions, completion, the man page,
/// and one line about what is wrong.
/// </summary>
internal static class CommandLine
{
    /// <summary>The exit code of a command line that is wrong, and of trouble of the program's own.</summary>
    public const int Usage = 2;

    /// <summary>The exit code of a program that a signal ended (128 and SIGINT).</summary>
    private const int Cancelled = 130;

    private static readonly string Name = typeof(CommandLine).Assembly.GetName().Name!;

    /// <summary>Runs what the arguments ask for.</summary>
    /// <param name="root">The program.</param>
    /// <param name="examples">Its examples; each command's own are given to <see cref="Help.Example"/>.</param>
    /// <param name="args">The arguments.</param>
    /// <param name="parse">How they are parsed, if there is more to it; a <see cref="FormatException"/> says what is wrong.</param>
    /// <param name="how">How it is run.</param>
    public static async Task<int> RunAsync(RootCommand root, string examples, string[] args,
        Func<Command, IReadOnlyList<string>, ParseResult>? parse = null, InvocationConfiguration? how = null)
    {
        Console.SetError(new ErrorWriter(Console.Error));
        how ??= new InvocationConfiguration();
        how.EnableDefaultExceptionHandler = false;
        root.Options.OfType<VersionOption>().Single().Action = new Versions();
        root.Add(Completion.Create(Name));
        root.Add(ManPage.Create(root, Name));
        Help.Install(root, examples);
        try
        {
            var program = Named(root);
            var result = (parse ?? Parse)(program, args);
            if (result.Action is not ParseErrorAction)
            {
                if (NeedsOpenSsl(result) && OpenSsl.Missing() is { } missing)
                {
                    Complain(missing);
                    return Usage;
                }

                return await result.InvokeAsync(how);
            }

            if (args.Length == 0)
                await program.Parse(["--help"]).InvokeAsync(how);
            else
                Complain($"{Wrong(result)} Try --help.");
        }
        catch (FormatException e)
        {
            foreach (var line in e.Message.Split('\n'))
                Complain(line);
        }
        catch (OperationCanceledException)
        {
            return Cancelled;
        }
        catch (Exception e)
        {
            // What standard output does not take, or a bug: its message may hold octets of a peer,
            // so only the type is reported ([BP-11.1-3]).
            Complain(e is IOException or UnauthorizedAccessException
                ? e.Message
                : $"internal error: {e.GetType().Name}. Please report it.");
        }

        return Usage;
    }

    /// <summary>Parses arguments as they are: a word that begins with @ names no response file.</summary>
    public static ParseResult Parse(Command root, IReadOnlyList<string> args) =>
        root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });

    /// <summary>
    /// Says one line to whoever started the program, on standard error, whatever a stranger has put into it ([BP-11.1-4]):
    /// sendmail's arguments too may hold what one wrote.
    /// </summary>
    public static void Complain(string message) => Complain(message, isEscaped: false);

    /// <summary>The same, of a text that may be escaped already.</summary>
    /// <param name="message">What is wrong.</param>
    /// <param name="isEscaped">Whether backslashes are those of an escape, and stay.</param>
    public static void Complain(string message, bool isEscaped)
    {
        var words = message.Split((char[])[' ', '\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries);
        Console.Error.WriteLine($"{Name}: {Printable.Escape(string.Join(' ', words), isEscaped)}");
    }

    /// <summary>A question after the name of what is not there: whether the nearest name was meant.</summary>
    /// <returns>Nothing if no name is near; else it begins with a space.</returns>
    public static string Nearest(string word, IEnumerable<string> names)
    {
        var (name, distance) = names.Select(n => (n, Distance(word, n))).DefaultIfEmpty(("", int.MaxValue)).MinBy(n => n.Item2);
        return distance <= Math.Max(1, name.Length / 3) ? $" Did you mean '{name}'?" : "";
    }

    /// <summary>Says that there is no such option, where one that is misspelt stands as an argument; after -- an argument may begin with a
    /// hyphen.</summary>
    /// <returns>Null if every argument is one.</returns>
    public static string? Misspelt(ParseResult result) =>
        result.Tokens.Any(t => t.Type == TokenType.DoubleDash) ? null
            : result.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value)
                .Where(v => v.StartsWith('-') && v.Length > 1).Select(v => Missing(result.CommandResult.Command, v)).FirstOrDefault();

    // System.CommandLine names the program after its file, or as its parent does: sendmail's A=mailer. Where that is the name of one of
    // its commands, it can tell neither from the other.
    private static Command Named(RootCommand root)
    {
        if (root.Subcommands.All(c => c.Name != root.Name))
            return root;

        var program = new Command(Name, root.Description);
        foreach (var option in root.Options)
            program.Add(option);

        foreach (var command in root.Subcommands)
            program.Add(command);

        if (Help.Of(root) is { } examples)
            Help.Example(program, examples);

        return program;
    }

    // Not help, the version, the man page and completion.
    private static bool NeedsOpenSsl(ParseResult result) =>
        result.CommandResult.Command is var command && result.Action == command.Action && command.Name is not ("man" or "completion");

    private static string Wrong(ParseResult result) => Misspelt(result)
        ?? (result.UnmatchedTokens is [var word, ..] ? Missing(result.CommandResult.Command, word)
            : result.Errors.First(e => e.Message.Length > 0).Message);

    private static string Missing(Command command, string word)
    {
        var known = word.StartsWith('-') ? command.Options.Where(o => !o.Hidden).Select(o => o.Name)
            : command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name);
        var what = word.StartsWith('-') ? "option" : command.Subcommands.Count > 0 ? "command" : "argument";
        return $"there is no {what} '{word}'.{Nearest(word, known)}";
    }

    // Levenshtein's, without case; two neighbours that changed places count as one change.
    private static int Distance(string one, string other)
    {
        (one, other) = (one.ToUpperInvariant(), other.ToUpperInvariant());
        var table = new int[one.Length + 1, other.Length + 1];
        for (int i = 0; i <= one.Length; i++)
        {
            for (int j = 0; j <= other.Length; j++)
            {
                table[i, j] = i == 0 || j == 0 ? i + j : Math.Min(table[i - 1, j - 1] + (one[i - 1] == other[j - 1] ? 0 : 1),
                    Math.Min(table[i - 1, j], table[i, j - 1]) + 1);
                if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                    table[i, j] = Math.Min(table[i, j], table[i - 2, j - 2] + 1);
            }
        }

        return table[one.Length, other.Length];
    }

    private sealed class Versions : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine($"{Name} {Release.Version}\nspecification {Release.Specification}");
            return 0;
        }
    }
}

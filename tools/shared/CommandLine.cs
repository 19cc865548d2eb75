using System.CommandLine;
using System.CommandLine.Invocation;

namespace BlackPony.Tools;

/// <summary>What the programs' command lines have in common: help with examples, versions, completion, the man page, and one line about what is wrong.</summary>
internal static class CommandLine
{
    /// <summary>The exit code of a command line that is wrong.</summary>
    public const int Usage = 2;

    private static readonly string Name = typeof(CommandLine).Assembly.GetName().Name!;

    /// <summary>Runs what the arguments ask for.</summary>
    /// <param name="root">The program.</param>
    /// <param name="examples">Its examples; each command's own are given to <see cref="Help.Example"/>.</param>
    /// <param name="args">The arguments.</param>
    /// <param name="parse">How they are parsed, if there is more to it; a <see cref="FormatException"/> says what is wrong.</param>
    /// <param name="how">How it is run.</param>
    public static async Task<int> RunAsync(RootCommand root, string examples, string[] args, Func<Command, IReadOnlyList<string>, ParseResult>? parse = null, InvocationConfiguration? how = null)
    {
        root.Options.OfType<VersionOption>().Single().Action = new Versions();
        root.Add(Completion.Create(Name));
        root.Add(ManPage.Create(root, Name));
        Help.Install(root, examples);
        try
        {
            var result = (parse ?? Parse)(root, args);
            if (result.Action is not ParseErrorAction)
            {
                return await result.InvokeAsync(how ?? new InvocationConfiguration());
            }

            Complain($"{result.Errors.First(e => e.Message.Length > 0).Message} Try --help.");
        }
        catch (FormatException e)
        {
            Complain(e.Message);
        }

        return Usage;
    }

    /// <summary>Parses arguments as they are: a word that begins with @ names no response file.</summary>
    public static ParseResult Parse(Command root, IReadOnlyList<string> args) => root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });

    /// <summary>Says one line to whoever started the program, on standard error, whatever a stranger has put into it ([BP-11.1-4]): sendmail's arguments too may hold what one wrote.</summary>
    public static void Complain(string message) =>
        Console.Error.WriteLine($"{Name}: {Printable.Escape(string.Join(' ', message.Split((char[])[' ', '\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries)))}");

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

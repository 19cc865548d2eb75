using System.CommandLine;
using System.Text;

namespace BlackPony.Tools;

/// <summary>
/// A command's options in a file: on each line an option's name without dashes, and its value. Lines that begin with # are comments.
/// What stands on the command line too counts as it stands there.
/// </summary>
internal static class ConfigFile
{
    /// <summary>Makes the option that names the file.</summary>
    public static Option<string?> Option() => new("--config", "-c")
    {
        Description = "Read more options from this file: on each line one option, without dashes, and its value ('suites RSA-BLOWFISH'). "
            + "Lines that begin with # are comments. On SIGHUP the file is read again.",
        HelpName = "file",
    };

    /// <summary>Parses the command line, together with the file that it names.</summary>
    /// <exception cref="FormatException">The file can't be read or names what is no option; the message says where.</exception>
    public static ParseResult Parse(Command root, IReadOnlyList<string> args)
    {
        var parse = CommandLine.Parse(root, args);
        var command = parse.CommandResult.Command;
        var config = command.Options.OfType<Option<string?>>().FirstOrDefault(o => o.Name == "--config");
        if (config is null || parse.GetResult(config)?.Tokens is not [{ Value: var path }])
            return parse;

        return CommandLine.Parse(root, [.. args, .. Read(path, command, o => parse.GetResult(o) is { Implicit: false })]);
    }

    private static IEnumerable<string> Read(string path, Command command, Func<Option, bool> isGiven)
    {
        int number = 0;
        foreach (var line in Lines(path))
        {
            number++;
            if (line.Trim() is not [not '#', ..] text)
                continue;

            var parts = text.Split((char[])[' ', '\t'], 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var option = command.Options.FirstOrDefault(o => o.Name == "--" + parts[0] && parts[0] is not ("config" or "help"))
                ?? throw new FormatException($"{path}, line {number}: there is no option '{parts[0]}'.");
            if (!isGiven(option))
                yield return parts.Length == 1 ? option.Name : $"{option.Name}={parts[1]}";
        }
    }

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path, Encoding.UTF8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"the configuration cannot be read: {e.Message}", e);
        }
    }
}

using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text;
using System.Text.RegularExpressions;

namespace BlackPony.Tools;

/// <summary>
/// A command's options in a file: on each line an option's name without dashes, and its value. Lines that begin with # are comments.
/// What stands on the command line too counts as it stands there.
/// </summary>
internal static partial class ConfigFile
{
    // Of the file that was read last: where each option stands in it, and with which value.
    private static readonly Dictionary<string, List<(int Line, string Value)>> Places = [];
    private static string _path = "";

    /// <summary>Makes the option that names the file.</summary>
    public static Option<string?> Option() => new("--config", "-c")
    {
        Description = "Read more options from this file: on each line one option, without dashes, and its value ('suites RSA-BLOWFISH'). "
            + "Lines that begin with # are comments. On SIGHUP the file is read again.",
        HelpName = "file",
    };

    /// <summary>Parses the command line, together with the file that it names.</summary>
    /// <exception cref="FormatException">The file can't be read or has errors; the message has a line for each, with its
    /// place.</exception>
    public static ParseResult Parse(Command root, IReadOnlyList<string> args)
    {
        var parse = CommandLine.Parse(root, args);
        var command = parse.CommandResult.Command;
        var config = command.Options.OfType<Option<string?>>().FirstOrDefault(o => o.Name == "--config");
        if (config is null || parse.GetResult(config)?.Tokens is not [{ Value: var path }])
            return parse;

        Places.Clear();
        _path = path;
        var errors = new List<string>();
        string[] read = [.. Read(root, command, o => parse.GetResult(o) is { Implicit: false }, errors)];
        parse = CommandLine.Parse(root, [.. args, .. read]);
        if (errors.Count == 0 && parse.Action is ParseErrorAction)
            errors.AddRange(parse.Errors.Where(e => e.Message.Length > 0).Select(e => Locate(e.Message)));

        return errors.Count > 0 ? throw new FormatException(string.Join('\n', errors.Select(e => e.ReplaceLineEndings(" ")))) : parse;
    }

    /// <summary>Adds to a message about options where they stand in the file.</summary>
    /// <param name="message">The message.</param>
    /// <param name="options">The options, as on a command line, if the message does not name them: one with its value stands only in the
    /// lines with that value, if there are any.</param>
    public static string Locate(string message, string? options = null)
    {
        int[] lines = [.. OptionName().Matches(options ?? message).SelectMany(m => Lines(m, options ?? message)).Distinct().Order()];
        return lines.Length == 0 || message.StartsWith($"{_path}, line", StringComparison.Ordinal) ? message
            : $"{_path}, {(lines.Length == 1 ? "line" : "lines")} {string.Join(" and ", lines)}: {message}";
    }

    private static IEnumerable<int> Lines(Match option, string text)
    {
        var places = Places.GetValueOrDefault(option.Value) ?? [];
        var words = text[(option.Index + option.Length)..].Split(' ');
        var exact = places.Where(p => p.Value.Length > 0 && words is ["", var value, ..] && value == p.Value).ToList();
        return (exact.Count > 0 ? exact : places).Select(p => p.Line);
    }

    // Each line is parsed by itself, so that each error has its place and none hides another.
    private static IEnumerable<string> Read(Command root, Command command, Func<Option, bool> isGiven, List<string> errors)
    {
        int number = 0;
        foreach (var line in Lines(_path))
        {
            number++;
            if (line.Trim() is not [not '#', ..] text)
                continue;

            var parts = text.Split((char[])[' ', '\t'], 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var names = command.Options.Where(o => !o.Hidden).Select(o => o.Name)
                .Where(n => n is not ("--config" or "--help" or "--check"));
            if (!names.Contains("--" + parts[0]))
            {
                errors.Add($"{_path}, line {number}: there is no option '{parts[0]}'."
                    + CommandLine.Nearest(parts[0], names.Select(n => n[2..])));
                continue;
            }

            var option = command.Options.Single(o => o.Name == "--" + parts[0]);
            if (parts.Length == 2 && option.ValueType == typeof(bool) && !bool.TryParse(parts[1], out _))
            {
                errors.Add($"{_path}, line {number}: {parts[0]} takes no value: leave out '{parts[1]}'.");
                continue;
            }

            var argument = parts.Length == 1 ? option.Name : $"{option.Name}={parts[1]}";
            var wrong = CommandLine.Parse(root, [command.Name, argument]).Errors.Where(e => Concerns(e.SymbolResult, option))
                .Select(e => e.Message).FirstOrDefault(m => m.Length > 0);
            if (wrong is not null)
            {
                var named = wrong.Contains(option.Name, StringComparison.Ordinal) ? wrong : $"{parts[0]}: {wrong}";
                errors.Add($"{_path}, line {number}: {named}");
            }

            if (isGiven(option))
                continue;

            if (!Places.TryGetValue(option.Name, out var places))
                Places[option.Name] = places = [];

            places.Add((number, parts.Length == 1 ? "" : parts[1]));
            yield return argument;
        }
    }

    private static bool Concerns(SymbolResult? result, Option option)
    {
        for (; result is not null; result = result.Parent)
        {
            if (result is OptionResult found)
                return found.Option == option;
        }

        return false;
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

    [GeneratedRegex("--[a-z][a-z-]*")]
    private static partial Regex OptionName();
}

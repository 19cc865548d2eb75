using System.Globalization;
using System.Text;

namespace BlackPony.Tools.Setup;

/// <summary>A file before and after a change.</summary>
/// <param name="Path">The file itself, no link to it.</param>
/// <param name="Old">Its text before; null if it was not there.</param>
/// <param name="New">Its text after; null if it is removed.</param>
internal sealed record FileChange(string Path, string? Old, string? New);

/// <summary>What a set-up does.</summary>
/// <param name="Server">postfix, sendmail or exim.</param>
/// <param name="Files">The files that it changes.</param>
/// <param name="Commands">The commands that it runs then, in this order; a set-up whose command fails is taken back.</param>
/// <param name="UndoCommands">The commands that follow when the files have been taken back.</param>
/// <param name="Notes">What the administrator should know before, a line each.</param>
internal sealed record Plan(string Server, IReadOnlyList<FileChange> Files, IReadOnlyList<Step> Commands, IReadOnlyList<Step> UndoCommands,
    IReadOnlyList<string> Notes);

/// <summary>A command; or, without words, the wait until a mail server has moved.</summary>
/// <param name="Words">The program and its arguments.</param>
/// <param name="Open">The port of 127.0.0.1 that is to be open.</param>
/// <param name="Closed">The port of 127.0.0.1 that is to be closed; 0 for none.</param>
internal sealed record Step(string[] Words, int Open = 0, int Closed = 0)
{
    private const string Wait = "wait for port";

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static Step Read(string line) => !line.StartsWith(Wait, StringComparison.Ordinal) ? new(line.Split(' '))
        : line[Wait.Length..].Split(" to open, and ") is [var open, var closed]
            ? new([], Number(open), Number(closed.Split(' ')[0]))
            : new([], Number(line[Wait.Length..].Split(" to ")[0]));

    /// <summary>Finds a program on the PATH alone; .NET would look in the working directory first, where anybody may write.</summary>
    public static string Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Where(Path.IsPathRooted).Select(d => Path.Combine(d, program))
            .FirstOrDefault(File.Exists) ?? $"/usr/sbin/{program}";

    public override string ToString() => Words.Length > 0 ? string.Join(' ', Words)
        : $"{Wait} {Open} to open{(Closed > 0 ? $", and {Closed} to close" : "")}";

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}

/// <summary>A configuration that <c>setup</c> does not change; the message says why, and what to do.</summary>
internal sealed class RefusedException(string message) : Exception(message);

/// <summary>What the set-ups of the mail servers are made from.</summary>
internal sealed class PlanContext
{
    private readonly List<FileChange> _files = [];
    private readonly List<string> _notes = [];

    /// <summary>The port to which the mail server moves.</summary>
    public required int Port { get; init; }

    /// <summary>Whether outgoing mail stays as it is.</summary>
    public required bool IncomingOnly { get; init; }

    /// <summary>The program's place, for sendmail.</summary>
    public required string Program { get; init; }

    /// <summary>The files that change.</summary>
    public IReadOnlyList<FileChange> Files => _files;

    /// <summary>Reads a file; each octet is a character.</summary>
    public static string Read(string path) => TryRead(path)
        ?? throw new RefusedException($"{path} is not there: is that mail server installed?");

    /// <summary>Reads a file if there is one.</summary>
    public static string? TryRead(string path) => File.Exists(path) ? File.ReadAllText(path, Encoding.Latin1) : null;

    /// <summary>Plans a change of a file.</summary>
    public void Change(string path, string text)
    {
        // A link stays one.
        var file = new FileInfo(path) is { LinkTarget: not null } link ? link.ResolveLinkTarget(true)!.FullName : path;
        var old = TryRead(file);
        if (old != text)
            _files.Add(new FileChange(file, old, text));
    }

    /// <summary>Adds a line that is shown with the change.</summary>
    public void Note(string text) => _notes.Add(text);

    /// <summary>The commands of a set-up, and those of its undoing.</summary>
    /// <param name="server">postfix, sendmail or exim.</param>
    /// <param name="check">What checks the files before anything is restarted.</param>
    /// <param name="reload">What makes the mail server use its new files.</param>
    /// <param name="needsRelay">Whether outgoing mail goes through <c>relay</c>.</param>
    public Plan Plan(string server, Step[] check, Step[] reload, bool needsRelay)
    {
        var relay = needsRelay && !IncomingOnly;
        return new Plan(server, _files,
            [
                .. check,
                .. relay ? (Step[])[Step.Read("systemctl enable --now blackpony-relay")] : [],
                .. reload,
                new Step([], Port, 25),
                Step.Read("systemctl enable blackpony-listen"),
                Step.Read("systemctl restart blackpony-listen"),
            ],
            [
                Step.Read("systemctl disable --now blackpony-listen"),
                .. reload,
                new Step([], 25),
                .. relay ? (Step[])[Step.Read("systemctl disable --now blackpony-relay")] : [],
            ],
            _notes);
    }
}

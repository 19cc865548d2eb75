using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace BlackPony.Tools.Setup;

/// <summary>
/// The set-ups that were made, in /var/lib/blackpony/setup: a folder for each mail server, with each file as it was and as it became.
/// The folder is there before the first file changes, so that a change that was interrupted can be taken back too.
/// </summary>
internal static class AppliedSetup
{
    private const string Root = "/var/lib/blackpony/setup";

    /// <summary>The mail servers that are set up.</summary>
    public static IReadOnlyList<string> Servers => !Directory.Exists(Root) ? []
        : [.. Directory.EnumerateDirectories(Root).Select(d => Path.GetFileName(d)).Where(n => n[0] != '.').Order(StringComparer.Ordinal)];

    /// <summary>Changes all files, or none.</summary>
    /// <exception cref="IOException">A file could not be written; all are as they were.</exception>
    public static void Apply(Plan plan)
    {
        Remember(plan);
        try
        {
            Write([.. plan.Files.Select(f => (f.Path, f.New, (string?)null))]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Forget(plan.Server);
            throw;
        }
    }

    /// <summary>What takes a set-up back.</summary>
    /// <returns>The files that change, each with the copy that it gets back, if it becomes what it was.</returns>
    /// <exception cref="RefusedException">A file has changed since, where the set-up changed it.</exception>
    public static List<(FileChange Change, string? Copy)> Undo(string server)
    {
        var changes = new List<(FileChange, string?)>();
        foreach (var (path, copy, old, changed) in Remembered(server))
        {
            var current = PlanContext.TryRead(path);
            if (current == old)
                continue;

            if (current == changed)
                changes.Add((new FileChange(path, current, old), old is null ? null : copy));
            else if (current is not null && changed is not null && old is not null
                && UnifiedDiff.TakeBack(old, changed, current) is { } text)
                changes.Add((new FileChange(path, current, text), null));
            else if (current is null || old is not null)
            {
                throw new RefusedException($"{path} has changed since 'setup' changed it, in the same lines. Take the change back by hand; "
                    + $"the file as it was is {copy}. Then remove {Folder(server)}.");
            }

            // A file that 'setup' made and somebody changed stays.
        }

        return changes;
    }

    /// <summary>The commands that follow.</summary>
    public static IReadOnlyList<Step> UndoCommands(string server) =>
        [.. File.ReadAllLines(Path.Combine(Folder(server), "commands")).Select(Step.Read)];

    /// <summary>Takes a set-up back.</summary>
    public static void TakeBack(string server, IReadOnlyList<(FileChange Change, string? Copy)> changes)
    {
        Write([.. changes.Select(c => (c.Change.Path, c.Change.New, c.Copy))]);
        Forget(server);
    }

    private static string Folder(string server) => Path.Combine(Root, server);

    private static void Remember(Plan plan)
    {
        var fresh = Path.Combine(Root, $".{plan.Server}");
        if (Directory.Exists(fresh))
            Directory.Delete(fresh, recursive: true);

        if (OperatingSystem.IsWindows())
            throw new RefusedException("'setup' knows the files of Debian and its relatives only.");

        Directory.CreateDirectory(fresh, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var (file, i) in plan.Files.Select((f, i) => (f, i)))
        {
            string name = Path.Combine(fresh, i.ToString(CultureInfo.InvariantCulture));
            WriteThrough($"{name}.path", file.Path);
            WriteThrough($"{name}.new", file.New!);
            if (file.Old is not null)
                Copy(file.Path, $"{name}.old");
        }

        WriteThrough(Path.Combine(fresh, "commands"), string.Join('\n', plan.UndoCommands));
        Directory.Move(fresh, Folder(plan.Server));
    }

    private static IEnumerable<(string Path, string Copy, string? Old, string? New)> Remembered(string server) =>
        Directory.EnumerateFiles(Folder(server), "*.path").Order(StringComparer.Ordinal)
            .Select(f => (File.ReadAllText(f, Encoding.Latin1), Path.ChangeExtension(f, ".old"),
                PlanContext.TryRead(Path.ChangeExtension(f, ".old")), PlanContext.TryRead(Path.ChangeExtension(f, ".new"))));

    private static void Forget(string server) => Directory.Delete(Folder(server), recursive: true);

    /// <summary>
    /// Writes every file beside its place first, and then renames them; if one cannot be renamed, the others are taken back.
    /// </summary>
    private static void Write(IReadOnlyList<(string Path, string? Text, string? Copy)> files)
    {
        var done = new List<(string Path, string? Before)>();
        try
        {
            foreach (var (path, text, copy) in files)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                if (text is null)
                    continue;

                // A copy has the owner, the mode and the access list of the file.
                if ((copy ?? path) is var from && File.Exists(from))
                    Copy(from, Beside(path, "new"));

                WriteThrough(Beside(path, "new"), text);
            }

            foreach (var (path, text, _) in files)
            {
                string? before = File.Exists(path) ? Beside(path, "old") : null;
                if (before is not null)
                    Copy(path, before);

                done.Add((path, before));
                if (text is null)
                    File.Delete(path);
                else
                    File.Move(Beside(path, "new"), path, overwrite: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            foreach (var (path, before) in done)
            {
                if (before is null)
                    File.Delete(path);
                else
                    File.Move(before, path, overwrite: true);
            }

            throw;
        }
        finally
        {
            foreach (var (path, _, _) in files)
            {
                File.Delete(Beside(path, "new"));
                File.Delete(Beside(path, "old"));
            }
        }
    }

    // No mail server reads a file whose name begins with a full stop.
    private static string Beside(string path, string suffix) =>
        Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.blackpony-{suffix}");

    private static void WriteThrough(string path, string text)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        file.Write(Encoding.Latin1.GetBytes(text));
        file.Flush(flushToDisk: true);
    }

    private static void Copy(string from, string to)
    {
        using var copy = Process.Start(new ProcessStartInfo(Step.Find("cp"), ["-a", "--", from, to]) { RedirectStandardError = true })!;
        var error = copy.StandardError.ReadToEnd();
        copy.WaitForExit();
        if (copy.ExitCode != 0)
            throw new IOException(error.Trim());
    }
}

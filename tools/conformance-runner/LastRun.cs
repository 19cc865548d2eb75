using System.Security.Cryptography;
using System.Text;
using BlackPony.Conformance;

namespace BlackPony.Tools.ConformanceRunner;

/// <summary>Which cases failed when a target was tested last: a file in the user's cache, one for each target.</summary>
/// <param name="target">The server, client and mailer of the command line.</param>
internal sealed class LastRun(string target)
{
    // Null where there is no such folder: a system's user may have a home that does not exist.
    private readonly string? _file = new[]
    {
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME"),
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
    }.FirstOrDefault(Path.IsPathRooted) is { } cache
        ? Path.Combine(cache, "blackpony-conformance", $"failed-{Hash(target)}")
        : null;

    /// <summary>The ids; none if there was no run, or none failed.</summary>
    public IReadOnlyList<string> Read()
    {
        try
        {
            return File.Exists(_file) ? [.. File.ReadAllLines(_file).Where(l => l.Length > 0)] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Writes what failed now; what was not run stays as it was. A cache that cannot be written is none.</summary>
    public void Write(IReadOnlyList<CaseResult> results)
    {
        try
        {
            var failed = results.Where(r => r.Verdict is Verdict.Fail or Verdict.Error or Verdict.Blocked).Select(r => r.Case.Id);
            var ids = Read().Except(results.Select(r => r.Case.Id)).Concat(failed).ToList();
            if (_file is null || (ids.Count == 0 && !File.Exists(_file)))
                return;

            Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
            File.WriteAllLines(_file, ids);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
}

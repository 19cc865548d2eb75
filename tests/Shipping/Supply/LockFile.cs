using System.Text.Json;

namespace BlackPony.Tests.Shipping.Supply;

/// <summary>A package as a lock file has it.</summary>
internal sealed record LockedPackage(string Id, string Version, string ContentHash);

/// <summary>Reads what was locked.</summary>
internal static class LockFile
{
    /// <summary>Where a program's machine code is locked: the compiler's packages too.</summary>
    public static string Native(string program) => Path.Combine(Repository.Root, "tools", Repository.Programs[program], "packages.linux-x64.lock.json");

    /// <summary>Every package of a lock file, for whatever framework and platform; not the repository's own projects.</summary>
    public static List<LockedPackage> Read(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(file));
        return [.. json.RootElement.GetProperty("dependencies").EnumerateObject().SelectMany(f => f.Value.EnumerateObject())
            .Where(p => p.Value.TryGetProperty("resolved", out _))
            .Select(p => new LockedPackage(p.Name, p.Value.GetProperty("resolved").GetString()!, p.Value.GetProperty("contentHash").GetString()!)).Distinct()];
    }
}

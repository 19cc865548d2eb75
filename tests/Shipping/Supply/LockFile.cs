using System.Text.Json;

namespace BlackPony.Tests.Shipping.Supply;

/// <summary>A package as a lock file has it.</summary>
internal sealed record LockedPackage(string Id, string Version, string ContentHash);

/// <summary>Reads what was locked.</summary>
internal static class LockFile
{
    /// <summary>The lock file of a project for machine code.</summary>
    public const string NativeName = "packages.linux-x64.lock.json";

    /// <summary>Where a program's machine code is locked: the compiler's packages too.</summary>
    public static string Native(string program) => Repository.At(ShippedPrograms.Folder(program), NativeName);

    /// <summary>Every package of a lock file, for whatever framework and platform; not the repository's own projects.</summary>
    public static List<LockedPackage> Read(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(file));
        return [.. json.RootElement.GetProperty("dependencies").EnumerateObject().SelectMany(f => f.Value.EnumerateObject())
            .Where(p => p.Value.TryGetProperty("resolved", out _))
            .Select(p => new LockedPackage(p.Name, Text(p, "resolved"), Text(p, "contentHash"))).Distinct()];

        static string Text(JsonProperty package, string name) => package.Value.GetProperty(name).GetString()!;
    }
}

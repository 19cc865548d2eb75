using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>The versions of what is tested.</summary>
internal static class Versions
{
    /// <summary>That of an extracted package, as its changelog begins: postfix (3.7.11-0+deb12u1) bookworm; urgency=medium.</summary>
    /// <param name="program">Its folder of <c>artifacts/servers</c>.</param>
    /// <param name="package">Its name.</param>
    public static string Debian(string program, string package) =>
        Newest(Path.Combine(ServerInstall.Folder(program), "usr", "share", "doc", package));

    /// <summary>The newest of a Debian changelog.</summary>
    /// <param name="folder">Where the package keeps it.</param>
    public static string Newest(string folder)
    {
        var file = ((string[])["changelog.Debian.gz", "changelog.gz"]).Select(f => Path.Combine(folder, f)).FirstOrDefault(File.Exists);
        if (file is null)
        {
            return "of an unknown version";
        }

        using var text = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
        return text.ReadLine()!.Split('(', ')')[1];
    }

    /// <summary>What a program prints.</summary>
    public static string Said(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var said = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return said;
    }

    /// <summary>That of a type's file.</summary>
    public static string FileVersion(Type type) => FileVersionInfo.GetVersionInfo(type.Assembly.Location).FileVersion!;

    /// <summary>That of a package of npm.</summary>
    public static string Npm(string package)
    {
        using var about = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(StartTlsSuite.Modules, package, "package.json")));
        return about.RootElement.GetProperty("version").GetString()!;
    }
}

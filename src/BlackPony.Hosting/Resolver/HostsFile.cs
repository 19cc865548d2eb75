using System.Net;

namespace BlackPony.Hosting.Resolver;

/// <summary>The hosts file (hosts(5)), for hosts that the administrator configured; the domains of mail never ([BP-10.4-17]).</summary>
internal static class HostsFile
{
    private static readonly string Path = OperatingSystem.IsWindows()
        ? System.IO.Path.Combine(Environment.SystemDirectory, "drivers", "etc", "hosts")
        : "/etc/hosts";

    /// <summary>The addresses of a host, as the file has them now; localhost is this machine in any case (RFC 6761 6.3).</summary>
    public static IReadOnlyList<IPAddress> Find(string host)
    {
        string text = "";
        try
        {
            text = File.ReadAllText(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No file is an empty one.
        }

        var found = Find(text, host);
        return found.Count > 0 || host != "localhost" ? found : [IPAddress.Loopback, IPAddress.IPv6Loopback];
    }

    /// <summary>The addresses of a host in the file's text.</summary>
    public static IReadOnlyList<IPAddress> Find(string text, string host)
    {
        var found = new List<IPAddress>();
        foreach (var line in text.Split('\n'))
        {
            var words = line.Split('#')[0].Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Skip(1).Any(w => w.TrimEnd('.').Equals(host, StringComparison.OrdinalIgnoreCase))
                && IPAddress.TryParse(words[0], out var address))
            {
                found.Add(address);
            }
        }

        return found;
    }
}

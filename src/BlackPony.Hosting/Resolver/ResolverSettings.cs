using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;

namespace BlackPony.Hosting.Resolver;

/// <summary>
/// Which name servers are asked, and how: resolv.conf(5)'s <c>nameserver</c> lines in their order, and its options <c>timeout</c>,
/// <c>attempts</c>,
/// <c>rotate</c>, <c>use-vc</c> and <c>no-aaaa</c>. Its search list and <c>ndots</c> are not read: every name is absolute (RFC 5321 2.3.5).
/// </summary>
/// <param name="Servers">The name servers.</param>
internal sealed record ResolverSettings(IReadOnlyList<IPEndPoint> Servers)
{
    private const string Path = "/etc/resolv.conf";
    private const int MaxServers = 3;
    private const int Port = 53;

    /// <summary>How long the first attempt waits for a server.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often all servers are asked.</summary>
    public int Attempts { get; init; } = 2;

    /// <summary>Whether each question begins with another server.</summary>
    public bool Rotates { get; init; }

    /// <summary>Whether TCP is used from the beginning.</summary>
    public bool UsesTcp { get; init; }

    /// <summary>Whether no IPv6 address is asked for.</summary>
    public bool SkipsAaaa { get; init; }

    /// <summary>The system's settings as they are now.</summary>
    public static ResolverSettings Read()
    {
        string text = "";
        try
        {
            text = File.ReadAllText(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // As in the C library: no file is an empty one.
        }

        var settings = Parse(text, Environment.GetEnvironmentVariable("RES_OPTIONS") ?? "");
        return OperatingSystem.IsWindows() ? new ResolverSettings(OfInterfaces()) : settings;
    }

    /// <summary>Reads the text of a resolv.conf. Without a name server in it, this machine's own is asked, as resolv.conf(5)
    /// says.</summary>
    /// <param name="text">The file.</param>
    /// <param name="more">Further options, separated by spaces: the environment variable RES_OPTIONS.</param>
    public static ResolverSettings Parse(string text, string more = "")
    {
        var servers = new List<IPEndPoint>();
        var settings = new ResolverSettings(servers);
        foreach (var line in text.Split('\n'))
        {
            // A comment begins in the first column; a line that does not begin with a keyword there says nothing.
            var words = line.Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 2 || !line.StartsWith(words[0], StringComparison.Ordinal))
                continue;

            if (words[0] == "nameserver" && servers.Count < MaxServers && IPAddress.TryParse(words[1], out var address))
                servers.Add(new IPEndPoint(address, Port));
            else if (words[0] == "options")
                settings = words.Skip(1).Aggregate(settings, With);
        }

        settings = more.Split((char[])[' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries).Aggregate(settings, With);
        if (servers.Count == 0)
            servers.Add(new IPEndPoint(IPAddress.Loopback, Port));

        return settings;
    }

    private static ResolverSettings With(ResolverSettings settings, string option) => option.Split(':', 2) switch
    {
        ["timeout", var n] when Number(n, 30) is { } seconds => settings with { Timeout = TimeSpan.FromSeconds(seconds) },
        ["attempts", var n] when Number(n, 5) is { } count => settings with { Attempts = count },
        ["rotate"] => settings with { Rotates = true },
        ["use-vc"] => settings with { UsesTcp = true },
        ["no-aaaa"] => settings with { SkipsAaaa = true },
        _ => settings,
    };

    // The C library's bounds.
    private static int? Number(string text, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? Math.Clamp(n, 1, most) : null;

    private static List<IPEndPoint> OfInterfaces() =>
    [
        .. NetworkInterface.GetAllNetworkInterfaces().Where(i => i.OperationalStatus == OperationalStatus.Up)
            .SelectMany(i => i.GetIPProperties().DnsAddresses).Where(a => !a.IsIPv6SiteLocal).Distinct().Take(MaxServers)
                .Select(a => new IPEndPoint(a, Port)),
    ];
}

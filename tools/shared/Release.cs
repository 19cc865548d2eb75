using System.Globalization;
using System.Reflection;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Tools;

/// <summary>Which release this is, from <c>Directory.Build.props</c>.</summary>
internal static class Release
{
    /// <summary>The version of the program.</summary>
    public static string Version { get; } =
        typeof(Release).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>The version of the protocol, as the wire has it.</summary>
    public static string Specification => $"BlackPony {Offer.Version}";

    /// <summary>The day of the release.</summary>
    public static DateOnly Date { get; } = DateOnly.ParseExact(
        typeof(Release).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "ReleaseDate").Value!, "yyyy-MM-dd",
        CultureInfo.InvariantCulture);
}

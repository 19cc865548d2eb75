using System.Globalization;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Reports;

/// <summary>How reports say things.</summary>
internal static class Words
{
    public static string Of(FindingLevel level) =>
        level switch { FindingLevel.Note => "note", FindingLevel.Warning => "warning", _ => "error" };

    public static string Of(UpgradeKind kind) =>
        kind switch { UpgradeKind.None => "none", UpgradeKind.StartTls => "starttls", UpgradeKind.Tls => "tls", _ => "blackpony" };

    /// <summary>A moment in UTC with microseconds; absurd ones are cut to what a calendar holds.</summary>
    public static string Time(long nanoseconds)
    {
        long ticks = Math.Clamp(nanoseconds / 100, DateTime.MinValue.Ticks - DateTime.UnixEpoch.Ticks,
            DateTime.MaxValue.Ticks - DateTime.UnixEpoch.Ticks);
        return new DateTime(DateTime.UnixEpoch.Ticks + ticks, DateTimeKind.Utc)
            .ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
    }

    public static string Size(long octets) => octets switch
    {
        < 10_000 => $"{octets} octets",
        < 10_000_000 => string.Create(CultureInfo.InvariantCulture, $"{octets / 1000.0:0.0} kB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{octets / 1_000_000.0:0.0} MB"),
    };

    public static string Count(long number, string what) => number == 1 ? $"1 {what}" : $"{number} {what}s";

    public static string Upgrade(ObservedSession session) => session.Upgrade switch
    {
        UpgradeKind.None => "plaintext",
        UpgradeKind.StartTls => $"starttls{Tls(session)}{Decrypted(session)}",
        UpgradeKind.Tls => $"tls{Tls(session)}{Decrypted(session)}",
        _ when session.Suite == "ROT" => "blackpony ROT (not encrypted)",
        _ => $"blackpony {session.Suite}",
    };

    private static string Decrypted(ObservedSession session) => session.IsDecrypted ? " (decrypted)" : "";

    // Version, name and certificate, as far as they were shown.
    private static string Tls(ObservedSession session) => session.Tls is not { } tls ? "" : string.Concat(
        tls.Version is null ? "" : $" {tls.Version}",
        tls.ServerName is null ? "" : $" for {tls.ServerName}",
        tls.CertificateNames.Count == 0 ? "" : $" (certificate: {string.Join(", ", tls.CertificateNames.Take(3))})");
}

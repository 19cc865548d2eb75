using System.Runtime.InteropServices;

namespace BlackPony.Tools;

/// <summary>
/// OpenSSL, which .NET loads when something is encrypted for the first time. Without it .NET ends the process then, and with it all
/// sessions.
/// </summary>
internal static class OpenSsl
{
    // In the order in which .NET looks for them, and with its variable.
    private static readonly string?[] Versions = [Environment.GetEnvironmentVariable("CLR_OPENSSL_VERSION_OVERRIDE"), "3", "1.1"];

    /// <summary>What to do, if it is missing; null if it is there.</summary>
    public static string? Missing() => !OperatingSystem.IsLinux() || Versions.OfType<string>().Any(IsThere) ? null
        : "OpenSSL is missing (libssl.so.3): install Debian's package libssl3 or libssl3t64, or what your system calls it.";

    private static bool IsThere(string version) => Loads($"libcrypto.so.{version}") && Loads($"libssl.so.{version}");

    // It stays loaded: .NET needs it anyway.
    private static bool Loads(string name) => NativeLibrary.TryLoad(name, out _);
}

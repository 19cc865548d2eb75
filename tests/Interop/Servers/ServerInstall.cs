using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>The programs that <c>fetch.sh</c> fetches, and what they share.</summary>
internal static class ServerInstall
{
    /// <summary>Where a program's files stand.</summary>
    public static string Folder(string name) => Repository.At("artifacts", "servers", name);

    private static readonly Lazy<bool> Isolates = new(() =>
    {
        using var probe = System.Diagnostics.Process.Start(Daemon.Private("unshare", ["--uts", "true"]))!;
        probe.WaitForExit();
        return probe.ExitCode == 0;
    });

    /// <summary>Skips the test where a program is not there or cannot be started as its users.</summary>
    public static void Need(params string[] names)
    {
        Assert.SkipUnless(Environment.UserName == "root", $"Needs root, to start {string.Join(", ", names)}.");
        NeedFiles(names);
        NeedNamespaces();
    }

    /// <summary>Skips the test where a program is not there.</summary>
    public static void NeedFiles(params string[] names) => Assert.SkipUnless(
        names.All(n => File.Exists(Path.Combine(Folder(n), ".complete"))),
        $"Needs {string.Join(", ", names)} in artifacts/servers; tests/run fetches them.");

    /// <summary>Skips the test where a program cannot have mounts of its own.</summary>
    public static void NeedNamespaces() =>
        Assert.SkipUnless(Isolates.Value, "Needs mount and host name namespaces (unshare), which this machine does not give.");

    /// <summary>The libraries that came along with a program.</summary>
    public static string Libraries(string name) =>
        $"{Folder(name)}/usr/lib/x86_64-linux-gnu:{Folder(name)}/lib/x86_64-linux-gnu:{Folder(name)}/usr/lib";

    /// <summary>Makes a folder that every user may read.</summary>
    public static string Open(string folder)
    {
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        return folder;
    }

    /// <summary>Writes a self-signed certificate, and its key for its owner only.</summary>
    public static (string Certificate, string Key) Certify(string folder, string host)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest($"CN={host}", key,
            HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        var (certificateFile, keyFile) = (Path.Combine(folder, "cert.pem"), Path.Combine(folder, "key.pem"));
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(keyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return (certificateFile, keyFile);
    }
}

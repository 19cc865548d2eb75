using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using BlackPony.Conformance.Targets;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;

namespace BlackPony.Tests.Conformance.StartTls;

/// <content>Certificates, ends, handshakes and records.</content>
internal static partial class MailClientFaults
{
    private static IReadOnlyList<MailClientFault> Certificates =>
    [
        new("TLS-7817.3-2", "TC-4.1-1", "refuses a certificate for the name that it meant")
        {
            Trusts = (_, _, _, _) => false,
        },
        new("TLS-7817.3-2", "TC-7817.3-3", "does not compare the name")
        {
            Trusts = (_, certificate, errors, _) => errors == SslPolicyErrors.None
                || (errors == SslPolicyErrors.RemoteCertificateNameMismatch && !certificate.Subject.Contains('*')),
        },
        new("TLS-7817.3-3", "TC-7817.3-4", "matches a wildcard in a part of the label")
        {
            Trusts = (_, certificate, errors, _) => errors == SslPolicyErrors.None
                || (errors == SslPolicyErrors.RemoteCertificateNameMismatch && certificate.Subject.Contains('*')),
        },
        new("TLS-7817.3-1", "TC-7817.3-2", "accepts every authority")
        {
            Trusts = (_, certificate, errors, _) => errors == SslPolicyErrors.None || certificate.Issuer.Contains("Another"),
        },
        new("TLS-7817.3-1", "TC-7817.3-6", "makes an anonymous handshake")
        {
            Shakes = (c, stream) => c.Order.Policy == MailPolicy.Verify
                ? BouncyAsync(stream, new AnyTls { Suites = [CipherSuite.TLS_ECDH_anon_WITH_AES_128_CBC_SHA] })
                : c.ShakeAsync(stream),
            AlsoFails = "TC-4.1-2 TC-5280.4.2.1.12-1 TC-5280.6.1.3-1 TC-7817.3-1 TC-7817.3-2 TC-7817.3-3 TC-7817.3-4",
        },
        new("TLS-8314.5-1", "TC-7817.3-1", "sends its credentials to a server whose certificate signs itself, and no mail")
        {
            Trusts = SelfSigned,
            LogsIn = async c =>
            {
                if (!c.Flag)
                {
                    return null;
                }

                await c.AskAsync($"AUTH PLAIN {c.Secret}");
                return false;
            },
            AlsoFails = "TC-4.1-2 TC-6-18",
        },
        new("TLS-4.1-3", "TC-4.1-2", "accepts a certificate that signs itself") { Trusts = SelfSigned, AlsoFails = "TC-7817.3-1" },
        new("TLS-4.1-4", "TC-4.1-2", "says EHLO before it leaves a server whose certificate is wrong")
        {
            Trusts = (c, _, errors, _) =>
            {
                c.Flag = errors != SslPolicyErrors.None;
                return true;
            },
            LogsIn = c => Task.FromResult(c.Flag && c.Order.Policy == MailPolicy.Verify ? false : (bool?)null),
        },
        new("TLS-5280.6.1.3-1", "TC-5280.6.1.3-1", "does not look at the validity period")
        {
            Trusts = (_, _, errors, chain) => IsOnly(errors, chain, X509ChainStatusFlags.NotTimeValid),
        },
        new("TLS-5280.4.2.1.12-1", "TC-5280.4.2.1.12-1", "does not look at the extended key usage")
        {
            Trusts = (_, _, errors, chain) => IsOnly(errors, chain, X509ChainStatusFlags.NotValidForUsage),
        },
    ];

    private static IReadOnlyList<MailClientFault> Ends =>
    [
        new("TLS-5321.4.2.5-1", "TC-5321.4.2.5-1 TC-5321.4.2.5-2 TC-5321.4.2.5-3 TC-5321.4.2.5-4 TC-5321.4.2.5-5 TC-5321.4.2.5-6 "
            + "TC-5321.4.2.5-7 TC-5321.4.2.5-8", "treats an end after the message as its acceptance")
        {
            Ends = (_, line) => line.EndsWith("\r\n.", StringComparison.Ordinal) ? FaultyMailClient.Ok() : null,
        },
    ];

    private static IReadOnlyList<MailClientFault> Handshake =>
    [
        new("TLS-9325.3.1.1-5", "TC-9325.3.1.1-1", "speaks TLS 1.3 alone") { Tls = (_, o) => o.EnabledSslProtocols = SslProtocols.Tls13 },
        new("TLS-9325.3.1.1-6", "TC-9325.3.1.1-2", "speaks TLS 1.2 alone") { Tls = (_, o) => o.EnabledSslProtocols = SslProtocols.Tls12 },
        Bouncing("TLS-8996.4-2", "TC-8996.4-1", "speaks TLS 1.0", new() { Versions = [ProtocolVersion.TLSv12, ProtocolVersion.TLSv10] }),
        Bouncing("TLS-8996.5-2", "TC-8996.5-1", "speaks TLS 1.1", new() { Versions = [ProtocolVersion.TLSv12, ProtocolVersion.TLSv11] }),
        Bouncing("TLS-9325.4.1-2", "TC-9325.4.1-1", "offers a suite that does not encrypt",
            new() { Suites = [CipherSuite.TLS_RSA_WITH_NULL_SHA256] }),
        Bouncing("TLS-9325.3.8-1", "TC-9325.3.8-1", "accepts any protocol", new() { Protocol = "smtp" }),
        Bouncing("TLS-6066.3-2", "TC-6066.3-2", "sends an address as server_name", new() { Name = "127.0.0.1" }),
        new("TLS-6066.3-1", "TC-6066.3-1", "sends no server_name")
        {
            Tls = (c, o) => o.TargetHost = c.Order.Policy == MailPolicy.Verify ? o.TargetHost : "",
        },
        new("TLS-9325.3.5-2", "TC-9325.3.5-1", "sends no renegotiation_info")
        {
            Goes = octets =>
            {
                int at = octets is [22, ..] ? octets.AsSpan().IndexOf((byte[])[0, 0xff, 1]) : -1;
                int information = octets is [22, ..] ? octets.AsSpan().IndexOf((byte[])[0xff, 1, 0, 1, 0]) : -1;
                octets = [.. octets];
                if (at > 0)
                {
                    octets[at + 1] = 0xfe;
                }

                if (information > 0)
                {
                    octets[information] = 0xfe;
                }

                return octets;
            },
            Wide = "No handshake succeeds: its hash is another.",
        },
        new("TLS-9325.3.5-2", "TC-9325.3.5-2", "ends the connection at a HelloRequest without an alert")
        {
            Came = (c, octets) => c.IsInside && octets[0] == 22 ? throw new IOException("HelloRequest") : Task.FromResult<byte[]?>(octets),
        },
    ];

    private static IReadOnlyList<MailClientFault> Records =>
    [
        Ending("TLS-9846.5.1-2", "TC-9846.5.1-1", "ends the session at a record without content", 0),
        Ending("TLS-9846.5.1-4", "TC-9846.5.1-2", "ends the session at a record of one octet", 1),
        new("TLS-9846.5.1-4", "TC-9846.5.1-3", "loses the second reply of a record")
        {
            Mails = async c =>
            {
                if (!c.Has("PIPELINING"))
                {
                    return null;
                }

                await c.AskAsync($"MAIL FROM:<{c.Order.From}>\r\nRCPT TO:<{c.Order.To}>");
                return c.Waiting.Count > 0 ? false : null;
            },
        },
        Ending("TLS-9846.4.7.1-1", "TC-9846.4.7.1-1", "ends the session at a ticket", 26),
        Ending("TLS-9846.4.7.3-2", "TC-9846.4.7.3-1", "ends the session at a KeyUpdate", 5),
        new("TLS-9846.5.2-3", "TC-9846.5.2-1", "treats a record that does not decrypt as a positive reply")
        {
            Came = (c, octets) => c.IsInside && IsRecord(octets, 24) ? throw new IOException("tampered") : Task.FromResult<byte[]?>(octets),
            Ends = (c, line) => c.IsInside && line.StartsWith("EHLO", StringComparison.Ordinal) ? FaultyMailClient.Ok() : null,
            AlsoFails = "TC-4.2-17 TC-5321.3.8-1 TC-9846.5-1",
        },
        new("TLS-9846.6.1-2", "TC-9846.6.1-1", "ends without close_notify") { EndsWithoutNotify = true },
    ];

    private static bool SelfSigned(FaultyMailClient client, X509Certificate2 certificate, SslPolicyErrors errors, X509Chain chain)
    {
        client.Flag = certificate.Subject == certificate.Issuer;
        return errors == SslPolicyErrors.None || client.Flag;
    }

    private static bool IsOnly(SslPolicyErrors errors, X509Chain chain, X509ChainStatusFlags flag) => errors == SslPolicyErrors.None
        || (errors == SslPolicyErrors.RemoteCertificateChainErrors && chain.ChainStatus.All(s => s.Status == flag));

    // A record of TLS 1.3 with so many octets of content.
    private static bool IsRecord(byte[] octets, int content) => octets.AsSpan().StartsWith((byte[])[23, 3, 3, 0, (byte)(content + 17)]);

    private static MailClientFault Ending(string breaks, string caughtBy, string does, int content) => new(breaks, caughtBy, does)
    {
        Came = (c, octets) => Task.FromResult(c.IsInside && IsRecord(octets, content) ? null : octets),
    };

    private static MailClientFault Bouncing(string breaks, string caughtBy, string does, AnyTls tls) => new(breaks, caughtBy, does)
    {
        AlsoFails = tls.Name is null ? "TC-6066.3-1 TC-9846.6.1-1 TC-9325.3.1.1-2" : "",
        Shakes = (c, stream) => c.Order.Policy == MailPolicy.Verify
            || (tls.Name is { } n && n != c.Order.Host)
            ? c.ShakeAsync(stream)
            : BouncyAsync(stream, tls),
    };

    // A handshake with BouncyCastle, which does what no platform does any more.
    private static async Task<Stream> BouncyAsync(Stream stream, AnyTls tls)
    {
        var protocol = new TlsClientProtocol(stream);
        await Task.Run(() => protocol.Connect(new AnyClient(tls)));
        return protocol.Stream;
    }

    private sealed record AnyTls
    {
        public ProtocolVersion[] Versions { get; init; } = [ProtocolVersion.TLSv13, ProtocolVersion.TLSv12];

        public int[] Suites { get; init; } = [];

        public string? Protocol { get; init; }

        public string? Name { get; init; }
    }

    private sealed class AnyClient(AnyTls tls) : DefaultTlsClient(new BcTlsCrypto(new SecureRandom()))
    {
        public override TlsAuthentication GetAuthentication() => new Trusting();

        protected override ProtocolVersion[] GetSupportedVersions() => tls.Versions;

        protected override int[] GetSupportedCipherSuites() =>
            [.. base.GetSupportedCipherSuites(), CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, .. tls.Suites];

        protected override IList<ProtocolName>? GetProtocolNames() => tls.Protocol is { } name ? [ProtocolName.AsUtf8Encoding(name)] : null;

        protected override IList<ServerName>? GetSniServerNames() =>
            tls.Name is { } name ? [new ServerName(NameType.host_name, Encoding.ASCII.GetBytes(name))] : null;
    }

    private sealed class Trusting : TlsAuthentication
    {
        public void NotifyServerCertificate(TlsServerCertificate serverCertificate)
        {
        }

        public TlsCredentials? GetClientCredentials(Org.BouncyCastle.Tls.CertificateRequest certificateRequest) => null;
    }
}

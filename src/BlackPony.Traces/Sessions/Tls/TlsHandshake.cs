using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>Reads the hellos and, where it is shown, the certificate (RFC 8446 4.1, 4.4.2; RFC 5246 7.4.2).</summary>
/// <param name="report">Where to.</param>
/// <param name="parameters">What the records need of it.</param>
/// <param name="sender">Whose handshake it is.</param>
internal sealed class TlsHandshake(TlsReport report, TlsParameters parameters, Role sender)
{
    private const int MaxMessage = 65536;
    private const int MaxNames = 16;

    // "HelloRetryRequest", hashed (RFC 8446 4.1.3): the real hello is yet to come.
    private static readonly byte[] Retry = SHA256.HashData("HelloRetryRequest"u8);

    private byte[] _message = [];
    private bool _over;

    /// <summary>Octets of handshake records.</summary>
    public void Take(ReadOnlySpan<byte> octets)
    {
        if (_over || _message.Length + octets.Length > MaxMessage)
        {
            (_over, _message) = (true, []);
            return;
        }

        _message = [.. _message, .. octets];
        while (_message.Length >= 4)
        {
            int length = (_message[1] << 16) | (_message[2] << 8) | _message[3];
            if (length > MaxMessage)
            {
                _over = true;
                return;
            }

            if (_message.Length < 4 + length)
                return;

            Message(_message[0], _message.AsSpan(4, length));
            _message = _message[(4 + length)..];
        }
    }

    /// <summary>Is called when a Finished came, and when a KeyUpdate came.</summary>
    public Action<bool>? OnFinished { get; init; }

    /// <summary>What follows is encrypted.</summary>
    public void Stop() => (_over, _message) = (true, []);

    private void Message(byte type, ReadOnlySpan<byte> body)
    {
        switch (type)
        {
            case 1:
                Client(body);
                break;
            case 2:
                Server(body);
                break;
            case 11 when sender == Role.Server:
                // TLS 1.3 has a context in front (RFC 8446 4.4.2).
                Certificate(parameters.Is13 ? Vector(body, 1, out _) : body);
                break;
            case 20:
                OnFinished?.Invoke(true);
                break;
            case 24:
                OnFinished?.Invoke(false);
                break;
            default:
                break;
        }
    }

    private void Client(ReadOnlySpan<byte> body)
    {
        if (body.Length >= 34)
            parameters.ClientRandom = body[2..34].ToArray();

        var rest = Vector(Skip(body, 34), 1, out _);
        rest = Vector(rest, 2, out _);
        rest = Vector(rest, 1, out _);
        _ = Vector(rest, 2, out var extensions);
        while (extensions.Length >= 4)
        {
            int type = BinaryPrimitives.ReadUInt16BigEndian(extensions);
            extensions = Vector(extensions[2..], 2, out var value);
            // server_name, of which there is one, a host's (RFC 6066 3).
            if (type == 0 && value.Length > 5)
            {
                _ = Vector(value[3..], 2, out var name);
                report.ServerName ??= name.IsEmpty ? null : Escape.Octets(name, 255);
            }
        }
    }

    private void Server(ReadOnlySpan<byte> body)
    {
        if (body.Length < 38)
            return;

        int version = BinaryPrimitives.ReadUInt16BigEndian(body);
        bool macOfCiphertext = false;
        var rest = Vector(Skip(body, 34), 1, out _);
        if (rest.Length >= 2)
            report.CipherSuite = BinaryPrimitives.ReadUInt16BigEndian(rest);

        _ = Vector(Skip(rest, 3), 2, out var extensions);
        while (extensions.Length >= 4)
        {
            int type = BinaryPrimitives.ReadUInt16BigEndian(extensions);
            extensions = Vector(extensions[2..], 2, out var value);
            // supported_versions.
            version = type == 43 && value.Length == 2 ? BinaryPrimitives.ReadUInt16BigEndian(value) : version;
            // encrypt_then_mac.
            macOfCiphertext |= type == 22;
        }

        parameters.Version = version;
        if (!body[2..34].SequenceEqual(Retry))
        {
            parameters.ServerRandom = body[2..34].ToArray();
            (parameters.Suite, parameters.MacOfCiphertext) = (TlsSuite.Find(report.CipherSuite ?? 0), macOfCiphertext);
        }

        report.Version = version switch { 0x0300 => "SSL 3.0", 0x0301 => "TLS 1.0", 0x0302 => "TLS 1.1", 0x0303 => "TLS 1.2",
            0x0304 => "TLS 1.3", _ => $"0x{version:x4}" };
    }

    private void Certificate(ReadOnlySpan<byte> body)
    {
        _ = Vector(body, 3, out var list);
        _ = Vector(list, 3, out var first);
        if (first.IsEmpty || report.CertificateNames.Count > 0)
            return;

        try
        {
            using var certificate = X509CertificateLoader.LoadCertificate(first);
            var names = new List<string>();
            foreach (var extension in certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>())
                names.AddRange(extension.EnumerateDnsNames());

            var own = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
            if (own.Length > 0)
                names.Add(own);

            report.CertificateNames = [.. names.Distinct(StringComparer.OrdinalIgnoreCase).Take(MaxNames)
                .Select(n => Escape.Octets(Encoding.UTF8.GetBytes(n), 255))];
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            // No certificate that anybody reads.
            _over = true;
        }
    }

    private static ReadOnlySpan<byte> Skip(ReadOnlySpan<byte> octets, int count) => octets.Length < count ? default : octets[count..];

    // A vector with so many octets of length in front; what is behind it is returned.
    private static ReadOnlySpan<byte> Vector(ReadOnlySpan<byte> octets, int width, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (octets.Length < width)
            return default;

        int length = 0;
        for (int i = 0; i < width; i++)
            length = (length << 8) | octets[i];

        octets = octets[width..];
        value = octets[..Math.Min(length, octets.Length)];
        return octets[value.Length..];
    }
}

using Org.BouncyCastle.Tls;

namespace BlackPony.Conformance.Tls;

/// <summary>The octets of the suite's side of a TLS session, client or server: records can be made that no application asks for.</summary>
internal interface IProbeTls
{
    bool IsConnected { get; }

    bool IsClosed { get; }

    void OfferInput(byte[] input);

    void WriteApplicationData(ReadOnlySpan<byte> octets);

    int GetAvailableOutputBytes();

    int ReadOutput(byte[] buffer, int offset, int length);

    int GetAvailableInputBytes();

    int ReadInput(byte[] buffer, int offset, int length);

    /// <summary>A record with this content, which may be none.</summary>
    void Record(short type, byte[] content);

    /// <summary>A KeyUpdate that asks for one in return.</summary>
    void UpdateKeys();

    /// <summary>close_notify, after which what comes is still read.</summary>
    void Notify();

    /// <summary>A fatal alert.</summary>
    static byte[] Alert(short description) => [21, 3, 3, 0, 2, (byte)AlertLevel.fatal, (byte)description];
}

/// <summary>What both sides have in common.</summary>
internal static class ProbeTls
{
    /// <summary>What waits to be sent.</summary>
    public static byte[] Output(this IProbeTls tls)
    {
        var output = new byte[tls.GetAvailableOutputBytes()];
        tls.ReadOutput(output, 0, output.Length);
        return output;
    }

    /// <summary>Plaintext that came.</summary>
    public static byte[] Input(this IProbeTls tls)
    {
        var input = new byte[tls.GetAvailableInputBytes()];
        tls.ReadInput(input, 0, input.Length);
        return input;
    }
}

/// <summary>A client's side.</summary>
internal sealed class ProbeTlsOfClient : TlsClientProtocol, IProbeTls
{
    public void Record(short type, byte[] content) => SafeWriteRecord(type, content, 0, content.Length);

    public void UpdateKeys() => Send13KeyUpdate(true);

    public void Notify() => RaiseAlertWarning(AlertDescription.close_notify, "the end");
}

/// <summary>A server's side.</summary>
/// <param name="protocol">A protocol that it selects in TLS 1.3, whatever the client listed; null for none.</param>
internal sealed class ProbeTlsOfServer(string? protocol) : TlsServerProtocol, IProbeTls
{
    public void Record(short type, byte[] content) => SafeWriteRecord(type, content, 0, content.Length);

    public void UpdateKeys() => Send13KeyUpdate(true);

    public void Notify() => RaiseAlertWarning(AlertDescription.close_notify, "the end");

    // Here, since the library drops what the client did not ask for.
    protected override void Send13EncryptedExtensionsMessage(IDictionary<int, byte[]> serverExtensions)
    {
        if (protocol is not null)
            TlsExtensionsUtilities.AddAlpnExtensionServer(serverExtensions, ProtocolName.AsUtf8Encoding(protocol));

        base.Send13EncryptedExtensionsMessage(serverExtensions);
    }
}

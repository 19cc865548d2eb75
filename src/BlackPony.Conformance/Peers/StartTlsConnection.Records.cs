using System.Text;
using BlackPony.Conformance.Tls;
using Org.BouncyCastle.Tls;

namespace BlackPony.Conformance.Peers;

/// <content>Records as a case makes them, and octets outside them.</content>
public sealed partial class StartTlsConnection
{
    /// <summary>Sends octets as they are, outside the TLS session.</summary>
    public async Task SendRawAsync(ReadOnlyMemory<byte> octets)
    {
        _transcript.Raw(_me, octets.Span);
        _sent = $"{Expect.Show(octets.Span, 40)} outside the TLS session";
        await WriteAsync(octets);
    }

    /// <summary>Sends text inside, each octet in a record of its own, or with what else is to be done to the records.</summary>
    /// <param name="text">The text, in Latin-1.</param>
    /// <param name="each">Octets in a record.</param>
    /// <param name="edit">Changes the records.</param>
    public async Task SendRecordsAsync(string text, int each = int.MaxValue, Func<byte[], byte[]>? edit = null)
    {
        var octets = Encoding.Latin1.GetBytes(text);
        Say(octets);
        for (int i = 0; i < octets.Length; i += Math.Min(each, octets.Length))
            _tls.WriteApplicationData(octets.AsSpan(i, Math.Min(each, octets.Length - i)));

        var records = _tls.Output();
        await WriteAsync(edit?.Invoke(records) ?? records);
    }

    /// <summary>Sends records without content.</summary>
    public async Task SendEmptyAsync(int count)
    {
        for (int i = 0; i < count; i++)
            _tls.Record(ContentType.application_data, []);

        _transcript.Event($"{count} records without content");
        await WriteAsync(_tls.Output());
    }

    /// <summary>Goes to new keys, and asks the peer to do so.</summary>
    public async Task UpdateKeysAsync()
    {
        _tls.UpdateKeys();
        _transcript.Event("KeyUpdate");
        await WriteAsync(_tls.Output());
    }

    /// <summary>Sends handshake messages inside the TLS session.</summary>
    /// <param name="messages">The messages.</param>
    internal async Task SendHandshakeAsync(params byte[][] messages)
    {
        foreach (var message in messages)
            _tls.Record(ContentType.handshake, message);

        _transcript.Event($"{messages.Length} handshake message(s) of type {messages[0][0]}");
        await WriteAsync(_tls.Output());
    }

    /// <summary>Sends close_notify.</summary>
    /// <param name="text">What goes before it in the same segment.</param>
    public async Task CloseTlsAsync(string text = "")
    {
        var octets = Encoding.Latin1.GetBytes(text);
        if (octets.Length > 0)
        {
            Say(octets);
            _tls.WriteApplicationData(octets.AsSpan());
        }

        var records = _tls.Output();
        _tls.Notify();
        _transcript.Event("close_notify");
        await WriteAsync((byte[])[.. records, .. _tls.Output()]);
    }
}

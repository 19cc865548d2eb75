using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Soak;

/// <summary>Those who come to port 25 of any machine: scanners, browsers, clients that break off, and worse.</summary>
internal static class OddVisitors
{
    private static readonly string[] Says =
    [
        "",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "EHLO x.test\r\nQUIT\r\n",
        "EHLO x.test\r\nXBLACKPONY V1 NO-SUCH-SUITE AAAA\r\nQUIT\r\n",
        "EHLO x.test\r\nXBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA\r\n",
        "EHLO x.test\r\nXBLACKPONY V1 X25519-CHACHA20POLY1305 CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
        "EHLO x.test\r\nXBLACKPONY V1 X25519-CHACHA20POLY1305 CQAAAAAAAAAA",
        "EHLO x.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<r@vault.test>\r\nDATA\r\nSubject: never whole\r\n",
        "EHLO x.test\nMAIL FROM:<a@x.test>\n",
        "XCLIENT ADDR=127.0.0.1\r\nPROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\nQUIT\r\n",
        new string('A', 40_000),
        "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    ];

    /// <summary>One visit: says something, now and then waits for what it gets, and goes in one way or the other.</summary>
    public static async Task VisitAsync(int port, Random random)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync("127.0.0.1", port);
            var says = Encoding.Latin1.GetBytes(Says[random.Next(Says.Length)]);
            var octets = new byte[4096];
            if (random.Next(2) == 0)
            {
                await socket.ReceiveAsync(octets);
            }

            for (int sent = 0; sent < says.Length;)
            {
                // In pieces, as over a slow line.
                int piece = Math.Min(says.Length - sent, random.Next(1, 2000));
                sent += await socket.SendAsync(says.AsMemory(sent, piece));
            }

            if (random.Next(2) == 0)
            {
                using var patience = new CancellationTokenSource(200);
                await socket.ReceiveAsync(octets, patience.Token);
            }

            socket.LingerState = new LingerOption(random.Next(2) == 0, 0);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
        }
    }
}

using System.Net;
using System.Net.Sockets;

namespace BlackPony.Tests;

/// <summary>Ports of 127.0.0.1 for programs that a test starts.</summary>
internal static class FreePorts
{
    private const int FirstPort = 12000;

    // Where two runs are at work, each begins elsewhere.
    private static int _ports = Environment.ProcessId * 97 % (32768 - FirstPort);

    /// <summary>
    /// A port of 127.0.0.1 that is free, and stays so until a server takes it:
    /// below those that the system gives to connections, and given here once.
    /// </summary>
    public static int Next()
    {
        while (true)
        {
            int port = FirstPort + (Interlocked.Increment(ref _ports) % (32768 - FirstPort));
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody's.
            }
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Hosting;

/// <summary>Tells systemd how the service does (sd_notify(3)); without systemd it tells nobody.</summary>
public static class ServiceManager
{
    /// <summary>The service serves.</summary>
    public static void Ready() => Notify("READY=1");

    /// <summary>The service reads its configuration again; <see cref="Ready"/> follows.</summary>
    public static void Reloading() =>
        Notify(string.Create(CultureInfo.InvariantCulture,
            $"RELOADING=1\nMONOTONIC_USEC={Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000)}"));

    /// <summary>The service comes to its end.</summary>
    public static void Stopping() => Notify("STOPPING=1");

    private static void Notify(string state)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not [_, ..] path)
            return;

        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            // '@' stands for the abstract namespace's NUL.
            socket.SendTo(Encoding.UTF8.GetBytes(state), new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path));
        }
        catch (SocketException)
        {
            // Whoever started us has gone: the service goes on.
        }
    }
}

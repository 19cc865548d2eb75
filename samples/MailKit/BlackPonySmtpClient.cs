using System.Net.Sockets;
using BlackPony.Streams;
using MailKit.Net.Smtp;
using MailKit.Security;

namespace BlackPony.Samples;

/// <summary>MailKit's client, connected by BlackPony.</summary>
internal static class BlackPonySmtpClient
{
    /// <summary>Connects, upgrades, and lets MailKit begin its session inside.</summary>
    /// <returns>The stream, which tells suite and IDENT keys; the client disposes of it with itself.</returns>
    /// <exception cref="System.Security.Authentication.AuthenticationException">The server does not encrypt by BlackPony.</exception>
    public static async Task<BlackPonyStream> ConnectAsync(
        SmtpClient client, string host, int port, BlackPonyClientAuthenticationOptions options, CancellationToken cancel = default)
    {
        // MailKit begins with the greeting, and negotiates no TLS inside.
        (options.TargetHost, options.TargetPort, options.BeginsWithGreeting) = (host, port, true);
        var tcp = new TcpClient();
        try
        {
            await tcp.ConnectAsync(host, port, cancel);
            var stream = await BlackPonyStream.AuthenticateAsClientAsync(tcp.GetStream(), options, cancel);
            await client.ConnectAsync(stream, host, port, SecureSocketOptions.None, cancel);
            return stream;
        }
        catch
        {
            tcp.Dispose();
            throw;
        }
    }
}

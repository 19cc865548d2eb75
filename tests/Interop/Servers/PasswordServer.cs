using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>
/// What a Postfix asks about passwords, in Dovecot's protocol: PLAIN, and there is one user, <c>me</c> with <c>secret</c>.
/// </summary>
internal sealed class PasswordServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public PasswordServer()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>Lines for main.cf.</summary>
    public string Main =>
        "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:127.0.0.1:"
            + $"{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private static async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                using var reader = new StreamReader(client.GetStream());
                await SayAsync("VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00000000000000000000000000000000\nDONE\n");
                while (await reader.ReadLineAsync() is { } line)
                {
                    var fields = line.Split('\t');
                    var response = fields[0] == "CONT"
                        ? fields[2]
                        : fields.FirstOrDefault(f => f.StartsWith("resp=", StringComparison.Ordinal))?[5..];
                    if (response is not null)
                    {
                        bool good = Encoding.ASCII.GetString(Convert.FromBase64String(response)) == "\0me\0secret";
                        await SayAsync($"{(good ? "OK" : "FAIL")}\t{fields[1]}\tuser=me\n");
                    }
                    else if (fields[0] == "AUTH")
                    {
                        await SayAsync($"CONT\t{fields[1]}\t\n");
                    }
                }

                Task SayAsync(string text) => client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text)).AsTask();
            }
            catch (IOException)
            {
            }
        }
    }
}

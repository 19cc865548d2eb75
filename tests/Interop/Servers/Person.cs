using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A person with a telnet program.</summary>
internal sealed class Person(TcpClient client) : IDisposable
{
    private readonly StreamReader _reader = new(client.GetStream(), Encoding.Latin1);

    public static async Task<Person> ConnectAsync(int port)
    {
        var client = new TcpClient { ReceiveTimeout = 30000 };
        await client.ConnectAsync("127.0.0.1", port);
        var person = new Person(client);
        await person.ExpectAsync("220");
        return person;
    }

    public static async Task RefusedAsync(int port, string code = "421")
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port);
        using var person = new Person(client);
        await person.ExpectAsync(code);
    }

    /// <summary>Says a line and expects a reply.</summary>
    /// <returns>The reply's lines.</returns>
    public async Task<string> SayAsync(string line, string code)
    {
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"), TestContext.Current.CancellationToken);
        return await ExpectAsync(code);
    }

    /// <summary>Expects a reply.</summary>
    /// <returns>The reply's lines.</returns>
    public async Task<string> ExpectAsync(string code)
    {
        var reply = new StringBuilder();
        string? line;
        do
        {
            line = await _reader.ReadLineAsync(TestContext.Current.CancellationToken);
            reply.Append(line).Append('\n');
        }
        while (line is { Length: > 3 } && line[3] == '-');
        Assert.StartsWith(code, line, StringComparison.Ordinal);
        return reply.ToString();
    }

    public void Dispose() => client.Dispose();
}

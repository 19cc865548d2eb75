using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A person with a telnet program.</summary>
internal sealed class SmtpUser(Stream input, Stream output, IDisposable owner) : IDisposable
{
    private readonly StreamReader _reader = new(input, Encoding.Latin1);

    public SmtpUser(TcpClient client)
        : this(client.GetStream(), client.GetStream(), client)
    {
    }

    public static async Task<SmtpUser> ConnectAsync(int port)
    {
        var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port);
        var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        return person;
    }

    /// <summary>Speaks through <c>blackpony mailer</c>: inside BlackPony, or not at all.</summary>
    public static async Task<SmtpUser> ConnectInsideAsync(int port)
    {
        var start = new ProcessStartInfo(BlackPonyProgram.File, ["mailer", "--policy", "required", "--port", $"{port}", "[127.0.0.1]"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var mailer = Process.Start(start)!;
        var person = new SmtpUser(mailer.StandardOutput.BaseStream, mailer.StandardInput.BaseStream, mailer);
        await person.ExpectAsync("220");
        return person;
    }

    public static async Task RefusedAsync(int port, string code = "421")
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port);
        using var person = new SmtpUser(client);
        await person.ExpectAsync(code);
    }

    /// <summary>Says a line and expects a reply.</summary>
    /// <returns>The reply's lines.</returns>
    public async Task<string> SayAsync(string line, string code)
    {
        try
        {
            await WriteAsync(line).WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        }
        catch (IOException)
        {
            // Who hung up within the line may have said why before.
        }

        return await ExpectAsync(code);
    }

    /// <summary>Says all that stands before a message of one recipient.</summary>
    public async Task BeginMessageAsync(string recipient)
    {
        await SayAsync("EHLO a.test", "250");
        await SayAsync("MAIL FROM:<s@a.test>", "250");
        await SayAsync($"RCPT TO:<{recipient}>", "250");
        await SayAsync("DATA", "354");
    }

    /// <summary>Says a line.</summary>
    /// <returns>Whether the reply is a 2yz.</returns>
    public async Task<bool> AskAsync(string line) => (await SayAsync(line, "")).Split('\n')[^2].StartsWith('2');

    /// <summary>Expects a reply.</summary>
    /// <returns>The reply's lines.</returns>
    public async Task<string> ExpectAsync(string code)
    {
        var reply = new StringBuilder();
        string? line;
        do
        {
            line = await _reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask()
                .WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
            reply.Append(line).Append('\n');
        }
        while (line is { Length: > 3 } && line[3] == '-');
        Assert.StartsWith(code, line, StringComparison.Ordinal);
        return reply.ToString();
    }

    public void Dispose() => owner.Dispose();

    private async Task WriteAsync(string line)
    {
        await output.WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"), TestContext.Current.CancellationToken);
        await output.FlushAsync(TestContext.Current.CancellationToken);
    }
}

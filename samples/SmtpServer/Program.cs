// An SMTP server with BlackPony that counts what it gets:
//   dotnet run --project samples/SmtpServer -- PORT
using System.Buffers;
using System.Globalization;
using System.Net;
using BlackPony.Samples;
using BlackPony.Streams;
using SmtpServer;
using SmtpServer.ComponentModel;
using SmtpServer.Net;
using SmtpServer.Protocol;
using SmtpServer.Storage;

if (args is not [var number] || !int.TryParse(number, CultureInfo.InvariantCulture, out int port))
{
    Console.Error.WriteLine("usage: sample-smtpserver PORT");
    return 2;
}

var services = new ServiceProvider();
services.Add((IEndpointListenerFactory)new BlackPonyListenerFactory(new BlackPonyServerAuthenticationOptions
{
    ServerName = "sample.test",
    BeginsWithGreeting = true,
    AllowPlaintext = true,
    PlaintextExtensions = ["PIPELINING", "8BITMIME", "SMTPUTF8"],
}));
services.Add((IMessageStore)new CountingStore());
var options = new SmtpServerOptionsBuilder().ServerName("sample.test")
    .Endpoint(e => e.Endpoint(new IPEndPoint(IPAddress.Loopback, port)))
    .Build();
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
var server = new SmtpServer.SmtpServer(options, services).StartAsync(stop.Token);
Console.WriteLine($"listening on 127.0.0.1:{port}");
await server;
return 0;

internal sealed class CountingStore : MessageStore
{
    public override Task<SmtpResponse> SaveAsync(
        ISessionContext context, IMessageTransaction transaction, ReadOnlySequence<byte> buffer, CancellationToken cancellationToken)
    {
        Console.WriteLine($"{buffer.Length} octets, {(context.Pipe.IsSecure ? "encrypted" : "in plaintext")}");
        return Task.FromResult(SmtpResponse.Ok);
    }
}

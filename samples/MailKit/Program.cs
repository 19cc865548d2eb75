// Sends one message to an SMTP server that has BlackPony, for example 'blackpony listen':
//   dotnet run --project samples/MailKit -- HOST PORT SENDER RECIPIENT < message
using BlackPony.Samples;
using BlackPony.Streams;
using MailKit.Net.Smtp;
using MimeKit;

if (args is not [var host, var number, var from, var to] || !int.TryParse(number, out int port))
{
    Console.Error.WriteLine("usage: sample-mailkit HOST PORT SENDER RECIPIENT < message");
    return 2;
}

try
{
    using var client = new SmtpClient();
    var stream = await BlackPonySmtpClient.ConnectAsync(client, host, port, new BlackPonyClientAuthenticationOptions());
    var message = await MimeMessage.LoadAsync(Console.OpenStandardInput());
    await client.SendAsync(message, MailboxAddress.Parse(from), [MailboxAddress.Parse(to)]);
    await client.DisconnectAsync(quit: true);
    Console.WriteLine($"sent under {stream.NegotiatedSuite}, closed: {stream.Report.Closed}");
    return 0;
}
catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException
    or System.Net.Sockets.SocketException or SmtpCommandException or SmtpProtocolException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

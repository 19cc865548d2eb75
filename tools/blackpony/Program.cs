using System.CommandLine;
using System.CommandLine.Invocation;
using BlackPony.Tools;

var root = new RootCommand("BlackPony encrypts the SMTP between two mailers that both know how, and speaks ordinary SMTP with everyone else.")
{
    ListenCommand.Create(),
    MailerCommand.Create(),
};
Help.Install(root, """
      blackpony listen --listen 0.0.0.0:25 --backend 127.0.0.1:10025
      blackpony mailer --policy remembered --memory /var/lib/blackpony/memory example.org
    """);
var result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (result.Action is ParseErrorAction)
{
    Console.Error.WriteLine($"blackpony: {result.Errors.First(e => e.Message.Length > 0).Message} Try --help.");
    return 2;
}

return await result.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromHours(2) });

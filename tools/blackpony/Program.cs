using System.CommandLine;
using System.CommandLine.Invocation;
using BlackPony.Tools;

var root = new RootCommand("BlackPony encrypts the SMTP between two mailers that both know how, and speaks ordinary SMTP with everyone else.")
{
    ListenCommand.Create(),
    MailerCommand.Create(),
    RelayCommand.Create(),
};
Help.Install(root, """
      blackpony listen --listen 0.0.0.0:25 --backend 127.0.0.1:10025
      blackpony mailer --policy remembered --memory /var/lib/blackpony/memory example.org
      blackpony relay --listen 127.0.0.1:2526
    """);
ParseResult result;
try
{
    result = ConfigFile.Parse(root, args);
}
catch (FormatException e)
{
    Terminal.Say(e.Message);
    return 2;
}

if (result.Action is ParseErrorAction)
{
    Terminal.Say($"{result.Errors.First(e => e.Message.Length > 0).Message} Try --help.");
    return 2;
}

// A service has its own answer to signals; what mailer was doing is not acknowledged, and so not lost.
return await result.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

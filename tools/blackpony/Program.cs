using System.CommandLine;
using BlackPony.Tools;

StandardFiles.Keep();
HangUps.Keep(args);
var root = new RootCommand("Encrypt SMTP between two mail servers that both support BlackPony; speak ordinary SMTP with any other server.")
{
    ListenCommand.Create(),
    MailerCommand.Create(),
    RelayCommand.Create(),
    CheckCommand.Create(),
    SetupCommand.Create(),
};
const string Examples = """
      blackpony listen --listen 0.0.0.0:25 --backend 127.0.0.1:10025
      blackpony mailer --policy remembered --memory /var/lib/blackpony/memory example.org
      blackpony relay --listen 127.0.0.1:2526
      blackpony check example.org
      blackpony setup postfix --dry-run
    """;

// A service has its own answer to signals; what mailer was doing is not acknowledged, and so not lost.
int code = await CommandLine.RunAsync(root, Examples, args, ConfigFile.Parse,
    new InvocationConfiguration { ProcessTerminationTimeout = null });

// A mail server that starts a mailer with a wrong command line gets a reply, and keeps the mail until it is corrected.
return code == CommandLine.Usage && args is ["mailer", ..] ? MailerCommand.Refuse() : code;

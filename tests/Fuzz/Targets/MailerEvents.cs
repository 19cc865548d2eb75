using BlackPony.Fuzz.Sessions;

namespace BlackPony.Fuzz.Targets;

/// <summary>The events of a mailer that are no octets of the server.</summary>
internal static class MailerEvents
{
    public static void Do(MailerDriver host, ScriptEvent step)
    {
        switch (step.Kind)
        {
            case 'l':
                host.Local(step.Octets);
                break;
            case 'n':
                host.Connects(true);
                break;
            case 'm':
                host.Connects(false);
                break;
            case 'e':
                host.ServerEnds();
                break;
            case 'g':
                host.LocalEnds();
                break;
            case 't':
                host.TimesOut();
                break;
        }
    }
}

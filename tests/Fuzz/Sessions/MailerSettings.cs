using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Fuzz.Sessions;

/// <summary>What mailers accept.</summary>
internal static class MailerSettings
{
    private static readonly PeerIdent Ident = new(Convert.ToHexStringLower(new IdentKey(new byte[32]).PublicKey), isWithdrawn: false);

    /// <summary>The options for a setting: two bits of policy, one that brings ROT, two for what the memory has of the server.</summary>
    public static MailerOptions Of(byte setting)
    {
        var memory = new ServerMemory(Given.Time);
        if ((setting & 8) != 0)
        {
            memory.Good("mx.b.test", 25, (setting & 16) != 0 ? [Ident] : []);
        }

        return new MailerOptions(Given.ClientRsa)
        {
            Policy = (ClientPolicy)((setting & 3) % 3),
            Suites = (setting & 4) != 0 ? SuiteRegistry.All : SuiteRegistry.Default,
            Memory = memory,
        };
    }
}

namespace BlackPony.Smtp.Outbound;

/// <summary>A recipient.</summary>
internal sealed record Recipient(byte[] Path, string Domain);

/// <summary>What the client gets for every further recipient, and for the message.</summary>
/// <param name="Reply">The reply's octets.</param>
/// <param name="Result">What becomes of the mail.</param>
/// <param name="Code">The server's reply code; 0 if there was none.</param>
internal sealed record Refusal(byte[] Reply, DeliveryResult Result, int Code)
{
    /// <summary>What a code of 4yz or 5yz means for the mail.</summary>
    public static DeliveryResult ResultOf(int code) => code >= 500 ? DeliveryResult.Refused : DeliveryResult.Deferred;
}

/// <summary>A command, or a message, that the server owes a reply to.</summary>
internal readonly record struct Pending(Verb Command, Recipient? Recipient = null);

/// <summary>The client's transaction: kept from MAIL on, until the first recipient says where it goes ([BP-10.5-5]).</summary>
internal sealed class Transaction(PathCommand mail)
{
    public PathCommand Mail { get; } = mail;

    /// <summary>Where it goes.</summary>
    public Route? Route { get; private set; }

    /// <summary>Whether MAIL went to the server.</summary>
    public bool IsSent { get; set; }

    /// <summary>The domains of the recipients that the server accepted.</summary>
    public List<string> Accepted { get; } = [];

    /// <summary>Why nothing more of it is accepted; null while it is.</summary>
    public Refusal? Refusal { get; set; }

    /// <summary>Whether the client declared SMTPUTF8.</summary>
    public bool IsInternational => Mail.Parameters.Any(p => MailParameters.Keyword(p) == "SMTPUTF8");

    /// <summary>Sends it another way: what was refused there may be accepted here.</summary>
    public void GoTo(Route? route)
    {
        if (route != Route)
            (Route, Refusal, IsSent) = (route, null, false);
    }
}

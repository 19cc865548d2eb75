namespace BlackPony.Smtp.Outbound;

/// <summary>What became of a recipient or a message.</summary>
public enum DeliveryResult
{
    /// <summary>The next server acknowledged the message.</summary>
    Delivered,

    /// <summary>The next server refused it for good (5yz).</summary>
    Refused,

    /// <summary>The next server, or the mailer for it, refused it for now (4yz).</summary>
    Deferred,

    /// <summary>The next server was lost, or spoke no SMTP.</summary>
    Lost,

    /// <summary>The next server did not answer in time.</summary>
    TimedOut,

    /// <summary>The client went away before its message had come whole.</summary>
    Abandoned,
}

/// <summary>What became of mail to one domain, for the log.</summary>
/// <param name="Domain">The recipient's domain.</param>
/// <param name="Result">What became of it.</param>
/// <param name="Code">The next server's reply code; 0 if there was none.</param>
/// <param name="IsMessage">Whether it is the message's outcome; else one recipient's.</param>
public sealed record DeliveryOutcome(string Domain, DeliveryResult Result, int Code, bool IsMessage);

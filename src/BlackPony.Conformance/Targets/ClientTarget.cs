namespace BlackPony.Conformance.Targets;

/// <summary>A client under test: delivers a message to a port of 127.0.0.1.</summary>
public abstract class ClientTarget
{
    /// <summary>The usual message, which must come out at the other end.</summary>
    public const string Message = "Subject: test of a client\r\n\r\nNobody else reads this.\r\n.dot\r\n";

    /// <summary>What the report calls it.</summary>
    public abstract string Name { get; }

    /// <summary>What the client can be asked for.</summary>
    public abstract Needs Can { get; }

    /// <summary>The time-outs that the target declares, by their names in spec 13.</summary>
    public virtual IReadOnlyDictionary<string, TimeSpan> Timeouts => new Dictionary<string, TimeSpan>();

    /// <summary>Whether its clock is the delivery's, which the suite turns.</summary>
    public virtual bool HasVirtualTime => false;

    /// <summary>Delivers.</summary>
    public abstract Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel);

    /// <summary>Speaks to a mailer as a mail server's queue does.</summary>
    protected static async Task<Outcome> SpeakAsync(Delivery delivery, Stream toMailer, Stream fromMailer, CancellationToken cancel)
    {
        var local = new LocalSide(toMailer, fromMailer, delivery.Message, cancel);
        bool delivered = await (delivery.Script?.Invoke(local) ?? local.DeliverAsync());
        return new Outcome(delivered, local.Replies);
    }
}

using BlackPony.Traces.Replay;

namespace BlackPony.Traces.Sessions;

/// <summary>What a client sent that a server answers: a command, a message's end, a line of AUTH; the greeting too.</summary>
internal sealed class Command(Verb verb, long sequence, long time)
{
    public Verb Verb { get; set; } = verb;

    /// <summary>Its number among those of the session: no reply that came before it answers it.</summary>
    public long Sequence { get; } = sequence;

    /// <summary>When it was sent, nanoseconds since 1970.</summary>
    public long Time { get; } = time;

    /// <summary>The verb as sent.</summary>
    public string? Name { get; init; }

    /// <summary>The path of MAIL or RCPT.</summary>
    public string? Address { get; init; }

    /// <summary>The message that ends with it.</summary>
    public MessageReport? Message { get; init; }

    /// <summary>For playing it again.</summary>
    public Exchange? Exchange { get; init; }

    /// <summary>What the server had answered before the message's end.</summary>
    public ServerReply? Early { get; set; }

    /// <summary>Whether a reply comes for each recipient (RFC 2033 4.2).</summary>
    public bool IsRepeated { get; init; }

    /// <summary>Replies that it had, of these.</summary>
    public int Answers { get; set; }

    /// <summary>Whether what follows it was read without its reply.</summary>
    public bool WasAssumed { get; set; }

    /// <summary>Whether it was sent before the reply to the one before it.</summary>
    public bool IsPipelined { get; init; }

    /// <summary>Whether it stands for any number of commands: octets of the client that the capture lacks.</summary>
    public bool IsUnseen => Verb == Verb.Unseen;
}

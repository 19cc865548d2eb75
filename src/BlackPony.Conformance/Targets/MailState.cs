namespace BlackPony.Conformance.Targets;

/// <summary>What a server knows of its client: nothing of it outlives the handshake.</summary>
internal sealed class MailState
{
    public string? Name { get; set; }

    public bool IsExtended { get; set; }

    public string? Sender { get; set; }

    public List<string> Recipients { get; } = [];

    public bool IsAuthenticated { get; set; }

    public List<byte> Chunks { get; } = [];

    public void EndTransaction()
    {
        Sender = null;
        Recipients.Clear();
        Chunks.Clear();
    }
}

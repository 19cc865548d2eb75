using System.Net;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Outbound;

namespace BlackPony.Hosting;

/// <summary>What <see cref="OutboundServer"/> does (spec 10.5).</summary>
/// <param name="Listen">The addresses to listen on.</param>
/// <param name="Mailer">What the mailers accept; their memory is <see cref="MemoryPath"/>'s.</param>
public sealed record OutboundSettings(IReadOnlyList<IPEndPoint> Listen, MailerOptions Mailer) : ServerSettings(Listen)
{
    /// <summary>Who may hand over mail; loopback if it is empty ([BP-10.5-2]).</summary>
    public IReadOnlyList<IPNetwork> Allowed { get; init; } = [];

    /// <summary>Where a domain goes that does not go to its mail exchangers.</summary>
    public RouteTable Routes { get; init; } = new(new Dictionary<string, Route>(), Limits.DefaultPort);

    /// <summary>Finds the mail exchangers.</summary>
    public MailRouter Router { get; init; } = new();

    /// <summary>The file of the memory, under <see cref="ClientPolicy.Remembered"/>.</summary>
    public string? MemoryPath { get; init; }

    /// <summary>
    /// Reads a memory that is in no file, as <see cref="MemoryFile"/> reads one: for each delivery, and at least the entries of its
    /// servers.
    /// </summary>
    public Func<IReadOnlyList<MailTarget>, CancellationToken, Task<IStoredMemory>>? OpenMemory { get; init; }

    /// <summary>Whether STARTTLS is used with a server that has no BlackPony ([BP-10.5-13]).</summary>
    public bool StartTls { get; init; } = true;

    /// <summary>Whether a client at this address may hand over mail.</summary>
    public bool Allows(IPAddress client)
    {
        var address = client.IsIPv4MappedToIPv6 ? client.MapToIPv4() : client;
        return Allowed.Count == 0 ? IPAddress.IsLoopback(address) : Allowed.Any(n => n.Contains(address));
    }
}

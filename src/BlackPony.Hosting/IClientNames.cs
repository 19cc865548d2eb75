using System.Net;

namespace BlackPony.Hosting;

/// <summary>Finds the names of clients, as a mail server would that they came to directly.</summary>
public interface IClientNames
{
    /// <summary>Looks up a client's name, and whether the name leads back to the address. It fails with no exception but that of
    /// cancellation.</summary>
    /// <param name="client">The client's address.</param>
    /// <param name="cancel">Ends the look-up.</param>
    Task<ClientName> FindAsync(IPAddress client, CancellationToken cancel);
}

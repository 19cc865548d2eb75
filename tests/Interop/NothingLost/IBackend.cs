namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>A mail server behind <c>listen</c>, and what can befall it.</summary>
internal interface IBackend : IAsyncDisposable
{
    /// <summary>The domain whose mail it takes.</summary>
    string Domain { get; }

    /// <summary>Its port, which stays the same.</summary>
    int Port { get; }

    /// <summary>
    /// What its reply has in it where it refuses a message itself, which then must not arrive;
    /// null if that cannot be told from the relay's own.
    /// </summary>
    string? Refusal { get; }

    /// <summary>What befalls it in the midst of the load.</summary>
    IEnumerable<(string Name, Func<Task> Make)> Troubles { get; }

    /// <summary>The troubles begin.</summary>
    void Begin();

    /// <summary>The load is over: all that it took comes into the ledger.</summary>
    /// <returns>What people should know of it; empty if there is nothing.</returns>
    Task<string> DeliverAsync();
}

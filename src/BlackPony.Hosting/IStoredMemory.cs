using BlackPony.Reference.Policy;

namespace BlackPony.Hosting;

/// <summary>A memory as it was read for one delivery, and the place where it is kept (spec 9.4).</summary>
public interface IStoredMemory
{
    /// <summary>The memory.</summary>
    ServerMemory Memory { get; }

    /// <summary>A warning for each entry that cannot be read, and was left out ([BP-9.4-14]).</summary>
    IReadOnlyList<string> Warnings { get; }

    /// <summary>Brings what changed into the store, beside what other deliveries brought into it meanwhile ([BP-9.4-2]).</summary>
    /// <exception cref="IOException">The store can't be written, or has no room for a server ([BP-9.4-17]).</exception>
    /// <exception cref="FormatException">The store holds no memory any more.</exception>
    Task SaveAsync(CancellationToken cancel = default);
}

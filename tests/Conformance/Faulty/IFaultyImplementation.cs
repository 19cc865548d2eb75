namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>The reference with exactly one requirement broken.</summary>
internal interface IFaultyImplementation
{
    /// <summary>The requirement that it breaks.</summary>
    string Breaks { get; }

    /// <summary>The cases that catch it, separated by spaces: each reports just that requirement as violated.</summary>
    string CaughtBy { get; }

    /// <summary>What it does instead.</summary>
    string Does { get; }

    /// <summary>The other cases that fail, separated by spaces.</summary>
    string AlsoFails { get; }

    /// <summary>Why so many other cases fail, if they do: nothing works with it.</summary>
    string? Wide { get; }

    /// <summary>How long a case waits for it, where all that shows is that something never comes; null for the usual.</summary>
    TimeSpan? Silence { get; }

    /// <summary>Its line in the table of failing cases.</summary>
    string Name => $"{(this is FaultyServer ? "server" : "client")} {Breaks}: {Does}";

    /// <summary>Whether a case may fail.</summary>
    bool MayFail(string id) => $"{CaughtBy} {AlsoFails}".Split(' ').Contains(id);
}

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>The reference with exactly one requirement broken.</summary>
internal interface IFaultyPort
{
    /// <summary>The sentence that it breaks.</summary>
    string Breaks { get; }

    /// <summary>The cases that catch it, separated by spaces.</summary>
    string CaughtBy { get; }

    /// <summary>What it does instead.</summary>
    string Does { get; }
}

namespace BlackPony.Fuzz;

/// <summary>What is fuzzed: takes any octets and throws nothing but <see cref="InvariantException"/>, and that only for a bug.</summary>
public interface ITarget
{
    /// <summary>The name on the command line and of the corpus's archive.</summary>
    string Name { get; }

    /// <summary>Runs one input.</summary>
    void Run(ReadOnlySpan<byte> input);
}

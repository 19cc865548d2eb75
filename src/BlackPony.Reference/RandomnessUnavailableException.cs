namespace BlackPony.Reference;

/// <summary>The source of randomness failed.</summary>
public sealed class RandomnessUnavailableException : Exception
{
    /// <summary>Makes the exception.</summary>
    public RandomnessUnavailableException()
        : base("No randomness is available.")
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public RandomnessUnavailableException(Exception cause)
        : base("No randomness is available.", cause)
    {
    }
}

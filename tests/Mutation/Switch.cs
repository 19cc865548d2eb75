namespace BlackPony.Mutation;

/// <summary>What is compiled into the changed assembly: it says which change is on, and notes which are reached.</summary>
internal static class Switch
{
    /// <summary>The full name of the type, for reflection.</summary>
    public const string TypeName = "BlackPonyMutants.Mutant";

    /// <summary>The environment variable with the change that is on, for the programs that tests start.</summary>
    public const string ActiveVariable = "BLACKPONY_MUTANT";

    /// <summary>The environment variable with the file beside which each of these programs writes the numbers that it reaches.</summary>
    public const string ReachedVariable = "BLACKPONY_MUTANTS_REACHED";

    /// <summary>The call that a change is guarded by.</summary>
    public const string Call = "global::BlackPonyMutants.Mutant.On";

    /// <summary>Its source.</summary>
    public const string Source = $$"""
        namespace BlackPonyMutants
        {
            public static class Mutant
            {
                public static int Active = -1;
                public static bool[]? Reached;
                public static bool[]? Once;
                private static readonly System.IO.StreamWriter? File;

                static Mutant()
                {
                    if (int.TryParse(System.Environment.GetEnvironmentVariable("{{ActiveVariable}}"), out int active))
                    {
                        Active = active;
                    }

                    if (System.Environment.GetEnvironmentVariable("{{ReachedVariable}}") is { Length: > 0 } path)
                    {
                        // Each at once: most programs are killed in the end.
                        Reached = new bool[100_000];
                        File = new System.IO.StreamWriter($"{path}.{System.Environment.ProcessId}") { AutoFlush = true };
                    }
                }

                public static bool On(int n)
                {
                    var reached = Reached;
                    if (reached is not null && !reached[n])
                    {
                        reached[n] = true;
                        if (File is not null)
                        {
                            lock (File)
                            {
                                File.Write(n + " ");
                            }
                        }

                        if (Once is not null && !Once[n])
                        {
                            Once[n] = IsInitializer();
                        }
                    }

                    return Active == n;
                }

                private static bool IsInitializer()
                {
                    foreach (var frame in new System.Diagnostics.StackTrace().GetFrames())
                    {
                        if (frame.GetMethod() is System.Reflection.ConstructorInfo { IsStatic: true } method
                            && method.Module == typeof(Mutant).Module)
                        {
                            return true;
                        }
                    }

                    return false;
                }
            }
        }
        """;
}

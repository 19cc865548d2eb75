using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>How findings call things.</summary>
internal static class Names
{
    public static string Name(this Role role) => role == Role.Client ? "client" : "server";

    public static string Name(this Verb verb) => verb switch
    {
        Verb.DataEnd => "the message's end",
        Verb.BdatLast => "BDAT",
        Verb.AuthLine => "AUTH",
        Verb.Continuation => "the continuation",
        Verb.Greeting => "the greeting",
        Verb.Other or Verb.Unseen => "a command",
        _ => verb.ToString().ToUpperInvariant(),
    };
}

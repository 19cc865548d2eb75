using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>A session to be written down.</summary>
/// <param name="Name">The file's name.</param>
/// <param name="Title">What happens.</param>
/// <param name="Play">The play.</param>
internal sealed record Scenario(string Name, string Title, Action<Stage> Play)
{
    /// <summary>The suites that the server offers.</summary>
    public IReadOnlyList<string> ServerSuites { get; init; } = ["X25519-CHACHA20POLY1305"];

    /// <summary>The suites that the client accepts.</summary>
    public IReadOnlyList<string> ClientSuites { get; init; } = [.. SuiteRegistry.Default.Select(s => s.Name)];

    /// <summary>The shift, where the client was told to use ROT.</summary>
    public int Shift { get; init; } = 13;

    /// <summary>The client's policy.</summary>
    public ClientPolicy Policy { get; init; }

    /// <summary>Whether the client remembers the server.</summary>
    public bool Remembered { get; init; }

    /// <summary>Whether the client knows the server's IDENT key.</summary>
    public bool KnownIdent { get; init; }

    /// <summary>Whether the server has an IDENT key.</summary>
    public bool Ident { get; init; }

    /// <summary>What the mail server behind the relay lists.</summary>
    public IReadOnlyList<string> Extensions { get; init; } = ["PIPELINING", "8BITMIME"];

    public override string ToString() => Name;

    /// <summary>Plays it.</summary>
    /// <returns>The transcript.</returns>
    public string Transcribe()
    {
        using var stage = new Stage(this);
        Play(stage);
        return stage.Finish();
    }
}

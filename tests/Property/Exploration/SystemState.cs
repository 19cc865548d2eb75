namespace BlackPony.Tests.Property.Exploration;

/// <summary>A state of the whole: the three sides' states, what is under way between them, and what the adversary still may do.</summary>
/// <param name="Client">The client's state.</param>
/// <param name="Server">The server's state.</param>
/// <param name="Mallory">The man in the middle's state; 0 if he did nothing yet.</param>
/// <param name="ToServer">The queue to the server.</param>
/// <param name="ToClient">The queue to the client.</param>
/// <param name="Hostile">The hostile moves that are left.</param>
/// <param name="CutToServer">Whether that direction was cut: what is sent into it is lost.</param>
/// <param name="CutToClient">As before, for the other direction.</param>
internal readonly record struct SystemState(int Client, int Server, int Mallory, int ToServer, int ToClient, byte Hostile, bool CutToServer,
    bool CutToClient);

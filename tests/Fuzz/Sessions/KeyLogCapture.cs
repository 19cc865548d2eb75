using BlackPony.Reference.Keys;

namespace BlackPony.Fuzz.Sessions;

/// <summary>Learns a session's secrets from its key log (spec 11.3).</summary>
/// <param name="agreed">Called when they are all there.</param>
public sealed class KeyLogCapture(Action agreed) : IKeyLog
{
    /// <summary>The transcript hash.</summary>
    public byte[] TranscriptHash { get; private set; } = [];

    /// <summary>client_traffic[0].</summary>
    public byte[] ClientTraffic { get; private set; } = [];

    /// <summary>server_traffic[0].</summary>
    public byte[] ServerTraffic { get; private set; } = [];

    /// <inheritdoc/>
    public void Log(string line)
    {
        var fields = line.Split(' ');
        TranscriptHash = Convert.FromHexString(fields[1]);
        switch (fields[0])
        {
            case "BLACKPONY_CLIENT_TRAFFIC_SECRET_0":
                ClientTraffic = Convert.FromHexString(fields[2]);
                break;
            case "BLACKPONY_SERVER_TRAFFIC_SECRET_0":
                ServerTraffic = Convert.FromHexString(fields[2]);
                break;
            default:
                agreed();
                break;
        }
    }
}

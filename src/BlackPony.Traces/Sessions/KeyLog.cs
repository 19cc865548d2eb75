using BlackPony.Reference.Keys;

namespace BlackPony.Traces.Sessions;

/// <summary>A key log file (spec 11.3): the first traffic secrets by transcript hash.</summary>
public sealed class KeyLog : IKeyLog
{
    private const string Client = "BLACKPONY_CLIENT_TRAFFIC_SECRET_0";
    private const string Server = "BLACKPONY_SERVER_TRAFFIC_SECRET_0";
    private const int HexLength = 2 * KeySchedule.SecretLength;

    private readonly Dictionary<string, byte[]> _client = [];
    private readonly Dictionary<string, byte[]> _server = [];

    /// <summary>How many lines were no lines of a key log, and no comment.</summary>
    public int BadLines { get; private set; }

    /// <summary>Reads a file.</summary>
    public static KeyLog Read(string path)
    {
        var log = new KeyLog();
        foreach (var line in File.ReadLines(path))
        {
            log.Log(line);
        }

        return log;
    }

    /// <inheritdoc/>
    public void Log(string line)
    {
        var fields = line.Trim().Split(' ');
        if (fields is [_, { Length: HexLength } th, { Length: HexLength } secret] && secret.All(char.IsAsciiHexDigit))
        {
            var into = fields[0] switch { Client => _client, Server => _server, _ => null };
            into?.TryAdd(th.ToLowerInvariant(), Convert.FromHexString(secret));
        }
        else if (fields is not [""] && !line.StartsWith('#'))
        {
            BadLines++;
        }
    }

    /// <summary>The secrets of a session; null for what is not in the log.</summary>
    public (byte[]? Client, byte[]? Server) Find(ReadOnlySpan<byte> transcriptHash)
    {
        var th = Convert.ToHexStringLower(transcriptHash);
        return (_client.GetValueOrDefault(th), _server.GetValueOrDefault(th));
    }
}

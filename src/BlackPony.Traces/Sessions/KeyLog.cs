using System.Text;
using BlackPony.Reference.Keys;

namespace BlackPony.Traces.Sessions;

/// <summary>
/// A key log file: BlackPony's first traffic secrets by transcript hash (spec 11.3), and TLS secrets by the client's random (SSLKEYLOGFILE,
/// RFC 9850), both in one file if need be.
/// </summary>
public sealed class KeyLog : IKeyLog
{
    private const string Client = "BLACKPONY_CLIENT_TRAFFIC_SECRET_0";
    private const string Server = "BLACKPONY_SERVER_TRAFFIC_SECRET_0";
    private const int HexLength = 2 * KeySchedule.SecretLength;

    // Of pcapng's blocks a hostile file may have any number.
    private const int MaxSecrets = 1_000_000;
    private const int MaxHex = 128;

    private static readonly string[] TlsLabels =
    [
        "CLIENT_RANDOM", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ];

    private readonly Dictionary<string, byte[]> _client = [];
    private readonly Dictionary<string, byte[]> _server = [];
    private readonly Dictionary<(string Label, string Random), byte[]> _tls = [];
    private string? _path;
    private long _read;

    /// <summary>How many lines were no lines of a key log, and no comment.</summary>
    public int BadLines { get; private set; }

    /// <summary>Whether there are secrets of TLS, or may be.</summary>
    internal bool HasTls => _tls.Count > 0 || _path is not null;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="follow">Whether it grows: what is not in it is looked for again.</param>
    public static KeyLog Read(string path, bool follow = false)
    {
        var log = new KeyLog();
        if (!follow)
        {
            foreach (var line in File.ReadLines(path))
                log.Log(line);

            return log;
        }

        log._path = path;
        log.ReadOn();
        return log;
    }

    /// <summary>Takes the lines of a key log that stands in a capture.</summary>
    internal void Add(ReadOnlySpan<byte> octets)
    {
        foreach (var line in Encoding.Latin1.GetString(octets).Split('\n'))
            Log(line);
    }

    /// <inheritdoc/>
    public void Log(string line)
    {
        var fields = line.Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
        if (fields is not [{ } label, { } id, { } secret] || !IsHex(id) || !IsHex(secret)
            || label.Any(c => !char.IsAsciiLetterOrDigit(c) && c != '_'))
        {
            BadLines += fields.Length > 0 && !line.StartsWith('#') ? 1 : 0;
            return;
        }

        id = id.ToLowerInvariant();
        if (label is Client or Server)
        {
            if (id.Length != HexLength || secret.Length != HexLength)
            {
                BadLines++;
                return;
            }

            (label == Client ? _client : _server).TryAdd(id, Convert.FromHexString(secret));
        }
        else if (_tls.Count < MaxSecrets && Array.IndexOf(TlsLabels, label) is >= 0 and var known)
        {
            _tls.TryAdd((TlsLabels[known], id), Convert.FromHexString(secret));
        }
    }

    /// <summary>The secrets of a session; null for what is not in the log.</summary>
    public (byte[]? Client, byte[]? Server) Find(ReadOnlySpan<byte> transcriptHash)
    {
        var th = Convert.ToHexStringLower(transcriptHash);
        if (!_client.ContainsKey(th) || !_server.ContainsKey(th))
            TryReadOn();

        return (_client.GetValueOrDefault(th), _server.GetValueOrDefault(th));
    }

    /// <summary>A secret of TLS; null if it is not in the log.</summary>
    internal byte[]? Find(string label, ReadOnlySpan<byte> clientRandom)
    {
        var key = (label, Convert.ToHexStringLower(clientRandom));
        if (!_tls.ContainsKey(key))
            TryReadOn();

        return _tls.GetValueOrDefault(key);
    }

    private void TryReadOn()
    {
        try
        {
            ReadOn();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Whoever wrote it took it away: what was read stays.
            _path = null;
        }
    }

    // The lines that were written since, as far as they are whole.
    private void ReadOn()
    {
        if (_path is null)
            return;

        using var file = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (file.Length <= _read)
            return;

        file.Position = _read;
        var octets = new byte[file.Length - _read];
        int count = octets.AsSpan(0, file.ReadAtLeast(octets, octets.Length, throwOnEndOfStream: false)).LastIndexOf((byte)'\n') + 1;
        _read += count;
        Add(octets.AsSpan(0, count));
    }

    private static bool IsHex(string text) => text.Length is > 0 and <= MaxHex && text.Length % 2 == 0 && text.All(char.IsAsciiHexDigit);
}

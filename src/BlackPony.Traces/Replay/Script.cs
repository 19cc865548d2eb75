using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Replay;

/// <summary>A captured session as it can be played again. Of an upgraded session whose records were opened it is what was inside.</summary>
public sealed class Script
{
    private readonly List<Exchange> _outside = [];
    private readonly List<Exchange> _inside = [];

    /// <summary>The session.</summary>
    public ObservedSession Session { get; private set; } = null!;

    /// <summary>The greeting, lines with CRLF; empty if it was not captured.</summary>
    public string Greeting { get; internal set; } = "";

    /// <summary>The exchanges in order.</summary>
    public IReadOnlyList<Exchange> Exchanges => _inside.Count > 0 ? _inside : _outside;

    /// <summary>Reads the sessions of a file.</summary>
    /// <param name="path">A capture or transcript.</param>
    /// <param name="options">How; with a key log upgraded sessions can be played.</param>
    /// <param name="file">What became of the file.</param>
    public static IReadOnlyList<Script> Read(string path, InspectOptions options, out FileReport file)
    {
        var pending = new Dictionary<ObservedSession, Script>();
        var scripts = new List<Script>();
        var inspector = new Inspector(options with { Script = Make }, report =>
        {
            var script = pending[report];
            pending.Remove(report);
            if (script.Exchanges.Count > 0)
                scripts.Add(script);
        });
        file = inspector.Inspect(path);
        return scripts;

        Script Make(ObservedSession report) => pending[report] = new Script { Session = report };
    }

    internal Exchange Add(Verb verb, bool inside, bool pipelined, long time)
    {
        var exchange = new Exchange(verb, pipelined, time);
        (inside ? _inside : _outside).Add(exchange);
        return exchange;
    }
}

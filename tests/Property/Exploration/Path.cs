using System.Text;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>The wire between client and server, and the adversary who has it: from a state, all that may happen next.</summary>
internal sealed class Path
{
    private readonly Units _units = new();
    private readonly Queues _queues = new();
    private readonly Automaton _client;
    private readonly Automaton _server;
    private readonly Automaton _mallory;
    private readonly int[] _toServer;
    private readonly int[] _toClient;
    private readonly string _offer;
    private readonly string _lesserOffer;
    private readonly string _foreignCommand;
    private readonly Dictionary<(int Unit, string Change), int> _changed = [];

    public Path(Scenario scenario)
    {
        _client = new Automaton(scenario.NewClient, _units);
        _server = new Automaton(scenario.NewServer, _units);
        _mallory = new Automaton(scenario.NewMallory, _units);
        _offer = Encoding.ASCII.GetString(Offer.Create(scenario.Suites, null).Octets.Span);
        _lesserOffer = Encoding.ASCII.GetString(Offer.Create([.. scenario.Suites.Skip(1)], null).Octets.Span);
        _foreignCommand = $"XBLACKPONY V1 {scenario.Suites[0].Name} {Base64Share.Encode(new byte[32])}\r\n";
        byte[] record = [1, 8, .. new byte[264]];
        _toServer = [_units.Of("MAIL FROM:<evil@e>\r\n"), _units.Of("EHLO a\r\n"), _units.Of(_foreignCommand), _units.Of(record)];
        _toClient = [_units.Of("250 Ok\r\n"), _units.Of("504 no\r\n"), _units.Of("454 no\r\n"), _units.Of("500 what\r\n"),
            _units.Of(record)];
        var greeted = _server.Move(0, Event.Fresh);
        Start = new SystemState(0, greeted.Next, 0, Queues.Empty, _queues.Of(greeted.ToClient), (byte)scenario.Hostile, false, false);
    }

    public SystemState Start { get; }

    /// <summary>What the adversary can do, each in both directions where it is possible there.</summary>
    public static IReadOnlyList<string> HostileMoves { get; } =
    [
        "to server: drop", "to client: drop", "to server: repeat", "to client: repeat", "to server: swap", "to client: swap",
        "to server: flip", "to client: flip",
        "to server: cut", "to client: cut", "to server: cut in the middle", "to client: cut in the middle", "to server: reflect",
        "to client: reflect",
        "to server: inject MAIL FROM:<evil@e>", "to server: inject EHLO a", "to server: inject a command with another share",
        "to server: inject a record",
        "to client: inject 250 Ok", "to client: inject 504 no", "to client: inject 454 no", "to client: inject 500 what",
        "to client: inject a record",
        "to client: strip the offer", "to client: lessen the offer", "to server: own share", "to client: own share",
        "to server: glue a line behind", "to client: glue a line behind",
        "to server: Mallory begins", "to server: Mallory goes on", "to client: Mallory goes on", "client: time-out", "server: time-out",
        "the mail server behind goes away",
    ];

    /// <summary>States of the sides, and moves that their machines really made.</summary>
    public (int States, int Moves) Machines =>
        (_client.Count + _server.Count + _mallory.Count, _client.Moves + _server.Moves + _mallory.Moves);

    public ClientFacts Client(SystemState world) => (ClientFacts)_client[world.Client];

    public ServerFacts Server(SystemState world) => (ServerFacts)_server[world.Server];

    public MalloryFacts Mallory(SystemState world) => (MalloryFacts)_mallory[world.Mallory];

    public bool IsEnd(SystemState world) => _client[world.Client].Ended && _server[world.Server].Ended;

    /// <summary>What happens if nobody interferes any more; the same world if nothing does.</summary>
    public SystemState Calm(SystemState world) =>
        world.ToServer != Queues.Empty ? Deliver(world, true)
        : world.ToClient != Queues.Empty ? Deliver(world, false)
        : !_client[world.Client].Ended && _client[world.Client].Waits ? TimeOut(world, true)
        : !_server[world.Server].Ended && _server[world.Server].Waits ? TimeOut(world, false)
        : world;

    /// <summary>All that may happen next, with its name.</summary>
    public void Next(SystemState world, List<(string Name, SystemState SystemState)> moves)
    {
        moves.Clear();
        if (IsEnd(world))
        {
            return;
        }

        bool quiet = world.ToServer == Queues.Empty && world.ToClient == Queues.Empty;
        if (quiet)
        {
            TimeOuts(world, moves);
        }

        foreach (bool up in (bool[])[true, false])
        {
            var way = up ? "to server: " : "to client: ";
            int queue = up ? world.ToServer : world.ToClient;
            if (queue != Queues.Empty)
            {
                moves.Add((way + "deliver", Deliver(world, up)));
                if (world.Mallory != 0)
                {
                    Add(way + "Mallory goes on", Middle(world, up));
                }
            }

            if (world.Hostile > 0)
            {
                Interfere(world with { Hostile = (byte)(world.Hostile - 1) }, up, way, queue);
            }
        }

        if (world.Hostile > 0)
        {
            var spent = world with { Hostile = (byte)(world.Hostile - 1) };
            if (!quiet)
            {
                TimeOuts(spent, moves);
            }

            if (!_server[world.Server].Ended)
            {
                Add("the mail server behind goes away", AfterServer(spent, _server.Move(world.Server, Event.BackendGone)));
            }
        }

        void Add(string name, SystemState next)
        {
            // A hostile move that changes nothing is none.
            if (next with { Hostile = world.Hostile } != world)
            {
                moves.Add((name, next));
            }
        }

        void Interfere(SystemState spent, bool up, string way, int queue)
        {
            int[] units = _queues[queue];
            foreach (int hostile in up ? _toServer : _toClient)
            {
                Add(way + "inject " + Called(hostile), With(spent, up, [hostile, .. units]));
            }

            if (!(up ? world.CutToServer : world.CutToClient))
            {
                Add(way + "cut", Cut(spent, up, [Units.End]));
            }

            if (units.Length == 0)
            {
                return;
            }

            Add(way + "drop", With(spent, up, units[1..]));
            if (units[0] == Units.End)
            {
                return;
            }

            Add(way + "repeat", With(spent, up, [units[0], .. units]));
            Add(way + "cut in the middle", Cut(spent, up, [Changed(units[0], "half"), Units.End]));
            Add(way + "flip", With(spent, up, [Changed(units[0], "flip"), .. units[1..]]));
            Add(way + "strip the offer", With(spent, up, [Changed(units[0], "strip"), .. units[1..]]));
            Add(way + "lessen the offer", With(spent, up, [Changed(units[0], "lessen"), .. units[1..]]));
            Add(way + "own share", With(spent, up, [Changed(units[0], "share"), .. units[1..]]));
            Add(way + "glue a line behind", With(spent, up, [Changed(units[0], "glue"), .. units[1..]]));
            if (units.Length > 1 && units[1] != Units.End)
            {
                Add(way + "swap", With(spent, up, [units[1], units[0], .. units[2..]]));
            }

            // Reflected: what is on its way to one side goes back to the other.
            Add(way + "reflect", With(With(spent, up, units[1..]), !up, [units[0], .. _queues[up ? world.ToClient : world.ToServer]]));
            if (world.Mallory == 0)
            {
                Add(way + "Mallory begins", Middle(spent, up));
            }
        }
    }

    private string Called(int unit) =>
        Units.IsRecord(_units[unit])
            ? "a record"
            : Units.Text(_units[unit]) == _foreignCommand ? "a command with another share" : Units.Text(_units[unit]).TrimEnd();

    private void TimeOuts(SystemState world, List<(string Name, SystemState SystemState)> moves)
    {
        if (!_client[world.Client].Ended && _client[world.Client].Waits)
        {
            moves.Add(("client: time-out", TimeOut(world, true)));
        }

        if (!_server[world.Server].Ended && _server[world.Server].Waits)
        {
            moves.Add(("server: time-out", TimeOut(world, false)));
        }
    }

    private SystemState TimeOut(SystemState world, bool client) => client
        ? AfterClient(world, _client.Move(world.Client, Event.TimeOut))
        : AfterServer(world, _server.Move(world.Server, Event.TimeOut));

    private SystemState Deliver(SystemState world, bool up)
    {
        int[] units = _queues[up ? world.ToServer : world.ToClient];
        var rest = With(world, up, units[1..]);
        var what = units[0] == Units.End ? Event.End : up ? Event.ToServer : Event.ToClient;
        if (up)
        {
            return _server[world.Server].Ended ? rest : AfterServer(rest, _server.Move(world.Server, what, units[0]));
        }

        return _client[world.Client].Ended ? rest : AfterClient(rest, _client.Move(world.Client, what, units[0]));
    }

    // The man in the middle takes the first unit; what he makes of it goes before all that is under way.
    private SystemState Middle(SystemState world, bool up)
    {
        int[] units = _queues[up ? world.ToServer : world.ToClient];
        if (units[0] == Units.End)
        {
            return world;
        }

        var outcome = _mallory.Move(world.Mallory, up ? Event.ToServer : Event.ToClient, units[0]);
        if (outcome.Next == world.Mallory)
        {
            return world;
        }

        var rest = With(world with { Mallory = outcome.Next }, up, units[1..]);
        rest = With(rest, true, [.. outcome.ToServer, .. _queues[rest.ToServer]]);
        return With(rest, false, [.. outcome.ToClient, .. _queues[rest.ToClient]]);
    }

    private SystemState AfterServer(SystemState world, Outcome outcome) =>
        Send(world with { Server = outcome.Next }, false, outcome.ToClient);

    private SystemState AfterClient(SystemState world, Outcome outcome)
    {
        world = Send(world with { Client = outcome.Next }, true, outcome.ToServer);
        if (!outcome.WantsFresh)
        {
            return world;
        }

        // A fresh connection: what was under way in the old one can't do anything any more, and the man in the middle begins anew too.
        var server = _server.Move(world.Server, Event.Fresh);
        var client = _client.Move(outcome.Next, Event.Fresh);
        return world with
        {
            Client = client.Next,
            Server = server.Next,
            Mallory = 0,
            ToServer = _queues.Of(client.ToServer),
            ToClient = _queues.Of(server.ToClient),
            CutToServer = false,
            CutToClient = false,
        };
    }

    private SystemState Send(SystemState world, bool up, int[] units) =>
        units.Length == 0 || (up ? world.CutToServer : world.CutToClient)
            ? world
            : With(world, up, [.. _queues[up ? world.ToServer : world.ToClient], .. units]);

    private SystemState With(SystemState world, bool up, int[] units) =>
        up ? world with { ToServer = _queues.Of(units) } : world with { ToClient = _queues.Of(units) };

    private SystemState Cut(SystemState world, bool up, int[] units)
    {
        var cut = With(world, up, units);
        return up ? cut with { CutToServer = true } : cut with { CutToClient = true };
    }

    // The unit with a change; itself if the change does not concern it.
    private int Changed(int unit, string change)
    {
        if (!_changed.TryGetValue((unit, change), out int changed))
        {
            var octets = _units[unit];
            var text = Units.Text(octets);
            changed = (change, text.Length == 0) switch
            {
                ("half", _) => _units.Of(octets[..((octets.Length + 1) / 2)]),
                ("flip", true) => _units.Of([.. octets[..^1], (byte)(octets[^1] ^ 1)]),
                ("strip", false) =>
                    _units.Of(text.Replace($"250-8BITMIME\r\n250 {_offer}\r\n", "250 8BITMIME\r\n", StringComparison.Ordinal)),
                ("lessen", false) => _units.Of(text.Replace(_offer, _lesserOffer, StringComparison.Ordinal)),
                ("share", false) when text.StartsWith("XBLACKPONY", StringComparison.Ordinal) => _units.Of(_foreignCommand),
                ("share", false) when text.StartsWith("220 K=", StringComparison.Ordinal) =>
                    _units.Of($"220 K={Base64Share.Encode(new byte[32])}\r\n"),
                ("glue", false) when text.StartsWith("XBLACKPONY", StringComparison.Ordinal) =>
                    _units.Of(text + "EHLO a\r\nMAIL FROM:<evil@e>\r\n"),
                ("glue", false) when text.StartsWith("220 K=", StringComparison.Ordinal) => _units.Of(text + "250 evil\r\n"),
                _ => unit,
            };
            _changed[(unit, change)] = changed;
        }

        return changed;
    }
}

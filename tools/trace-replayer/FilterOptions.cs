using System.CommandLine;
using BlackPony.Traces;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tools.TraceReplayer;

/// <summary>Which sessions are wanted.</summary>
internal sealed class FilterOptions
{
    private readonly Option<int[]> _session =
        new("--session") { Description = "Only this session of each file, by the number that is printed; may be given several times.",
        HelpName = "n" };
    private readonly Option<string?> _address =
        new("--address") { Description = "Only sessions with this text in the address of a sender or recipient.", HelpName = "text" };
    private readonly Option<string?> _host =
        new("--host") { Description = "Only sessions with this text in the IP address or the name of either side.",
        HelpName = "text" };
    private readonly Option<long?> _after =
        new("--after") { Description = "Only sessions that ended at this time or later.", HelpName = "time",
        CustomParser = Arguments.Moment };
    private readonly Option<long?> _before =
        new("--before") { Description = "Only sessions that began before this time.", HelpName = "time",
        CustomParser = Arguments.Moment };
    private readonly Option<string?> _reply =
        new("--reply") { Description = "Only sessions with a reply that has this code or begins with it: 550, 5.", HelpName = "code" };
    private readonly Option<bool> _refused =
        new("--refused") { Description = "Only sessions in which a message, a sender or a recipient was refused." };
    private readonly Option<string?> _upgrade =
        new("--upgrade") { Description = "Only sessions with this encryption: none, starttls, tls or blackpony.", HelpName = "kind" };

    public FilterOptions()
    {
        _upgrade.AcceptOnlyFromAmong("none", "starttls", "tls", "blackpony");
        Arguments.Within(_session, 1, int.MaxValue);
        _reply.Validators.Add(r =>
        {
            if (r.Tokens.Count > 0 && (r.Tokens[0].Value is not { Length: >= 1 and <= 3 } code || code.Any(c => !char.IsAsciiDigit(c))))
                r.AddError($"--reply is a code, or its first digits, not '{r.Tokens[0].Value}'.");
        });
    }

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_session, _address, _host, _after, _before, _reply, _refused, _upgrade])
            command.Add(option);
    }

    public SessionFilter Read(ParseResult parse) => new()
    {
        Numbers = parse.GetValue(_session) ?? [], Address = parse.GetValue(_address), Host = parse.GetValue(_host),
            After = parse.GetValue(_after), Before = parse.GetValue(_before),
        Reply = parse.GetValue(_reply), Refused = parse.GetValue(_refused),
        Upgrade = parse.GetValue(_upgrade) switch { "none" => UpgradeKind.None, "starttls" => UpgradeKind.StartTls,
            "tls" => UpgradeKind.Tls, "blackpony" => UpgradeKind.BlackPony, _ => null },
    };
}

using BlackPony.Fuzz.Targets;

namespace BlackPony.Fuzz;

/// <summary>Every target.</summary>
public static class AllTargets
{
    /// <summary>In the order of the issue: the parsers, the records, the machines.</summary>
    public static IReadOnlyList<ITarget> All { get; } =
    [
        new ParserTarget(),
        new ChannelTarget(),
        new RelayTarget(),
        new RelayInsideTarget(),
        new MailerTarget(),
        new MailerInsideTarget(),
        new OutboundTarget(),
    ];

    /// <summary>The target of a name; null if there is none.</summary>
    public static ITarget? Find(string name) => All.FirstOrDefault(t => t.Name == name);
}

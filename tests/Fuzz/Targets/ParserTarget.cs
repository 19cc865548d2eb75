using BlackPony.Fuzz.Parsers;

namespace BlackPony.Fuzz.Targets;

/// <summary>A parser by itself.</summary>
/// <param name="input">The octets that it parses.</param>
internal delegate void Parser(ReadOnlySpan<byte> input);

/// <summary>Each parser by itself: the first octet is its letter.</summary>
public sealed class ParserTarget : ITarget
{
    private static readonly Dictionary<char, Parser> Parsers = new()
    {
        ['O'] = OfferParser.Run,
        ['C'] = CommandParser.Run,
        ['B'] = ShareParser.Run,
        ['R'] = ReplyParser.Run,
        ['E'] = EhloParser.Run,
        ['M'] = MemoryParser.Run,
        ['I'] = IdentParser.Run,
        ['P'] = RecordParser.Run,
        ['A'] = AddressParser.Run,
        ['X'] = ProxyParser.Run,
    };

    /// <inheritdoc/>
    public string Name => "parsers";

    /// <inheritdoc/>
    public void Run(ReadOnlySpan<byte> input)
    {
        if (!input.IsEmpty && Parsers.TryGetValue((char)input[0], out var parser))
        {
            parser(input[1..]);
        }
    }
}

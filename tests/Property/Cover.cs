namespace BlackPony.Tests.Property;

/// <summary>A kind of value or of outcome without which a property shows little: as QuickCheck's <c>cover</c>, and asserted.</summary>
/// <param name="Percent">At least so many of a hundred values are of this kind. Far fewer than are drawn on average, so that any seed has
/// them.</param>
/// <param name="Name">What a message calls it.</param>
/// <param name="Is">Whether a value is of this kind; null: the property says so itself, in <see cref="Always.Holds{T}(FsCheck.Gen{T},
/// Cover{T}[], Func{T, ISet{string}, bool}, int)"/>.</param>
internal sealed record Cover<T>(double Percent, string Name, Func<T, bool>? Is = null);

/// <summary>Kinds that many properties want.</summary>
internal static class Cover
{
    /// <summary>Each of some, a suite or a policy.</summary>
    public static Cover<T>[] Each<T, TKey>(double percent, IEnumerable<TKey> all, Func<T, TKey> key) =>
        [.. all.Select(one => new Cover<T>(percent, one?.ToString()?.Trim() ?? "", v => Equals(key(v), one)))];

    /// <summary>Each of some outcomes, which the property says.</summary>
    public static Cover<T>[] Seen<T>(double percent, params string[] names) => [.. names.Select(n => new Cover<T>(percent, n))];

    /// <summary>Messages of every kind, as <see cref="Generate.Message"/> makes them.</summary>
    public static Cover<T>[] Messages<T>(double percent, Func<T, IEnumerable<byte[]>> messages) =>
    [
        new(percent, "an empty message", v => messages(v).Any(Generate.IsEmpty)),
        new(percent, "a message of one to some hundred octets", v => messages(v).Any(m => m.Length is > 5 and < 500)),
        new(percent, "a message that fills a record and more", v => messages(v).Any(m => m.Length > Reference.Limits.MaxData)),
        new(percent, "a line that begins with a dot", v =>
            messages(v).Any(m => m.AsSpan().StartsWith(".."u8) || m.AsSpan().IndexOf("\r\n.."u8) >= 0)),
        new(percent, "eight bits", v => messages(v).Any(m => m.Any(o => o > 127))),
        new(percent, "a bare CR or LF", v => messages(v).Any(Generate.HasBare)),
    ];
}

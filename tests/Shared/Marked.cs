namespace BlackPony.Tests;

/// <summary>What is generated inside a document that is written by hand.</summary>
internal static class Marked
{
    /// <summary>Puts text between the comments <c>NAME: begin</c> and <c>NAME: end</c>.</summary>
    /// <exception cref="InvalidOperationException">They are not there.</exception>
    public static string Put(string document, string name, string text)
    {
        string begin = $"<!-- {name}: begin -->\n", end = $"<!-- {name}: end -->";
        int from = document.IndexOf(begin, StringComparison.Ordinal) + begin.Length, to = document.IndexOf(end, StringComparison.Ordinal);
        return from >= begin.Length && to >= from
            ? document[..from] + text + document[to..]
            : throw new InvalidOperationException($"There is no place for '{name}'.");
    }
}

namespace BlackPony.Tests.Traces;

/// <summary>Tables of digests in <c>tests/Traces/Reports</c>, a line for each name. <c>BLACKPONY_WRITE=1</c> writes a line again.</summary>
internal static class Digests
{
    // Classes run side by side, and two of them have one table.
    private static readonly Lock Writing = new();

    /// <summary>The names of a table's lines.</summary>
    public static IEnumerable<string> Names(string file) => File.ReadLines(Path(file)).Select(l => l.Split('\t')[0]);

    /// <summary>Compares a line of a table, or writes it.</summary>
    public static void Compare(string file, string name, IReadOnlyList<string> digests)
    {
        var (table, own) = (Path(file), name + '\t');
        var line = $"{name}\t{string.Join('\t', digests)}";
        lock (Writing)
        {
            if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
            {
                var lines = File.Exists(table) ? File.ReadLines(table).Where(l => !l.StartsWith(own, StringComparison.Ordinal)) : [];
                File.WriteAllLines(table, lines.Append(line).Order(StringComparer.Ordinal).ToList());
            }

            Assert.Equal(File.ReadLines(table).Single(l => l.StartsWith(own, StringComparison.Ordinal)), line);
        }
    }

    private static string Path(string file) => Repository.At("tests", "Traces", "Reports", file);
}

namespace BlackPony.Tests.Traces;

/// <summary>Tables of digests in <c>tests/Traces/Reports</c>, a line for each name. <c>BLACKPONY_WRITE=1</c> writes a line again.</summary>
internal static class Digests
{
    /// <summary>Compares a line of a table, or writes it.</summary>
    public static void Compare(string file, string name, IReadOnlyList<string> digests)
    {
        var table = Repository.At("tests", "Traces", "Reports", file);
        var line = $"{name}\t{string.Join('\t', digests)}";
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            var lines = File.Exists(table) ? File.ReadLines(table).Where(l => !l.StartsWith(name + '\t', StringComparison.Ordinal)) : [];
            File.WriteAllLines(table, lines.Append(line).Order(StringComparer.Ordinal).ToList());
        }

        Assert.Equal(File.ReadLines(table).Single(l => l.StartsWith(name + '\t', StringComparison.Ordinal)), line);
    }
}

namespace BlackPony.Tests.Traces;

/// <summary>Tables in <c>tests/Traces/Reports/inputs</c>, a line for each input. <c>BLACKPONY_WRITE=1</c> writes a table again.</summary>
internal static class InputTables
{
    /// <summary>Compares a table, or writes it.</summary>
    public static void Compare(string table, IEnumerable<string> lines)
    {
        var made = string.Concat(lines.Select(l => l + "\n"));
        var path = Repository.At("tests", "Traces", "Reports", "inputs", table + ".txt");
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, made);
        }

        Assert.Equal(File.ReadAllText(path), made);
    }

    /// <summary>Run-length encoding: equal values in a row as one, with their number.</summary>
    public static IEnumerable<string> Runs<T>(IEnumerable<T> values)
    {
        var all = values.ToList();
        for (int i = 0, from = 0; i < all.Count; i++)
        {
            if (i + 1 == all.Count || !Equals(all[i], all[i + 1]))
            {
                yield return $"{all[i]}x{i + 1 - from}";
                from = i + 1;
            }
        }
    }
}

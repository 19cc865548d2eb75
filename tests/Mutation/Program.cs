using System.Globalization;
using BlackPony.Mutation;

if (args is ["cover" or "test", ..])
{
    return await Worker.RunAsync(args);
}

var names = args.ToList();
int sample = Number("--sample"), seed = Number("--seed");
var test = Value("--test");
if (names.Count == 0 || sample < 0 || seed < 0 || !Area.All.TryGetValue(names[0], out var area))
{
    Console.Error.WriteLine("Usage: tests/Mutation/run AREA [FILE…] [--sample N [--seed S]] [--test PATTERN]");
    Console.Error.WriteLine($"Areas: {string.Join(' ', Area.All.Keys)}");
    return 2;
}

var run = new Run(names[0], area, [.. names.Skip(1)], sample, seed, test);
if (run.Unknown().ToList() is { Count: > 0 } unknown)
{
    Console.Error.WriteLine($"{names[0]} has no file whose name begins with {string.Join(" or ", unknown.Select(u => u.Split(':')[0]))}");
    return 2;
}

return run.Go();

// 0 without the option, -1 if it has no number.
int Number(string option)
{
    if (!names.Contains(option))
    {
        return 0;
    }

    return int.TryParse(Value(option), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
}

string? Value(string option)
{
    int at = names.IndexOf(option);
    if (at < 0)
    {
        return null;
    }

    var value = names.ElementAtOrDefault(at + 1) ?? "";
    names.RemoveRange(at, Math.Min(2, names.Count - at));
    return value;
}

using BlackPony.Mutation;

if (args is ["cover" or "test", ..])
{
    return await Worker.RunAsync(args);
}

if (args.Length == 0 || !Area.All.TryGetValue(args[0], out var area))
{
    Console.Error.WriteLine($"Usage: tests/Mutation/run AREA [FILE…]\nAreas: {string.Join(' ', Area.All.Keys)}");
    return 2;
}

return new Run(args[0], area, args[1..]).Go();

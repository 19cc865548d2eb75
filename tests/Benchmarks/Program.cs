using BlackPony.Benchmarks;
using BlackPony.Benchmarks.Inner;
using BlackPony.Benchmarks.Rows;
using BlackPony.Tests;

IRow[] rows =
[
    new RecordsRow("X25519-CHACHA20POLY1305"),
    new RecordsRow("X25519MLKEM768-AES256GCM"),
    new BlowfishRow(),
    new AllocationsRow(),
    new UpgradesRow("X25519-CHACHA20POLY1305", 1.5),
    new UpgradesRow("X25519MLKEM768-CHACHA20POLY1305", 1.0),
    new SessionsRow(),
    new PassingRow(),
    new LargeRow(),
    new FirstOctetRow(),
    new MailerStartRow(),
    new IdleMemoryRow(),
    new GrowthRow(),
    new ConformanceRow(),
    new ReplayerRow(),
];

if (args.Contains("--help") || args.Contains("-h"))
{
    Console.WriteLine($"""
        Measures BlackPony against its peers, in the same run, round by round in turn.

        Usage: tests/Benchmarks/run [--quick] [--write] [ROW ...]
          --quick   short rounds, for a look
          --write   write the table to tests/Benchmarks/results.md and README.md; needs all rows
          --inner   BenchmarkDotNet on the inner loops; what follows goes to it
          ROW       rows to run; all if none is named

        Rows:
        {string.Join('\n', rows.Select(r => $"  {r.Name,-42}{r.What}"))}

        Examples:
          tests/Benchmarks/run --quick
          tests/Benchmarks/run sessions passing
          tests/Benchmarks/run --inner --filter '*Records*'
        """);
    return 0;
}

if (args is ["--inner", .. var rest])
{
    return InnerLoops.Run(rest);
}

var names = args.Where(a => !a.StartsWith('-')).ToList();
var unknown = names.Where(n => rows.All(r => r.Name != n)).Concat(args.Where(a => a.StartsWith('-') && a is not ("--quick" or "--write"))).ToList();
if (unknown.Count > 0)
{
    Console.Error.WriteLine($"No row or option {string.Join(", ", unknown)}; --help lists them.");
    return 2;
}

bool write = args.Contains("--write");
if (write && names.Count > 0)
{
    Console.Error.WriteLine("--write replaces the whole table: name no rows.");
    return 2;
}

var effort = args.Contains("--quick") ? Effort.Quick : Effort.Full;
var table = new Table(effort);
bool failed = false;
foreach (var row in rows.Where(r => names.Count == 0 || names.Contains(r.Name)))
{
    Console.Error.WriteLine($"{row.Name} …");
    try
    {
        foreach (var figure in await row.RunAsync(effort))
        {
            table.Add(figure);
            Console.WriteLine(Table.Line(figure));
        }
    }
    catch (Exception e) when (e is IOException or InvalidOperationException or TimeoutException or System.ComponentModel.Win32Exception)
    {
        Console.Error.WriteLine($"{row.Name}: {e.Message}");
        failed = true;
    }
}

Console.WriteLine();
Console.WriteLine(table.Whole());
if (write && !failed)
{
    File.WriteAllText(Where.Results, Marked.Put(File.ReadAllText(Where.Results), "figures", table.Whole()));
    File.WriteAllText(Where.Readme, Marked.Put(File.ReadAllText(Where.Readme), "speed", table.Rows()));
}

Where.Clean();
return failed ? 1 : 0;

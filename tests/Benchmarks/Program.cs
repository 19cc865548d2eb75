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
    new LatencyRow(),
    new OutboundRow(),
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
        Measures BlackPony and its peers in turn, in the same run.

        Usage: tests/Benchmarks/run [--quick] [--write] [ROW ...]
          --quick   short rounds, for a first look
          --write   write the tables of docs/speed.md and README.md; needs all rows
          --inner   run BenchmarkDotNet on the inner loops, with the options that follow
          ROW       rows to run; all by default

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
var unknown = names.Where(n => rows.All(r => r.Name != n))
    .Concat(args.Where(a => a.StartsWith('-') && a is not ("--quick" or "--write"))).ToList();
if (unknown.Count > 0)
{
    Console.Error.WriteLine($"There is no row or option {string.Join(", ", unknown)}; --help lists them.");
    return 2;
}

bool write = args.Contains("--write");
if (write && names.Count > 0)
{
    Console.Error.WriteLine("--write replaces the whole table: do not name rows.");
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
    File.WriteAllText(Where.Document, Marked.Put(File.ReadAllText(Where.Document), "figures", table.Whole()));
    File.WriteAllText(Where.Readme, Marked.Put(File.ReadAllText(Where.Readme), "speed", table.Short()));
}

Where.Clean();
return failed ? 1 : 0;

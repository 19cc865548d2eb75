using Spectre.Console;

namespace BlackPony.Tools.TraceReplayer;

/// <summary>Shows on a terminal how far long work is; elsewhere nothing.</summary>
internal static class ProgressBar
{
    private const long Long = 64 << 20;

    public static void Run(long total, Action<Action<int>?> work)
    {
        if (Console.IsErrorRedirected || total < Long)
        {
            work(null);
            return;
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        console.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new TransferSpeedColumn(),
            new RemainingTimeColumn()).Start(context =>
        {
            var task = context.AddTask("reading", maxValue: total);
            work(octets => task.Increment(octets));
        });
    }
}

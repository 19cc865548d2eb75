using System.Diagnostics;

namespace BlackPony.Tests.Shipping;

/// <summary>What a program said and how it ended.</summary>
internal sealed record Run(int Code, string Output, string Error)
{
    /// <summary>Runs a program to its end.</summary>
    public static async Task<Run> ProgramAsync(string file, IEnumerable<string> arguments, string? folder = null,
        IReadOnlyDictionary<string, string>? environment = null, bool bare = false)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        if (bare)
        {
            start.Environment.Clear();
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new Run(process.ExitCode, await output, await error);
    }

    /// <summary>The output of a program that ends well.</summary>
    public static async Task<string> GoodAsync(string file, params string[] arguments) => (await ProgramAsync(file, arguments)).Good();

    /// <summary>The output, if it ended well.</summary>
    public string Good()
    {
        Assert.True(Code == 0, $"Exit code {Code}.\n{Output}\n{Error}");
        return Output;
    }
}

using System.Diagnostics;
using NJsonSchema;

namespace BlackPony.Tests.Traces;

/// <summary><c>blackpony-replay inspect</c> as its user meets it.</summary>
public sealed class InspectCommandTests
{
    [Fact]
    public async Task The_JSON_is_what_its_schema_says()
    {
        var schema = await JsonSchema.FromFileAsync(
            Repository.At("tools", "trace-replayer", "inspect.schema.json"), TestContext.Current.CancellationToken);
        var files = new List<string> { Repository.At("spec", "transcripts") };
        if (SharedCaptures.Folder is { } shared)
        {
            files.Add(shared);
        }

        var (code, output, _) = Tool.Run(["inspect", "--json", .. files]);
        Assert.Equal(1, code);
        Assert.Empty(schema.Validate(output));
    }

    [Fact]
    public void Exit_codes_are_as_the_help_says()
    {
        using var folder = new Folder();
        var clean = folder.Write("clean.pcap", Inspection.Pcap(Frames.Session()));
        var odd = folder.Write("odd.pcap", Inspection.Pcap(Frames.Session()[3..]));
        var text = folder.Write("letter.txt", "Dear reader,\n"u8.ToArray());
        Assert.Equal(0, Tool.Run(["inspect", clean]).Code);
        Assert.Equal(0, Tool.Run(["inspect", "--fail-on", "note", clean]).Code);
        Assert.Equal(0, Tool.Run(["inspect", odd]).Code);
        Assert.Equal(1, Tool.Run(["inspect", "--fail-on", "note", odd]).Code);
        Assert.Equal(1, Tool.Run(["inspect", Repository.At("spec", "transcripts", "broken-malformed-reply.txt")]).Code);
        Assert.Equal(3, Tool.Run(["inspect", text]).Code);
        Assert.Equal(3, Tool.Run(["inspect", text, clean]).Code);
        Assert.Equal(0, Tool.Run(["inspect", folder.Path]).Code);
        foreach (var wrong in (string[][])[["inspect"], ["inspect", "--port", "0", clean], ["inspect", "--format", "xml", clean],
            ["inspect", "--fail-on", "never", clean], ["inspect", "--reply", "5xx", clean], ["inspect", "--reply", "5500", clean],
            ["inspect", "--session", "0", clean], ["inspect", "--after", "yesterday", clean], ["inspekt"]])
        {
            var (code, output, errors) = Tool.Run(wrong);
            Assert.True(code == 2, $"{string.Join(' ', wrong)}: {code}");
            Assert.Empty(output);
            Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }

        // Without a command it shows the help.
        var nothing = Tool.Run([]);
        Assert.Equal(2, nothing.Code);
        Assert.Contains("inspect", nothing.Output + nothing.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_read_whole_and_no_link_or_pipe_in_it_is_endless()
    {
        using var folder = new Folder();
        folder.Write("clean.pcap", Inspection.Pcap(Frames.Session()));
        Pipe(folder, "pipe");
        File.CreateSymbolicLink(Path.Combine(folder.Path, "again"), folder.Path);
        var (code, output, _) = Tool.Run(["inspect", folder.Path]);
        Assert.Equal((0, 2), (code, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        // What cannot be read is told, here too.
        File.CreateSymbolicLink(Path.Combine(folder.Path, "nowhere.pcap"), "gone.pcap");
        (code, _, var errors) = Tool.Run(["inspect", folder.Path]);
        Assert.Equal(3, code);
        Assert.Contains("nowhere.pcap", Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_is_read_beside_a_file()
    {
        using var folder = new Folder();
        var file = folder.Write("clean.pcap", Inspection.Pcap(Frames.Session()));
        var pipe = Pipe(folder, "pipe");
        using var writer = Process.Start("cp", [file, pipe]);
        var (code, output, _) = Tool.Run(["inspect", pipe, file]);
        Assert.Equal((0, 3), (code, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        await writer.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, writer.ExitCode);
    }

    private static string Pipe(Folder folder, string name)
    {
        var path = Path.Combine(folder.Path, name);
        using var process = Process.Start("mkfifo", [path]);
        process.WaitForExit();
        return path;
    }

    [Fact]
    public void Text_says_it_in_a_line_and_more_when_asked()
    {
        using var folder = new Folder();
        var clean = folder.Write("clean.pcap", Inspection.Pcap(Frames.Session()));
        var lines = Tool.Run(["inspect", clean]).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.Contains("10.0.0.1:40000 > 10.0.0.2:25  mail.a.test  5 commands, 1 message", lines[0], StringComparison.Ordinal);
        Assert.Contains("C: RCPT TO:<bob@b.test>", Tool.Run(["inspect", "-v", clean]).Output, StringComparison.Ordinal);
        Assert.Contains("<details>", Tool.Run(["inspect", "--format", "html", clean]).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_key_log_opens_records()
    {
        using var folder = new Folder();
        var secured = new Secured("X25519-CHACHA20POLY1305");
        var (code, output, _) = Tool.Run(
            ["inspect", "-v", "--keylog", folder.Write("keys.log", System.Text.Encoding.ASCII.GetBytes(secured.KeyLog)),
            folder.Write("secured.pcap", secured.Pcap())]);
        Assert.Equal(0, code);
        Assert.Contains("C> RCPT TO:<bob@b.test>", output, StringComparison.Ordinal);
        Assert.Equal(3, Tool.Run(["inspect", "--keylog", "/no/such/file", Repository.At("spec", "transcripts")]).Code);
    }

    [Fact]
    public void The_help_has_examples()
    {
        Assert.Contains("Examples:", Tool.Run(["--help"]).Output, StringComparison.Ordinal);
        Assert.Contains("Exit codes:", Tool.Run(["inspect", "--help"]).Output, StringComparison.Ordinal);
    }
}

/// <summary>The program itself.</summary>
internal static class Tool
{
    public static (int Code, string Output, string Errors) Run(string[] arguments)
    {
        var start = new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "blackpony-replay.dll"), .. arguments]) { RedirectStandardOutput = true,
            RedirectStandardError = true };
        using var process = Process.Start(start)!;
        using var limit = new Timer(_ => process.Kill(), null, TimeSpan.FromMinutes(2), Timeout.InfiniteTimeSpan);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.GetAwaiter().GetResult());
    }
}

/// <summary>A folder that goes with the test.</summary>
internal sealed class Folder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("blackpony-traces").FullName;

    public string Write(string name, byte[] octets)
    {
        var path = System.IO.Path.Combine(Path, name);
        File.WriteAllBytes(path, octets);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

using System.Text.RegularExpressions;

namespace BlackPony.Tests.Shipping.Programs;

/// <summary>What the three programs' command lines have in common.</summary>
public sealed partial class CommandLineTests
{
    public static TheoryData<string> Programs => [.. ShippedPrograms.Names];

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task The_version_says_which_program_and_which_specification(string program) =>
        Assert.Matches($@"^{program} \d+\.\d+\.\d+(-[\w.]+)?\nspecification BlackPony V1\n$",
            await Run.GoodAsync(ShippedPrograms.Built(program), "--version"));

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task A_wrong_option_is_one_line_that_says_what_to_do(string program)
    {
        var run = await Run.ProgramAsync(ShippedPrograms.Built(program), ["--no-such-option\u001b[2J"]);
        Assert.Equal(2, run.Code);
        Assert.Equal("", run.Output);
        Assert.StartsWith($"{program}: ", run.Error, StringComparison.Ordinal);
        Assert.EndsWith("Try --help.\n", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(run.Error.TrimEnd('\n'), char.IsControl);
    }

    [Theory]
    [InlineData("blackpony", "lisen", "there is no command 'lisen'. Did you mean 'listen'? Try --help.")]
    [InlineData("blackpony", "listen --lsten 127.0.0.1:1", "there is no option '--lsten'. Did you mean '--listen'? Try --help.")]
    [InlineData("blackpony", "rleay", "there is no command 'rleay'. Did you mean 'relay'? Try --help.")]
    [InlineData("blackpony", "LISTEN", "there is no command 'LISTEN'. Did you mean 'listen'? Try --help.")]
    [InlineData("blackpony", "help", "there is no command 'help'. Try --help.")]
    [InlineData("blackpony", "check --JSON a.test", "there is no option '--JSON'. Did you mean '--json'? Try --help.")]
    [InlineData("blackpony", "frobnicate", "there is no command 'frobnicate'. Try --help.")]
    [InlineData("blackpony-conformance", "--sever 127.0.0.1:1", "there is no option '--sever'. Did you mean '--server'? Try --help.")]
    [InlineData("blackpony", "check a.test b.test", "there is no argument 'b.test'. Try --help.")]
    [InlineData("blackpony", "check --jsn a.test", "there is no option '--jsn'. Did you mean '--json'? Try --help.")]
    [InlineData("blackpony", "check --jsn", "there is no option '--jsn'. Did you mean '--json'? Try --help.")]
    [InlineData("blackpony-replay", "inspekt", "there is no command 'inspekt'. Did you mean 'inspect'? Try --help.")]
    public async Task What_is_not_there_is_named_with_what_is_nearest(string program, string arguments, string expected)
    {
        var run = await Run.ProgramAsync(ShippedPrograms.Built(program), arguments.Split(' '));
        Assert.Equal((2, "", $"{program}: {expected}\n"), (run.Code, run.Output, run.Error));
    }

    [Theory]
    [InlineData("blackpony")]
    [InlineData("blackpony-replay")]
    public async Task Without_arguments_it_shows_its_help(string program)
    {
        var run = await Run.ProgramAsync(ShippedPrograms.Built(program), []);
        Assert.Equal((2, await Run.GoodAsync(ShippedPrograms.Built(program), "--help"), ""), (run.Code, run.Output, run.Error));
    }

    [Theory]
    [InlineData("listen", "queue")]
    [InlineData("relay", "outcome")]
    public async Task The_page_of_a_service_has_its_signals_log_and_metrics(string service, string field)
    {
        var page = await Run.GoodAsync(ShippedPrograms.Built("blackpony"), "man", service);
        string[] parts = [".Sh SIGNALS\n", ".It \\&SIGHUP\n", ".Sh LOG\n", $".It \\&{field}\n", ".Sh METRICS\n",
            ".It \\&blackpony_sessions_total\n", ".Sh EXIT STATUS\n", ".It 0\n", ".It 1\n", ".It 2\n"];
        var places = parts.Select(p => page.IndexOf(p, StringComparison.Ordinal)).ToList();
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);

        // The same metrics as in the page for administrators.
        Assert.Equal(Metric().Matches(Repository.Read("docs", "operations.md")).Select(m => m.Groups[1].Value).Order(),
            PageMetric().Matches(page).Select(m => m.Groups[1].Value).Order());
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Output_that_cannot_be_written_is_one_line_and_exit_code_2(string program)
    {
        foreach (var option in (string[])["--version", "--help"])
        {
            var run = await Run.ProgramAsync("/bin/sh", ["-c", "exec \"$0\" \"$1\" >/dev/full", ShippedPrograms.Built(program), option]);
            Assert.Equal((2, $"{program}: No space left on device"), (run.Code, run.Error[..^1].Split(" :")[0]));
        }

        var wrong = await Run.ProgramAsync("/bin/sh", ["-c", "exec \"$0\" --nonsense 2>/dev/full", ShippedPrograms.Built(program)]);
        Assert.Equal(2, wrong.Code);
    }

    [Fact]
    public async Task Results_that_cannot_be_written_are_one_line_and_exit_code_2()
    {
        var program = ShippedPrograms.Built("blackpony-conformance");
        var run = await Run.ProgramAsync("/bin/sh", ["-c", "exec \"$0\" --select S-4.1-1 >/dev/full", program]);
        Assert.Equal(2, run.Code);
        Assert.EndsWith("blackpony-conformance: a report could not be written: No space left on device\n", run.Error,
            StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task The_man_pages_have_every_command_and_option_of_the_help(string program)
    {
        var commands = await CommandsAsync(program);
        Assert.Contains("completion", commands);
        foreach (var command in (string?[])[null, .. commands])
        {
            string[] one = command is null ? [] : [command];
            var page = (await Run.GoodAsync(ShippedPrograms.Built(program), ["man", .. one])).Replace("\\-", "-", StringComparison.Ordinal)
                .Replace("\\&", "", StringComparison.Ordinal);
            var help = await Run.GoodAsync(ShippedPrograms.Built(program), [.. one, "--help"]);
            var options = LongOption().Matches(help).Select(m => m.Groups[1].Value).Distinct()
                .Where(o => command is null || o != "help").ToList();
            if (command is null)
            {
                Assert.Contains("version", options);
            }

            Assert.All(options, o => Assert.Contains($"Fl -{o}", page, StringComparison.Ordinal));
            Assert.Contains($".Nm {Page(program, command)}\n", page, StringComparison.Ordinal);

            // It names all the other pages of its program.
            Assert.All(((string?[])[null, .. commands]).Where(c => c != command),
                c => Assert.Contains($".Xr {Page(program, c)} 1", page, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task There_is_no_man_page_of_what_is_no_command()
    {
        var run = await Run.ProgramAsync(ShippedPrograms.Built("blackpony"), ["man", "woman"]);
        Assert.Equal(2, run.Code);
        Assert.Contains("'mailer'", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task The_man_pages_are_sound(string program)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/mandoc"), "Needs mandoc (Debian's package mandoc).");
        foreach (var command in (string?[])[null, .. await CommandsAsync(program)])
        {
            var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.1");
            await File.WriteAllTextAsync(file,
                await Run.GoodAsync(ShippedPrograms.Built(program), ["man", .. command is null ? Array.Empty<string>() : [command]]),
                TestContext.Current.CancellationToken);
            try
            {
                // Errors and warnings; whether the other pages are installed is no matter of this one.
                var run = await Run.ProgramAsync("/usr/bin/mandoc", ["-Tlint", "-Wwarning", file]);
                Assert.Equal("", run.Output + run.Error);
                // Bold is a letter struck twice.
                var text = Struck().Replace(await Run.GoodAsync("/usr/bin/mandoc", "-Tascii", file), "");
                Assert.Contains("EXIT STATUS", text, StringComparison.Ordinal);
                Assert.Contains($"\n     {program}{(command is null ? "" : " " + command)} ", text, StringComparison.Ordinal);
            }
            finally
            {
                File.Delete(file);
            }
        }
    }

    private static string Page(string program, string? command) => command is null ? program : $"{program}-{command}";

    private static async Task<List<string>> CommandsAsync(string program) =>
        [.. Command().Matches(await Run.GoodAsync(ShippedPrograms.Built(program), "--help")).Select(m => m.Groups[1].Value)];

    /// <summary>Bash itself is asked what it would offer.</summary>
    [Theory]
    [InlineData("blackpony ", "listen", "mailer", "relay", "completion")]
    [InlineData("blackpony li", "listen")]
    [InlineData("blackpony mailer --policy re", "remembered", "required")]
    [InlineData("blackpony listen --log-f", "--log-format")]
    [InlineData("blackpony-conformance --exp", "--expected-failures")]
    [InlineData("blackpony-replay inspect --fail-on ", "note", "warning", "error")]
    public async Task Bash_completes(string line, params string[] expected)
    {
        var program = line.Split(' ')[0];
        var script = $$"""
            PATH={{Path.GetDirectoryName(ShippedPrograms.Built(program))}}:$PATH
            eval "$({{program}} completion bash)"
            COMP_LINE='{{line}}'; COMP_POINT=${#COMP_LINE}; read -ra COMP_WORDS <<< "$COMP_LINE"
            [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=("")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            set -- $(complete -p {{program}}); while [ "$1" != -F ]; do shift; done
            $2 && printf '%s\n' "${COMPREPLY[@]}"
            """;
        var found = (await Run.GoodAsync("/bin/bash", "-c", script)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(expected, e => Assert.Contains(e, found));
        Assert.All(found, f => Assert.StartsWith(line[(line.LastIndexOf(' ') + 1)..], f, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("bash", "/bin/bash")]
    [InlineData("zsh", "/usr/bin/zsh")]
    [InlineData("fish", "/usr/bin/fish")]
    public async Task A_shell_reads_its_script(string name, string shell)
    {
        Assert.SkipUnless(File.Exists(shell), $"Needs {shell}.");
        var script = await Run.GoodAsync(ShippedPrograms.Built("blackpony"), "completion", name);
        Assert.Equal("", (await Run.ProgramAsync(shell, ["-n", "-c", script])).Error);
    }

    [GeneratedRegex(".\b")]
    private static partial Regex Struck();

    [GeneratedRegex("^  ([a-z]+)(?: <| {2,}|$)", RegexOptions.Multiline)]
    private static partial Regex Command();

    [GeneratedRegex("^\\| `(blackpony_\\w+)`", RegexOptions.Multiline)]
    private static partial Regex Metric();

    [GeneratedRegex(@"\.It \\&(blackpony_\w+)")]
    private static partial Regex PageMetric();

    [GeneratedRegex("^  (?:-., )*--([a-z-]+)", RegexOptions.Multiline)]
    private static partial Regex LongOption();
}

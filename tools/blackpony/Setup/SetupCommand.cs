using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Tools.Setup;

namespace BlackPony.Tools;

/// <summary><c>blackpony setup</c>: changes the configuration of a mail server, and takes the change back.</summary>
internal static class SetupCommand
{
    private const int Failed = 1;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        var server = new Argument<string?>("server")
        {
            Description = "The mail server: postfix, sendmail or exim. With --undo it may be left out.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        server.AcceptOnlyFromAmong("postfix", "sendmail", "exim");
        var dryRun = new Option<bool>("--dry-run") { Description = "Show the change and the commands, and do nothing." };
        var apply = new Option<bool>("--apply") { Description = "Do it without a question." };
        var undo = new Option<bool>("--undo") { Description = "Take the change back." };
        var incoming = new Option<bool>("--incoming") { Description = "Set up incoming mail only; outgoing mail stays as it is." };
        var filesOnly = new Option<bool>("--files-only") { Description = "Change the files, and leave the commands to you." };
        var port = new Option<int>("--port", "-p")
        {
            Description = "The port of 127.0.0.1 to which the mail server moves.",
            HelpName = "port",
            DefaultValueFactory = _ => 10025,
            CustomParser = r => Parse.Number(r, 1, 65535),
        };
        var command = new Command("setup",
            "Set up the mail server of this machine for listen, and for relay or mailer; or take that back.") { server };
        foreach (var option in (Option[])[dryRun, apply, undo, incoming, filesOnly, port])
            command.Add(option);

        command.Validators.Add(r =>
        {
            bool Has(Option option) => r.GetResult(option) is { Implicit: false };
            if (Has(dryRun) && Has(apply))
                r.AddError("--dry-run and --apply exclude each other.");
            else if (!Has(undo) && r.GetResult(server) is not { Tokens.Count: > 0 })
                r.AddError("name the mail server: postfix, sendmail or exim.");
        });
        Help.Example(command, """
              blackpony setup postfix --dry-run
              blackpony setup postfix --apply
              blackpony setup postfix --undo
              blackpony setup exim --incoming
            Exit codes: 0 done or nothing to do, 1 not done and nothing changed, 2 usage.
            """);
        command.SetAction((parse, cancel) =>
        {
            if (CommandLine.Misspelt(parse) is { } problem)
                throw new FormatException($"{problem} Try --help.");

            var how = new How(parse.GetValue(dryRun), parse.GetValue(apply), parse.GetValue(filesOnly));
            var context = new PlanContext
            {
                Port = parse.GetValue(port),
                IncomingOnly = parse.GetValue(incoming),
                Program = Environment.ProcessPath ?? "/usr/local/bin/blackpony",
            };
            var name = parse.GetValue(server);
            return parse.GetValue(undo) ? UndoAsync(name is null ? AppliedSetup.Servers : [name], how, cancel)
                : ApplyAsync(name!, context, how, cancel);
        });
        return command;
    }

    private sealed record How(bool DryRun, bool Apply, bool FilesOnly);

    private static async Task<int> ApplyAsync(string server, PlanContext context, How how, CancellationToken cancel)
    {
        try
        {
            if (AppliedSetup.Servers.Contains(server))
            {
                Console.Out.WriteLine($"{server} is set up already. 'blackpony setup {server} --undo' takes it back.");
                return 0;
            }

            if (AppliedSetup.Servers is [var other, ..])
                throw new RefusedException($"{other} is set up. Take that back first: blackpony setup {other} --undo");

            ServiceFiles.RequireOwnPort(context);
            var plan = server switch
            {
                "postfix" => PostfixSetup.Plan(context),
                "sendmail" => SendmailSetup.Plan(context),
                _ => EximSetup.Plan(context),
            };
            Show(plan.Files, plan.Commands, plan.Notes, how);
            if (!await ConfirmAsync(how, cancel))
                return how.DryRun ? 0 : Failed;

            RequireSystemd(how);
            if (plan.Files.Any(f => PlanContext.TryRead(f.Path) != f.Old))
                throw new RefusedException("A file has changed meanwhile. Run the command again.");

            AppliedSetup.Apply(plan);
            if (how.FilesOnly || await RunAsync(plan.Commands, cancel))
            {
                Console.Out.WriteLine($"Done. 'blackpony setup {server} --undo' takes it back.");
                return 0;
            }

            CommandLine.Complain("that failed, so everything is taken back.");
            AppliedSetup.TakeBack(server, AppliedSetup.Undo(server));
            await RunAllAsync(plan.UndoCommands, CancellationToken.None);
            return Failed;
        }
        catch (Exception e) when (e is RefusedException or IOException or UnauthorizedAccessException)
        {
            CommandLine.Complain($"{e.Message} Nothing was changed.");
            return Failed;
        }
    }

    private static async Task<int> UndoAsync(IReadOnlyList<string> servers, How how, CancellationToken cancel)
    {
        int code = 0;
        foreach (var server in servers)
        {
            try
            {
                if (!AppliedSetup.Servers.Contains(server))
                {
                    Console.Out.WriteLine($"'blackpony setup' has not set up {server}: there is nothing to take back.");
                    continue;
                }

                var changes = AppliedSetup.Undo(server);
                var commands = AppliedSetup.UndoCommands(server);
                Show([.. changes.Select(c => c.Change)], commands, [], how);
                if (!await ConfirmAsync(how, cancel))
                {
                    code = how.DryRun ? code : Failed;
                    continue;
                }

                // Without systemd the services cannot run by its units; the files are taken back all the same.
                AppliedSetup.TakeBack(server, changes);
                if (!how.FilesOnly && !await RunAllAsync(commands, cancel))
                    code = Failed;
            }
            catch (Exception e) when (e is RefusedException or IOException or UnauthorizedAccessException)
            {
                CommandLine.Complain(e.Message);
                code = Failed;
            }
        }

        return code;
    }

    private static void Show(IReadOnlyList<FileChange> files, IReadOnlyList<Step> commands, IReadOnlyList<string> notes, How how)
    {
        foreach (var line in files.SelectMany(f => UnifiedDiff.Lines(f.Path, f.Old, f.New)))
        {
            var text = Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(line));
            Console.Out.WriteLine(string.Concat(text.Select(c => char.IsControl(c) && c != '\t' ? '?' : c)));
        }

        Console.Out.WriteLine(how.FilesOnly ? "\nTo be run by you, in this order:" : "\nThen these commands are run:");
        foreach (var step in commands)
            Console.Out.WriteLine($"  {step}");

        foreach (var note in notes)
            Console.Out.WriteLine($"Note: {note}");

        Console.Out.WriteLine();
    }

    private static async Task<bool> ConfirmAsync(How how, CancellationToken cancel)
    {
        if (how.DryRun || how.Apply)
            return how.Apply;

        Console.Out.Write("Do this? [y/N] ");
        await Console.Out.FlushAsync(cancel);
        var answer = await Console.In.ReadLineAsync(cancel);
        if (answer?.Trim() is "y" or "Y" or "yes")
            return true;

        Console.Out.WriteLine("Nothing was changed.");
        return false;
    }

    private static void RequireSystemd(How how)
    {
        if (!how.FilesOnly && !Directory.Exists("/run/systemd/system"))
        {
            throw new RefusedException("systemd does not run here, so 'setup' cannot start the services. With --files-only it changes the "
                + "files, and leaves the commands to you.");
        }
    }

    /// <summary>Runs commands, up to the first that fails.</summary>
    private static async Task<bool> RunAsync(IReadOnlyList<Step> steps, CancellationToken cancel)
    {
        foreach (var step in steps)
        {
            if (!await RunAsync(step, cancel))
                return false;
        }

        return true;
    }

    /// <summary>Runs all commands, whatever becomes of them.</summary>
    private static async Task<bool> RunAllAsync(IReadOnlyList<Step> steps, CancellationToken cancel)
    {
        bool isGood = true;
        foreach (var step in steps)
            isGood &= await RunAsync(step, cancel);

        return isGood;
    }

    private static async Task<bool> RunAsync(Step step, CancellationToken cancel)
    {
        Console.Out.WriteLine($"+ {step}");
        if (step.Words.Length == 0)
        {
            if (await HasMovedAsync(step, cancel))
                return true;

            CommandLine.Complain($"after {Patience.TotalSeconds} seconds the mail server does not listen on 127.0.0.1:{step.Open}, "
                + "or still does on its former port.");
            return false;
        }

        try
        {
            using var process = Process.Start(new ProcessStartInfo(Step.Find(step.Words[0]), step.Words[1..]))!;
            await process.WaitForExitAsync(cancel);
            if (process.ExitCode == 0)
                return true;

            CommandLine.Complain($"'{step}' ended with exit code {process.ExitCode}.");
        }
        catch (Win32Exception e)
        {
            CommandLine.Complain($"'{step}' cannot be run: {e.Message}");
        }

        return false;
    }

    private static async Task<bool> HasMovedAsync(Step step, CancellationToken cancel)
    {
        for (var until = Stopwatch.StartNew(); until.Elapsed < Patience; await Task.Delay(100, cancel))
        {
            if (await IsOpenAsync(step.Open, cancel) && (step.Closed == 0 || !await IsOpenAsync(step.Closed, cancel)))
                return true;
        }

        return false;
    }

    private static async Task<bool> IsOpenAsync(int port, CancellationToken cancel)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancel);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

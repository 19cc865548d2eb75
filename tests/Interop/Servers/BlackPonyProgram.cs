using System.Diagnostics;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>The program <c>blackpony</c> as a user runs it.</summary>
public sealed class BlackPonyProgram : IDisposable
{
    private readonly Process _listen;

    private readonly StringBuilder _log = new();

    private readonly SemaphoreSlim _said = new(0);

    private BlackPonyProgram(Process listen)
    {
        _listen = listen;
        _listen.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.Append(line.Data).Append('\n');
            }

            try
            {
                _said.Release();
            }
            catch (ObjectDisposedException)
            {
                // Its last words, when nobody listens any more.
            }
        };
        _listen.BeginErrorReadLine();
    }

    /// <summary>What the program wrote to its standard error so far.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>The process's id.</summary>
    public int Id => _listen.Id;

    /// <summary>The program's file.</summary>
    public static string File { get; } = Environment.GetEnvironmentVariable("BLACKPONY") ?? Repository.Built("blackpony", "blackpony");

    /// <summary>Writes a script that runs the program in sendmail's nearly empty environment.</summary>
    public static string Script(string folder)
    {
        var script = Path.Combine(folder, "blackpony.sh");
        var dotnet =
            Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        System.IO.File.WriteAllText(script, $"#!/bin/sh\nDOTNET_ROOT='{dotnet}'\nexport DOTNET_ROOT\nexec '{File}' \"$@\"\n");
        System.IO.File.SetUnixFileMode(script,
            UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead
                | UnixFileMode.OtherExecute);
        return script;
    }

    /// <summary>Starts <c>blackpony listen</c>.</summary>
    public static Task<BlackPonyProgram> ListenAsync(int port, int backend, params string[] more) =>
        ListeningAsync(port, Start(["listen", "--listen", $"127.0.0.1:{port}", "--backend", $"127.0.0.1:{backend}", .. more]));

    /// <summary>Starts <c>blackpony relay</c>.</summary>
    public static Task<BlackPonyProgram> RelayAsync(int port, params string[] more) =>
        ListeningAsync(port, Start(["relay", "--listen", $"127.0.0.1:{port}", .. more]));

    /// <summary>Starts the program.</summary>
    public static BlackPonyProgram Start(params string[] arguments) => Start([], arguments);

    /// <summary>Starts the program under a umask that leaves all files to everybody.</summary>
    public static BlackPonyProgram StartUnmasked(params string[] arguments) =>
        new(Process.Start(
            new ProcessStartInfo("/bin/sh", ["-c", "umask 000; exec \"$0\" \"$@\"", File, .. arguments])
            {
                RedirectStandardError = true,
            })!);

    /// <summary>Starts the program by another one, which gets its command line.</summary>
    public static BlackPonyProgram StartWithin(string[] starter, string[] arguments) =>
        new(Process.Start(new ProcessStartInfo(starter[0], [.. starter[1..], File, .. arguments]) { RedirectStandardError = true })!);

    /// <summary>Starts the program with more in its environment.</summary>
    public static BlackPonyProgram Start(Dictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(File, arguments) { RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new BlackPonyProgram(Process.Start(start)!);
    }

    /// <summary>Runs <c>blackpony mailer</c> as a queue does, with one message.</summary>
    /// <returns>What it answered on standard output, and its exit code.</returns>
    public static async Task<(string Replies, int Code)> MailAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(File, ["mailer", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var replies = new StringBuilder();
        foreach (var text in (string[])["", "EHLO queue.test\r\n", "MAIL FROM:<a@queue.test>\r\n", "RCPT TO:<b@sink.test>\r\n", "DATA\r\n",
            "Subject: s\r\n\r\nhello\r\n.\r\n", "QUIT\r\n"])
        {
            try
            {
                await process.StandardInput.WriteAsync(text);
                await process.StandardInput.FlushAsync();
            }
            catch (IOException)
            {
                break;
            }

            string? line;
            do
            {
                line = await process.StandardOutput.ReadLineAsync();
                replies.Append(line).Append('\n');
            }
            while (line is { Length: > 3 } && line[3] == '-');
            if (line is null || line.StartsWith('4'))
            {
                break;
            }
        }

        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        await process.WaitForExitAsync();
        return (replies.ToString(), process.ExitCode);
    }

    /// <summary>Waits until the program has written the text to its standard error.</summary>
    public async Task SaysAsync(string text)
    {
        while (!Log.Contains(text, StringComparison.Ordinal))
        {
            Assert.True(await _said.WaitAsync(Wait.HangGuard), $"The program did not say \"{text}\" but: {Log}");
        }
    }

    /// <summary>Ends the program by SIGKILL, in the midst of whatever it does.</summary>
    public void Kill()
    {
        _listen.Kill();
        _listen.WaitForExit();
    }

    /// <summary>Asks the program to stop, by SIGTERM.</summary>
    public void Terminate() => Signal("TERM");

    /// <summary>Asks the program to read its configuration again, by SIGHUP.</summary>
    public void HangUp() => Signal("HUP");

    /// <summary>Waits for the program's end.</summary>
    public async Task<int> ExitAsync()
    {
        await _listen.WaitForExitAsync().WaitAsync(Wait.HangGuard);
        return _listen.ExitCode;
    }

    private void Signal(string name) =>
        Process.Start("kill", ["-" + name, _listen.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_listen.HasExited)
        {
            _listen.Kill();
            _listen.WaitForExit(5000);
        }

        _listen.Dispose();
        _said.Dispose();
    }

    /// <summary>Waits until the program listens on a port of 127.0.0.1.</summary>
    /// <exception cref="TimeoutException">It does not. The message says why, and what the program wrote.</exception>
    public async Task ListensAsync(int port)
    {
        if (await Ports.WaitAsync(port, _listen) is { } reason)
        {
            throw new TimeoutException($"{reason} It wrote: {Log}");
        }
    }

    // A program that does not listen is not left running.
    private static async Task<BlackPonyProgram> ListeningAsync(int port, BlackPonyProgram program)
    {
        try
        {
            await program.ListensAsync(port);
            return program;
        }
        catch (TimeoutException)
        {
            program.Dispose();
            throw;
        }
    }
}

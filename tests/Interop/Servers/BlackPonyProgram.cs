using System.Diagnostics;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>The program <c>blackpony</c> as a user runs it.</summary>
public sealed class BlackPonyProgram : IDisposable
{
    private readonly Process _listen;

    private BlackPonyProgram(Process listen) => _listen = listen;

    /// <summary>The program's file.</summary>
    public static string File { get; } = Path.Combine(
        Repository.Root, "tools", "blackpony", "bin", AppContext.BaseDirectory.Contains("Release", StringComparison.Ordinal) ? "Release" : "Debug", "net10.0", "blackpony");

    /// <summary>Writes a script that runs the program in sendmail's nearly empty environment.</summary>
    public static string Script(string folder)
    {
        var script = Path.Combine(folder, "blackpony.sh");
        var dotnet = Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        System.IO.File.WriteAllText(script, $"#!/bin/sh\nDOTNET_ROOT='{dotnet}'\nexport DOTNET_ROOT\nexec '{File}' \"$@\"\n");
        System.IO.File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        return script;
    }

    /// <summary>Starts <c>blackpony listen</c>.</summary>
    public static async Task<BlackPonyProgram> ListenAsync(int port, int backend, params string[] more)
    {
        var start = new ProcessStartInfo(File, ["listen", "--listen", $"127.0.0.1:{port}", "--backend", $"127.0.0.1:{backend}", .. more]) { RedirectStandardError = true };
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        await Repository.WaitForPortAsync(port);
        return new BlackPonyProgram(process);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_listen.HasExited)
        {
            _listen.Kill();
            _listen.WaitForExit(5000);
        }

        _listen.Dispose();
    }
}

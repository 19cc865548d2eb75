using System.Diagnostics;
using System.Globalization;
using System.Text;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.Python;

/// <summary><c>python3 -m blackpony.server</c>: aiosmtpd with XBLACKPONY, an IDENT key, and a Maildir.</summary>
internal sealed class PythonServer : IDisposable
{
    // Return-Path, and Received in three lines.
    private const int OwnLines = 4;

    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    // Its own word, because whoever answers at the port may be another process.
    private readonly TaskCompletionSource<bool> _listens = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private PythonServer(string suites)
    {
        Port = FreePorts.Next();
        var (port, ident) = (Port.ToString(CultureInfo.InvariantCulture), Path.Combine(_folder, "ident"));
        File.WriteAllBytes(ident, new byte[32]);
        string[] arguments = ["--port", port, "--maildir", _folder, "--ident", ident, "--name", "python.test", "--suites", suites];
        _process = Process.Start(PythonImplementation.Start(["-m", "blackpony.server", .. arguments]))!;
        _process.OutputDataReceived += (_, line) => _listens.TrySetResult(line.Data is not null);
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.Append(line.Data).Append('\n');
            }
        };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>A command that prints the mail that it has accepted.</summary>
    public string Mailbox => $"cat '{_folder}'/new/* 2>/dev/null";

    /// <summary>The port of 127.0.0.1 on which it listens.</summary>
    public int Port { get; }

    /// <summary>What it wrote on standard error: nothing, if all is well.</summary>
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

    /// <summary>Starts it, and waits until it listens.</summary>
    /// <exception cref="TimeoutException">It does not.</exception>
    public static async Task<PythonServer> StartAsync(string suites)
    {
        var server = new PythonServer(suites);
        if (await server._listens.Task.WaitAsync(Wait.HangGuard))
        {
            return server;
        }

        await server._process.WaitForExitAsync();
        var log = server.Log;
        server.Dispose();
        throw new TimeoutException($"The Python server ended. It wrote: {log}");
    }

    /// <summary>The only message that came.</summary>
    /// <returns>The fields that the server put before it, and the message as it was sent, in Latin-1.</returns>
    public async Task<(string Fields, string Message)> MessageAsync()
    {
        var file = Assert.Single(Directory.GetFiles(Path.Combine(_folder, "new")));
        var text = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        int end = 0;
        for (int line = 0; line < OwnLines; line++)
        {
            end = text.IndexOf("\r\n", end, StringComparison.Ordinal) + 2;
        }

        return (text[..end], text[end..]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit(5000);
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}

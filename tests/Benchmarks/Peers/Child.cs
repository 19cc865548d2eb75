using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace BlackPony.Benchmarks.Peers;

/// <summary>A program that serves on a port of this machine until disposed.</summary>
internal sealed class Child : IDisposable
{
    private readonly Process _process;
    private readonly string _name;
    private readonly Queue<string> _said = new();

    private Child(Process process, string name, int port)
    {
        _process = process;
        _name = name;
        Port = port;
        process.OutputDataReceived += (_, e) => Keep(e.Data);
        process.ErrorDataReceived += (_, e) => Keep(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Where it serves.</summary>
    public int Port { get; }

    /// <summary>The process.</summary>
    public int Id => _process.Id;

    /// <summary>A port that nobody uses.</summary>
    public static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }

    /// <summary>Starts a program and waits until its port answers.</summary>
    public static async Task<Child> StartAsync(int port, string program, params string[] arguments)
    {
        var child = new Child(Process.Start(Command(program, arguments))!, Path.GetFileName(program), port);
        for (int i = 0; i < 200; i++)
        {
            try
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return child;
            }
            catch (SocketException)
            {
                if (child._process.HasExited)
                {
                    break;
                }

                await Task.Delay(50);
            }
        }

        child.Dispose();
        throw new IOException($"{child._name} does not serve on port {port}: {string.Join(" | ", child._said)}");
    }

    /// <summary>Runs a program to its end.</summary>
    public static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(Command(program, arguments))!;
        var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new IOException($"{Path.GetFileName(program)}: {string.Concat(said).Trim()}");
        }
    }

    /// <summary>Processor time of the program, of its children, and of those that ended.</summary>
    public TimeSpan ProcessorTime =>
        TimeSpan.FromSeconds(
            Directory.EnumerateDirectories("/proc").Select(Stat).Where(f => f.Length > 15 && (f[0] == $"{Id}" || f[2] == $"{Id}"))
                .Sum(f => f[12..16].Sum(t => long.Parse(t, CultureInfo.InvariantCulture))) / 100.0);

    /// <summary>Memory in use now, in octets.</summary>
    public long Memory => FromStatus("VmRSS:");

    /// <summary>The most memory in use since <see cref="ForgetPeak"/>, in octets.</summary>
    public long PeakMemory => FromStatus("VmHWM:");

    public void ForgetPeak() => File.WriteAllText($"/proc/{Id}/clear_refs", "5");

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    // With the libraries of the peers' packages.
    private static ProcessStartInfo Command(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LD_LIBRARY_PATH"] = string.Join(':',
            new[] { "usr/lib/postfix", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu" }.Select(p => Path.Combine(Where.Peers, p)));
        return start;
    }

    // The fields of /proc/ID/stat, the name in parentheses as none (proc_pid_stat(5)).
    private static string[] Stat(string folder)
    {
        try
        {
            var stat = int.TryParse(Path.GetFileName(folder), out _) ? File.ReadAllText(Path.Combine(folder, "stat")) : "";
            return stat.Length == 0
                ? []
                : [Path.GetFileName(folder), .. stat.Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        }
        catch (IOException)
        {
            return [];
        }
    }

    private long FromStatus(string field) =>
        long.Parse(File.ReadLines($"/proc/{Id}/status").First(l => l.StartsWith(field, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;

    private void Keep(string? line)
    {
        if (line is not null)
        {
            _said.Enqueue(line);
            while (_said.Count > 5)
            {
                _said.Dequeue();
            }
        }
    }
}

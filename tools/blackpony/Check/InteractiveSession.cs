using System.Text;
using BlackPony.Streams;

namespace BlackPony.Tools.Check;

/// <summary>A session inside that somebody types: lines of standard input become commands, and replies are printed.</summary>
internal static class InteractiveSession
{
    /// <summary>Runs it until the server closes, or standard input ends.</summary>
    public static async Task RunAsync(BlackPonyStream stream, TextReader input, Stream output, CancellationToken cancel)
    {
        var printing = PrintAsync(stream, output, cancel);
        while (!printing.IsCompleted)
        {
            // A terminal's read cannot be cancelled, but it need not be waited for.
            var reading = Task.Run(input.ReadLine, CancellationToken.None);
            if (await Task.WhenAny(reading, printing).WaitAsync(cancel) == printing)
                break;

            if (await reading is not { } line)
            {
                // What was asked is still answered where the last command was QUIT; else the session is closed here.
                await Task.WhenAny(printing, Task.Delay(TimeSpan.FromSeconds(2), cancel));
                await stream.ShutdownAsync(cancel);
                break;
            }

            await stream.WriteAsync(Encoding.UTF8.GetBytes(line.TrimEnd('\r') + "\r\n"), cancel);
        }

        await printing;
    }

    private static async Task PrintAsync(BlackPonyStream stream, Stream output, CancellationToken cancel)
    {
        var octets = new byte[4096];
        while (await stream.ReadAsync(octets, cancel) is > 0 and var count)
        {
            // Control characters of a stranger do nothing to the terminal.
            for (int i = 0; i < count; i++)
                octets[i] = octets[i] is (byte)'\n' or (byte)'\r' or (byte)'\t' or (>= 32 and <= 126) ? octets[i] : (byte)'?';

            await output.WriteAsync(octets.AsMemory(0, count), cancel);
            await output.FlushAsync(cancel);
        }
    }
}

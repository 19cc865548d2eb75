using System.Text;
using System.Text.RegularExpressions;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>A real mail server that is killed at random points, with all its processes, and started again.</summary>
/// <param name="ledger">What is promised and what is there.</param>
/// <param name="random">When it is killed.</param>
/// <param name="server">The server.</param>
/// <param name="kill">Ends all its processes by SIGKILL.</param>
/// <param name="startAgain">Starts it again.</param>
internal abstract partial class RealBackend(AttemptLog ledger, Random random, IDisposable server, Func<Task> kill,
    Func<Task> startAgain) : IBackend
{
    private readonly List<DateTime> _kills = [];

    /// <inheritdoc/>
    public string Domain => "b.test";

    /// <inheritdoc/>
    public abstract int Port { get; }

    /// <inheritdoc/>
    public string? Refusal => null;

    /// <inheritdoc/>
    public IEnumerable<(string Name, Func<Task> Make)> Troubles => [("backend killed", KillAsync)];

    /// <summary>Where its mail ends up, a file for each message.</summary>
    protected abstract string Mailbox { get; }

    /// <inheritdoc/>
    public void Begin()
    {
    }

    /// <inheritdoc/>
    public async Task<string> DeliverAsync()
    {
        await FlushAsync();
        int own = 0;
        foreach (var copies in Directory.EnumerateFiles(Mailbox, "*").Select(Read).GroupBy(c => (c.Queued, c.Name)))
        {
            // Taken once, delivered more than once: it was killed between delivery and its note of it.
            var inOrder = copies.OrderBy(c => c.Time).ToList();
            foreach (var (one, next) in inOrder.Zip(inOrder.Skip(1)))
            {
                Assert.Equal(one.Octets, next.Octets);
                Assert.True(_kills.Any(k => k >= one.Time && k <= next.Time),
                    $"Attempt {copies.Key.Name} is there twice, and the server was not killed in between.");
                own++;
            }

            ledger.Keep(inOrder[0].Octets);
        }

        return $", {own} delivered twice by the server itself, killed in between";
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        server.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Delivers all that is in its queue.</summary>
    protected abstract Task FlushAsync();

    private async Task KillAsync()
    {
        await Task.Delay(random.Next(50));
        await kill();
        _kills.Add(DateTime.UtcNow);
        await startAgain();
    }

    // The message as it was sent, without the server's header fields.
    private static (string Queued, string Name, DateTime Time, byte[] Octets) Read(string file)
    {
        var text = Encoding.Latin1.GetString(File.ReadAllBytes(file));
        text = text.Contains("\r\n", StringComparison.Ordinal) ? text : text.Replace("\n", "\r\n", StringComparison.Ordinal);
        int body = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var head = text[..(body + 2)];
        var own = string.Concat(
            head.Split("\r\n")
                .Where(l => l.StartsWith("X-Attempt: ", StringComparison.Ordinal) || l.StartsWith("Subject: ", StringComparison.Ordinal))
                .Select(l => l + "\r\n"));
        return (QueueId().Match(head).Groups[1].Value, own[..own.IndexOf('\r', StringComparison.Ordinal)], File.GetLastWriteTimeUtc(file),
            Encoding.Latin1.GetBytes(own + text[(body + 2)..]));
    }

    // In the server's own Received field, which is the first.
    [GeneratedRegex(@"\sid ([\w-]+)")]
    private static partial Regex QueueId();
}

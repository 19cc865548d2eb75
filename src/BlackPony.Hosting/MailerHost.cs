using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Smtp;

namespace BlackPony.Hosting;

/// <summary>An address to which mail may go.</summary>
/// <param name="Name">The host name, or the address of an address literal ([BP-9.4-1]).</param>
/// <param name="Address">The IP address.</param>
/// <param name="Port">The TCP port.</param>
public sealed record MailTarget(string Name, IPAddress Address, int Port);

/// <summary>The mailer's sockets: a local mail server on two streams, and one target after the other (spec 10.4).</summary>
public static class MailerHost
{
    /// <summary>Runs one delivery.</summary>
    /// <param name="options">What the client accepts.</param>
    /// <param name="random">The source of every draw.</param>
    /// <param name="targets">In the order in which to try them; none greets with 421 ([BP-10.4-3]).</param>
    /// <param name="input">From the local mail server.</param>
    /// <param name="output">To the local mail server: nothing but SMTP replies ([BP-10.4-1]).</param>
    /// <param name="cancel">Ends the delivery.</param>
    /// <param name="time">The clock of the time-outs; the system's by default.</param>
    /// <param name="remember">Writes the memory: called when it has changed, before any mail flows ([BP-9.4-2]).</param>
    /// <param name="reached">Is told of each connection whether it came about.</param>
    public static async Task<SessionReport> RunAsync(
        MailerOptions options, IRandomSource random, IReadOnlyList<MailTarget> targets, Stream input, Stream output, CancellationToken cancel, TimeProvider? time = null, Func<Task>? remember = null,
        Action<MailTarget, bool>? reached = null)
    {
        using var session = new MailerSession(options, random);
        using var run = new Run(session, targets, input, output, time ?? TimeProvider.System, RememberAsync, reached);
        await run.LoopAsync(cancel).ConfigureAwait(false);
        return session.Report;

        async Task RememberAsync()
        {
            if (options.Memory is { HasChanges: true } memory)
            {
                await (remember?.Invoke() ?? Task.CompletedTask).ConfigureAwait(false);
                memory.Written();
            }
        }
    }

    private sealed class Run(MailerSession session, IReadOnlyList<MailTarget> targets, Stream input, Stream output, TimeProvider time, Func<Task> remember,
        Action<MailTarget, bool>? reached) : IDisposable
    {
        private readonly byte[] _localOctets = new byte[16384];
        private readonly byte[] _serverOctets = new byte[32768];
        private Socket? _server;
        private Task<int>? _localRead;
        private Task<int>? _serverRead;
        private readonly Deadline _deadline = new(time);
        private TimeSpan _connecting;
        private int _next;

        public async Task LoopAsync(CancellationToken cancel)
        {
            await ConnectAsync(_next++, cancel).ConfigureAwait(false);
            while (true)
            {
                await remember().ConfigureAwait(false);
                await FlushAsync(cancel).ConfigureAwait(false);
                switch (session.Request)
                {
                    case MailerRequest.Close:
                        await LeaveAsync().ConfigureAwait(false);
                        return;
                    case MailerRequest.Reconnect:
                        await ConnectAsync(_next - 1, cancel).ConfigureAwait(false);
                        continue;
                    case MailerRequest.NextTarget:
                        await ConnectAsync(_next++, cancel).ConfigureAwait(false);
                        continue;
                }

                await NextAsync(cancel).ConfigureAwait(false);
            }
        }

        public void Dispose() => _server?.Dispose();

        private async Task ConnectAsync(int index, CancellationToken cancel)
        {
            await LeaveAsync().ConfigureAwait(false);
            // So many addresses, so much less time for each: all are tried, and the whole is bounded (RFC 5321 4.5.3.2.3, [BP-10.4-19]).
            var left = Limits.ReachTimeout - _connecting;
            if (index >= targets.Count || left <= TimeSpan.Zero)
            {
                session.ConnectFailed(false);
                return;
            }

            left /= targets.Count - index;
            var target = targets[index];
            bool more = index + 1 < targets.Count;
            long began = time.GetTimestamp();
            bool isReached = await TryConnectAsync(target, left < Limits.ConnectTimeout ? left : Limits.ConnectTimeout, cancel).ConfigureAwait(false);
            _connecting += time.GetElapsedTime(began);
            reached?.Invoke(target, isReached);
            if (isReached)
            {
                session.Connected(target.Name, target.Port, more);
            }
            else
            {
                session.ConnectFailed(more);
            }
        }

        private async Task<bool> TryConnectAsync(MailTarget target, TimeSpan limit, CancellationToken cancel)
        {
            Socket? socket = null;
            try
            {
                // Without IPv6 on this machine there is not even a socket.
                socket = new Socket(target.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                using var patience = new Patience(limit, time, cancel);
                await socket.ConnectAsync(new IPEndPoint(target.Address, target.Port), patience.Token).ConfigureAwait(false);
                _server = socket;
                return true;
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException && !cancel.IsCancellationRequested)
            {
                socket?.Dispose();
                return false;
            }
        }

        private async Task LeaveAsync()
        {
            if (_server is not { } server)
            {
                return;
            }

            (_server, _serverRead) = (null, null);
            using (server)
            {
                await Linger.AwayAsync(server, time).ConfigureAwait(false);
            }
        }

        private async Task NextAsync(CancellationToken cancel)
        {
            if (session.WantsLocal)
            {
                _localRead ??= input.ReadAsync(_localOctets, CancellationToken.None).AsTask();
            }

            if (_server is not null)
            {
                _serverRead ??= _server.ReceiveAsync(_serverOctets.AsMemory(), cancel).AsTask();
            }

            using var wake = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var timer = _deadline.WaitAsync(session.Progress, session.Patience, wake.Token);
            Task[] waits = [timer, .. ((Task?[])[_serverRead, session.WantsLocal ? _localRead : null]).OfType<Task>()];
            var first = await Task.WhenAny(waits).ConfigureAwait(false);
            await wake.CancelAsync().ConfigureAwait(false);
            cancel.ThrowIfCancellationRequested();
            if (first == _serverRead)
            {
                int count = await CountAsync(_serverRead).ConfigureAwait(false);
                _serverRead = null;
                if (count > 0)
                {
                    Telemetry.Received(count);
                    session.FromServer(_serverOctets.AsSpan(0, count));
                }
                else
                {
                    session.ServerEnded();
                }
            }
            else if (first == _localRead)
            {
                int count = await CountAsync(_localRead).ConfigureAwait(false);
                _localRead = null;
                if (count > 0)
                {
                    session.FromLocal(_localOctets.AsSpan(0, count));
                }
                else
                {
                    session.LocalEnded();
                }
            }
            else
            {
                session.TimedOut();
            }
        }

        private async Task FlushAsync(CancellationToken cancel)
        {
            if (session.ToLocal.WrittenCount > 0)
            {
                await output.WriteAsync(session.ToLocal.WrittenMemory, cancel).ConfigureAwait(false);
                await output.FlushAsync(cancel).ConfigureAwait(false);
                session.ToLocal.ResetWrittenCount();
            }

            Telemetry.Sent(session.ToServer.WrittenCount);
            try
            {
                for (var rest = session.ToServer.WrittenMemory; !rest.IsEmpty && _server is not null;)
                {
                    rest = rest[await _server.SendAsync(rest, cancel).ConfigureAwait(false)..];
                }
            }
            catch (SocketException)
            {
                // The read tells what the server said before it went away.
            }

            session.ToServer.ResetWrittenCount();
        }

        private static async Task<int> CountAsync(Task<int> read)
        {
            try
            {
                return await read.ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                return 0;
            }
        }
    }
}

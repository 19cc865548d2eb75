using System.Collections.Concurrent;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Smtp.Lines;

namespace BlackPony.Tests.Interop.InProcess;

/// <summary>Where a session runs: the thread that watches the sockets has other sessions to serve.</summary>
public sealed class SessionLoopTests
{
    [Fact]
    public async Task A_session_with_endless_work_does_not_hold_the_thread_that_watches_the_sockets()
    {
        var loop = new Loop { Work = 1000 };
        Task running = Task.CompletedTask;
        OnSocketThread(() => running = loop.RunAsync());
        await running;
        Assert.Equal(1000, loop.Steps);
        Assert.InRange(loop.StepsOnSocketThread, 1, 4);
    }

    [Fact]
    public async Task Nor_does_it_where_each_write_comes_back_to_that_thread()
    {
        using var thread = new BlockingCollection<Action>();
        var loop = new Loop { Work = 1000, SocketThread = thread };
        var running = Task.CompletedTask;
        var serving = Task.Run(() => OnSocketThread(() =>
        {
            running = loop.RunAsync();
            foreach (var action in thread.GetConsumingEnumerable())
            {
                action();
            }
        }), TestContext.Current.CancellationToken);
        await loop.Done;
        thread.CompleteAdding();
        await serving;
        await running;
        Assert.Equal(1000, loop.Steps);
        Assert.InRange(loop.MostAtOnce, 1, 4);
    }

    [Fact]
    public async Task What_takes_the_processor_long_is_not_done_by_the_thread_that_watches_the_sockets()
    {
        var loop = new Loop { Work = 3, IsLong = true };
        Task running = Task.CompletedTask;
        OnSocketThread(() => running = loop.RunAsync());
        await running;
        Assert.Equal((3, 0), (loop.Steps, loop.StepsOnSocketThread));
    }

    [Fact]
    public async Task A_session_that_waits_between_commands_goes_on_in_the_thread_that_saw_the_command()
    {
        const int Commands = 50;
        var loop = new Loop();
        Task running = Task.CompletedTask;
        OnSocketThread(() =>
        {
            running = loop.RunAsync();
            for (int i = 0; i < Commands; i++)
            {
                loop.Arrives();
            }
        });
        Assert.Equal((Commands, Commands), (loop.Steps, loop.StepsOnSocketThread));
        loop.Close();
        await running;
    }

    // A thread of its own, which is none of the pool's.
    private static void OnSocketThread(Action action)
    {
        var thread = new Thread(() =>
        {
            Loop.IsSocketThread = true;
            action();
        });
        thread.Start();
        thread.Join();
    }

    private sealed class Loop() : SessionLoop(TimeProvider.System)
    {
        [ThreadStatic]
        private static bool _isSocketThread;

        private readonly Session _session = new();
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _atOnce;

        public static bool IsSocketThread
        {
            set => _isSocketThread = value;
        }

        /// <summary>How many things have happened already; with the last one the session closes.</summary>
        public int Work { get; set; }

        public bool IsLong { get; init; }

        public int Steps { get; private set; }

        public int StepsOnSocketThread { get; private set; }

        /// <summary>Where each write goes on; null for where it began.</summary>
        public BlockingCollection<Action>? SocketThread { get; init; }

        /// <summary>The most steps in a row on the thread that watches the sockets.</summary>
        public int MostAtOnce { get; private set; }

        public Task Done => _done.Task;

        protected override bool TakesLong => IsLong;

        public Task RunAsync() => LoopAsync(_session, CancellationToken.None);

        public void Arrives()
        {
            _session.StaysOpen = true;
            Work++;
            Wake.Ring();
        }

        public void Close()
        {
            (_session.StaysOpen, _session.IsOver) = (false, true);
            Wake.Ring();
        }

        protected override async ValueTask FlushAsync()
        {
            if (SocketThread is null || _isSocketThread || Done.IsCompleted)
                return;

            _atOnce = 0;
            var written = new TaskCompletionSource();
            SocketThread.Add(written.SetResult);
            await written.Task.ConfigureAwait(false);
        }

        protected override ValueTask DoAsync(SessionRequest request) => ValueTask.CompletedTask;

        protected override void Ask()
        {
        }

        protected override bool Happened()
        {
            if (Work == 0)
                return false;

            Steps++;
            StepsOnSocketThread += _isSocketThread ? 1 : 0;
            _atOnce = _isSocketThread ? _atOnce + 1 : 0;
            MostAtOnce = Math.Max(MostAtOnce, _atOnce);
            _session.IsOver = --Work == 0 && !_session.StaysOpen;
            if (_session.IsOver)
                _done.TrySetResult();

            return true;
        }

        protected override void Kill()
        {
        }
    }

    private sealed class Session : ISession
    {
        public bool StaysOpen { get; set; }

        public bool IsOver { get; set; }

        public PooledBuffer ToClient { get; } = new();

        public PooledBuffer ToServer { get; } = new();

        public bool WantsClient => true;

        public TimeSpan PeerTimeout => Timeout.InfiniteTimeSpan;

        public long Progress => 0;

        public SessionRequest TakeRequest() => IsOver ? SessionRequest.Close : SessionRequest.None;

        public void FromClient(ReadOnlySpan<byte> octets)
        {
        }

        public void FromServer(ReadOnlySpan<byte> octets)
        {
        }

        public void ClientEnded()
        {
        }

        public void ServerEnded()
        {
        }

        public void TimedOut()
        {
        }
    }
}

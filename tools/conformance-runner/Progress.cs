namespace BlackPony.Tools.ConformanceRunner;

/// <summary>Shows on a terminal how far the run is; elsewhere nothing.</summary>
internal sealed class Progress(int total)
{
    private readonly bool _shown = !Console.IsErrorRedirected;
    private readonly Lock _lock = new();

    public void Show(int done, string id)
    {
        if (_shown)
        {
            lock (_lock)
            {
                Console.Error.Write($"\r\e[K[{done}/{total}] {id}");
            }
        }
    }

    public void Clear()
    {
        if (_shown)
            Console.Error.Write("\r\e[K");
    }
}

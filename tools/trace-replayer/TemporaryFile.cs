namespace BlackPony.Tools.TraceReplayer;

/// <summary>A file that goes with the process, unless it is brought to where it belongs.</summary>
internal sealed class TemporaryFile : IDisposable
{
    private readonly bool _beside;
    private readonly string _path;
    private bool _moved;

    /// <param name="target">Where it will belong. Beside that it is made if nothing stands there: what stands there may be a
    /// device.</param>
    public TemporaryFile(string? target = null)
    {
        _beside = target is not null && !File.Exists(target);
        _path = _beside ? $"{target}.{Environment.ProcessId}.part" : System.IO.Path.GetTempFileName();
        Stream = new FileStream(_path, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite, 1 << 16);
    }

    public string Path => _path;

    public FileStream Stream { get; }

    public void BringTo(string target)
    {
        Stream.Flush();
        if (_beside)
        {
            Stream.Dispose();
            File.Move(_path, target, overwrite: false);
            _moved = true;
            return;
        }

        using var output = File.Create(target);
        Stream.Position = 0;
        Stream.CopyTo(output);
    }

    public void Dispose()
    {
        Stream.Dispose();
        if (!_moved)
            File.Delete(_path);
    }
}

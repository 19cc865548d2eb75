using System.IO.Pipelines;
using BlackPony.Hosting;

namespace BlackPony.Tests.Reference.Streams;

/// <summary>
/// A connection within the process: what is written to one end is read at the other. As with a socket, a write waits for the reader while
/// there is much to read.
/// </summary>
internal sealed class MemoryConnection
{
    private readonly Pipe _up = new();
    private readonly Pipe _down = new();

    public MemoryConnection()
    {
        Client = new DuplexStream(_down.Reader.AsStream(), _up.Writer.AsStream());
        Server = new DuplexStream(_up.Reader.AsStream(), _down.Writer.AsStream());
    }

    public Stream Client { get; }

    public Stream Server { get; }
}

using System.IO.Pipelines;
using BlackPony.Hosting;

namespace BlackPony.Tests.Reference.Streams;

/// <summary>A connection within the process: what is written to one end is read at the other.</summary>
internal sealed class MemoryConnection
{
    private readonly Pipe _up = new(new PipeOptions(pauseWriterThreshold: 0));
    private readonly Pipe _down = new(new PipeOptions(pauseWriterThreshold: 0));

    public MemoryConnection()
    {
        Client = new DuplexStream(_down.Reader.AsStream(), _up.Writer.AsStream());
        Server = new DuplexStream(_up.Reader.AsStream(), _down.Writer.AsStream());
    }

    public Stream Client { get; }

    public Stream Server { get; }
}

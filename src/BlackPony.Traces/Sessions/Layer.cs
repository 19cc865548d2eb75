using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>What reads a session's two streams: SMTP, records, ROT, TLS. A layer that was switched hands on to the next.</summary>
internal abstract class Layer
{
    public abstract void Octets(Role sender, ReadOnlySpan<byte> octets, long time);

    public abstract void Gap(Role sender, long length, bool cut, long time);

    public abstract void End(Role sender, bool reset, long time);

    public virtual void Finish()
    {
    }
}

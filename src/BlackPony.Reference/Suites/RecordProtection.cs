namespace BlackPony.Reference.Suites;

/// <summary>The protection of one direction's records under one traffic secret (spec 7.2, 7.3).</summary>
internal abstract class RecordProtection : IDisposable
{
    /// <summary>Octets of the tag.</summary>
    public abstract int TagLength { get; }

    /// <summary>How much of <see cref="Budget"/> one record uses.</summary>
    /// <param name="innerLength">Octets of <em>inner</em>.</param>
    public abstract long Cost(int innerLength);

    /// <summary>What one traffic secret may protect, rekey record included (spec 7.6).</summary>
    public abstract long Budget { get; }

    /// <summary>Protects in place: the record is length ‖ inner ‖ room for the tag.</summary>
    public abstract void Seal(ulong seq, Span<byte> record);

    /// <summary>Verifies and opens in place: afterwards <em>inner</em> stands between length and tag.</summary>
    /// <returns>False if the record does not verify; nothing of it may be used.</returns>
    public abstract bool Open(ulong seq, Span<byte> record);

    /// <summary>Erases the keys.</summary>
    public abstract void Dispose();
}

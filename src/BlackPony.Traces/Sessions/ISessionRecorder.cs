using BlackPony.Reference;
using BlackPony.Reference.Records;

namespace BlackPony.Traces.Sessions;

/// <summary>Writes down what went over the wire, in the items of the specification's Appendix D.</summary>
internal interface ISessionRecorder
{
    /// <summary>Plaintext, split anyhow.</summary>
    void Plain(Role sender, ReadOnlySpan<byte> octets, long time);

    /// <summary>Plaintext is shifted from here on (spec 5.5).</summary>
    void Shifted(int shift);

    /// <summary>A whole record; its type is null if it was not opened.</summary>
    void Record(Role sender, ReadOnlySpan<byte> record, RecordType? type, ReadOnlySpan<byte> data);

    /// <summary>Octets that are neither a line nor a record.</summary>
    void Raw(Role sender, ReadOnlySpan<byte> octets);

    /// <summary>A remark.</summary>
    void Comment(string text);

    /// <summary>A piece of what stands before SMTP.</summary>
    void Before(Role sender, PartKind kind, ReadOnlySpan<byte> octets, long time);

    /// <summary>Octets that the capture lacks.</summary>
    void Gap(Role sender, long length, bool cut, long time);

    /// <summary>A side ended its direction, or reset the connection.</summary>
    void End(Role sender, bool reset, long time);

    /// <summary>Nothing more comes.</summary>
    void Finish();
}

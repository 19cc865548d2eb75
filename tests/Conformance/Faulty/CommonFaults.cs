using BlackPony.Reference.Records;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Faults that a server and a client have alike.</summary>
internal static class CommonFaults
{
    /// <summary>A side that forgets the records without data that came before a rekey.</summary>
    public static Hooks CountsFromRekey()
    {
        bool rekeyed = false;
        return new()
        {
            PeerRecord = r =>
            {
                rekeyed |= r.Type == RecordType.Rekey;
                return rekeyed || r.Data.Length > 0 ? [r] : [];
            },
        };
    }
}

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>All files of spec/vectors.</summary>
internal static class VectorFiles
{
    public static IReadOnlyList<VectorFile> All { get; } =
        [.. NegotiationVectors.All, .. RotVectors.All, .. ExchangeVectors.All, .. RsaVectors.All, .. KeyVectors.All, .. RecordVectors.All,
            .. StreamVectors.All, .. MemoryVectors.All];
}

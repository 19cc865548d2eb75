using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;

namespace BlackPony.Tests;

/// <summary>Public keys, as octets, for the memory.</summary>
internal static class MemoryKeys
{
    /// <summary>The keys as a server shows them.</summary>
    public static IReadOnlyList<PeerIdent> Shown(params IEnumerable<byte[]> keys) =>
        [.. keys.Select(k => new PeerIdent(Convert.ToHexStringLower(k), isWithdrawn: false))];

    extension(MemoryEntry entry)
    {
        /// <summary>The keys, in hexadecimal digits.</summary>
        public IReadOnlyList<string> Idents => [.. entry.Keys.Select(k => k.Key)];
    }

    /// <summary>Notes a good session in which the server showed these keys.</summary>
    public static bool Good(this ServerMemory memory, string name, int port, IEnumerable<byte[]> keys) =>
        memory.Good(name, port, Shown(keys));
}

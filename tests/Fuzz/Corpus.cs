using System.IO.Compression;

namespace BlackPony.Fuzz;

/// <summary>The inputs of one target that fuzzing found worth keeping, in one archive: <c>tests/Fuzz/corpus/TARGET.zip</c>.</summary>
public static class Corpus
{
    // No time of its own: the same inputs are the same archive.
    private static readonly DateTimeOffset Time = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Reads an archive, in the order of names.</summary>
    public static IReadOnlyList<(string Name, byte[] Octets)> Read(string archive)
    {
        using var zip = ZipFile.OpenRead(archive);
        return [.. zip.Entries.OrderBy(e => e.FullName, StringComparer.Ordinal).Select(e => (e.FullName, Read(e)))];
    }

    /// <summary>Makes an archive: sorted by name, not compressed, without times, so that its octets depend on the inputs alone.</summary>
    public static byte[] Pack(IEnumerable<(string Name, byte[] Octets)> inputs)
    {
        using var output = new MemoryStream();
        using (var zip = new ZipArchive(output, ZipArchiveMode.Create))
        {
            foreach (var (name, octets) in inputs.OrderBy(i => i.Name, StringComparer.Ordinal))
            {
                var entry = zip.CreateEntry(name, CompressionLevel.NoCompression);
                (entry.LastWriteTime, entry.ExternalAttributes) = (Time, 0);
                using var stream = entry.Open();
                stream.Write(octets);
            }
        }

        return output.ToArray();
    }

    /// <summary>Packs the files of a folder.</summary>
    public static void PackFolder(string folder, string archive) =>
        File.WriteAllBytes(archive, Pack(Directory.GetFiles(folder).Select(f => (Path.GetFileName(f), File.ReadAllBytes(f)))));

    /// <summary>Unpacks an archive into a folder, which need not exist.</summary>
    public static void Unpack(string archive, string folder)
    {
        Directory.CreateDirectory(folder);
        ZipFile.ExtractToDirectory(archive, folder);
    }

    private static byte[] Read(ZipArchiveEntry entry)
    {
        using var stream = entry.Open();
        using var octets = new MemoryStream();
        stream.CopyTo(octets);
        return octets.ToArray();
    }
}

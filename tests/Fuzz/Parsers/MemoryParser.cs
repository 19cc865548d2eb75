using System.Text;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;

namespace BlackPony.Fuzz.Parsers;

/// <summary>The memory's text (spec 9.4).</summary>
internal static class MemoryParser
{
    public static void Run(ReadOnlySpan<byte> input)
    {
        ServerMemory memory;
        try
        {
            memory = MemoryText.Parse(Encoding.UTF8.GetString(input), Given.Time);
        }
        catch (FormatException)
        {
            return;
        }

        var text = MemoryText.Of(memory);
        Invariant.That(MemoryText.Of(MemoryText.Parse(text, Given.Time)) == text, "a memory reads back");
        int before = memory.Count;
        memory.Find("mx.b.test", 25, out _);
        memory.Failing("mx.b.test", 25);
        Invariant.That(memory.Count <= before, "looking adds nothing");
        memory.Good("mx.b.test", 25, [new PeerIdent(new string('0', 64), isWithdrawn: (text.Length & 1) != 0)]);
        var entry = memory.Find("MX.b.test.", 25, out bool gaveUp);
        Invariant.That(entry is { FailingSince: null, Keys.Count: <= Limits.MaxMemoryKeys } && !gaveUp,
            "a good session is remembered [BP-9.4-2]");
        text = MemoryText.Of(memory);
        Invariant.That(MemoryText.Of(MemoryText.Parse(text, Given.Time)) == text, "a memory reads back after a good session");
    }
}

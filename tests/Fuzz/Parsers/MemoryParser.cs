using System.Text;
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
            memory = ServerMemory.Parse(Encoding.UTF8.GetString(input), Given.Time);
        }
        catch (FormatException)
        {
            return;
        }

        var text = memory.ToString();
        Invariant.That(ServerMemory.Parse(text, Given.Time).ToString() == text, "a memory reads back");
        int before = memory.Count;
        memory.Find("mx.b.test", 25, out _);
        memory.Failing("mx.b.test", 25);
        Invariant.That(memory.Count <= before, "looking adds nothing");
        memory.Good("mx.b.test", 25, [new byte[32]]);
        Invariant.That(memory.Find("MX.b.test.", 25, out bool gaveUp) is { FailingSince: null, Idents.Count: 1 } && !gaveUp,
            "a good session is remembered [BP-9.4-2]");
        text = memory.ToString();
        Invariant.That(ServerMemory.Parse(text, Given.Time).ToString() == text, "a memory reads back after a good session");
    }
}

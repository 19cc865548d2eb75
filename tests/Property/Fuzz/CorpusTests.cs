using BlackPony.Fuzz;

namespace BlackPony.Tests.Property.Fuzz;

/// <summary>What fuzzing found worth keeping (tests/Fuzz/corpus), through its targets again with every invariant on.</summary>
public class CorpusTests
{
    private const int Harmed = 8;

    public static TheoryData<string> Targets => [.. AllTargets.All.Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Every_file_holds(string target)
    {
        var files = Files(target);
        Assert.NotEmpty(files);
        Assert.All(files, file => Run(target, File.ReadAllBytes(file)));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void A_few_files_hold_when_they_are_cut_short_or_harmed(string target)
    {
        var random = new Random(target.Length);
        foreach (var file in Files(target).Where((_, i) => i % 10 == 0).Take(Harmed))
        {
            var octets = File.ReadAllBytes(file);
            for (int i = 0; i < 5; i++)
            {
                Run(target, octets[..random.Next(octets.Length + 1)]);
                var flipped = octets.ToArray();
                flipped[random.Next(octets.Length)] ^= (byte)(1 << random.Next(8));
                Run(target, flipped);
            }
        }
    }

    [Fact]
    public void The_corpus_stays_small()
    {
        var all = AllTargets.All.SelectMany(t => Files(t.Name)).Select(f => new FileInfo(f)).ToList();
        Assert.All(AllTargets.All, t => Assert.InRange(Files(t.Name).Count, 1, 300));
        Assert.InRange(all.Sum(f => f.Length), 1, 2 << 20);
    }

    private static void Run(string target, byte[] octets) => AllTargets.Find(target)!.Run(octets);

    private static List<string> Files(string target) => [.. Directory.GetFiles(Path.Combine(RepositoryRoot.Folder, "tests", "Fuzz", "corpus", target)).Order(StringComparer.Ordinal)];
}

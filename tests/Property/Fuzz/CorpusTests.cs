using BlackPony.Fuzz;

namespace BlackPony.Tests.Property.Fuzz;

/// <summary>What fuzzing found worth keeping (tests/Fuzz/corpus), through its targets again with every invariant on.</summary>
public class CorpusTests
{
    private const int Harmed = 8;

    public static TheoryData<string> Targets => [.. AllTargets.All.Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Every_input_holds(string target)
    {
        var inputs = Inputs(target);
        Assert.NotEmpty(inputs);
        Assert.All(inputs, i => Run(target, i.Octets));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void A_few_inputs_hold_when_they_are_cut_short_or_harmed(string target)
    {
        var random = new Random(target.Length);
        foreach (var (_, octets) in Inputs(target).Where((_, i) => i % 10 == 0).Take(Harmed))
        {
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
        var all = AllTargets.All.SelectMany(t => Inputs(t.Name)).ToList();
        Assert.All(AllTargets.All, t => Assert.InRange(Inputs(t.Name).Count, 1, 300));
        Assert.InRange(all.Sum(i => i.Octets.Length), 1, 2 << 20);
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void An_archive_is_as_its_inputs_make_it(string target) =>
        Assert.Equal(File.ReadAllBytes(Archive(target)), Corpus.Pack(Inputs(target).Reverse()));

    [Fact]
    public void Unpacked_and_packed_again_an_archive_is_the_same()
    {
        var folder = Directory.CreateTempSubdirectory("corpus-");
        var (files, archive) = (Path.Combine(folder.FullName, "files"), Path.Combine(folder.FullName, "again.zip"));
        Corpus.Unpack(Archive("channel"), files);
        Corpus.PackFolder(files, archive);
        Assert.Equal(File.ReadAllBytes(Archive("channel")), File.ReadAllBytes(archive));
        folder.Delete(recursive: true);
    }

    private static void Run(string target, byte[] octets) => AllTargets.Find(target)!.Run(octets);

    private static IReadOnlyList<(string Name, byte[] Octets)> Inputs(string target) => Corpus.Read(Archive(target));

    private static string Archive(string target) =>
        Repository.At("tests", "Fuzz", "corpus", target + ".zip");
}

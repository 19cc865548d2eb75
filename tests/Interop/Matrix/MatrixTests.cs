using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.Matrix;

/// <summary>Mail from every kind of sender to every kind of receiver, octet for octet, with a tap on the wire between them.</summary>
public sealed class MatrixTests(Matrix matrix) : IClassFixture<Matrix>
{
    private const string Begin = "<!-- matrix: begin -->\n";
    private const string End = "<!-- matrix: end -->";

    public static TheoryData<string, string> Cells =>
        [.. Matrix.Senders.SelectMany(s => Matrix.Receivers.Select(r => (s.Name, r.Name)))];

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Mail_arrives_and_is_encrypted_as_well_as_both_sides_know_how(string sender, string receiver) // [BP-9.2-1], [BP-10.2-10], [BP-10.2-11], [BP-10.4-13], [BP-10.5-13]
    {
        var (from, to) = (Matrix.Senders.Single(s => s.Name == sender), Matrix.Receivers.Single(r => r.Name == receiver));
        Assert.Equal(from.BlackPony && to.BlackPony ? "BlackPony" : from.Tls && to.Tls ? "TLS" : "plain", await matrix.CellAsync(sender, receiver));
    }

    [Fact]
    public async Task README_says_what_these_tests_saw()
    {
        var path = Path.Combine(Repository.Root, "README.md");
        var readme = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        int begin = readme.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, end = readme.IndexOf(End, StringComparison.Ordinal);
        Assert.True(begin >= Begin.Length && end >= begin, "README has no place for the table.");
        var table = await matrix.TableAsync();
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            await File.WriteAllTextAsync(path, readme[..begin] + table + readme[end..], TestContext.Current.CancellationToken);
        }
        else
        {
            Assert.Equal(table, readme[begin..end]);
        }
    }
}

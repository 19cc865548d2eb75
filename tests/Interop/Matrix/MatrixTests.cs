namespace BlackPony.Tests.Interop.Matrix;

/// <summary>Mail from every kind of sender to every kind of receiver, octet for octet, with a tap on the wire between them.</summary>
public sealed class MatrixTests(Matrix matrix) : IClassFixture<Matrix>
{
    public static TheoryData<string, string> Cells =>
        [.. Matrix.Senders.SelectMany(s => Matrix.Receivers.Select(r => (s.Name, r.Name)))];

    // [BP-9.2-1], [BP-10.2-10], [BP-10.2-11], [BP-10.4-13], [BP-10.5-13]
    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Mail_arrives_and_is_encrypted_as_well_as_both_sides_know_how(string sender, string receiver)
    {
        await matrix.StartedAsync();
        var (from, to) = (Matrix.Senders.Single(s => s.Name == sender), Matrix.Receivers.Single(r => r.Name == receiver));
        Assert.Equal(from.BlackPony && to.BlackPony ? "BlackPony" : from.Tls && to.Tls ? "TLS" : "plain",
            await matrix.CellAsync(sender, receiver));
    }

    public static TheoryData<string, string> Extensions =>
        [.. Matrix.Receivers.Where(r => r.BlackPony).SelectMany(r => Features.All.Select(f => (r.Name, f.Keyword)))];

    // [BP-10.2-3], [BP-10.2-4], [BP-10.2-8], [BP-10.2-9]
    [Theory]
    [MemberData(nameof(Extensions))]
    public async Task What_the_server_offers_works_through_listen_in_plaintext_and_inside(string server, string keyword)
    {
        await matrix.StartedAsync();
        Assert.Contains(await matrix.FeatureAsync(server, keyword), (string[])["kept", "–"]);
    }

    [Fact]
    public async Task The_document_has_the_tables_of_this_run()
    {
        await matrix.StartedAsync();
        var path = Repository.At("docs", "interop.md");
        var document = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        var seen = Marked.Put(Marked.Put(document, "matrix", await matrix.TableAsync()), "extensions", await matrix.FeatureTableAsync());
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            await File.WriteAllTextAsync(path, seen, TestContext.Current.CancellationToken);
        }

        Assert.Equal(seen, await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
    }
}

using ApprovalTests;
using ApprovalTests.Core;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>
/// The golden transcripts, spec/transcripts: what the reference does today is what they say.
/// A changed one is written beside it as <c>.received.txt</c>.
/// </summary>
public class TranscriptTests
{
    public static TheoryData<string> Names => [.. Scenarios.All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_reference_reproduces_it(string name)
    {
        var scenario = Scenarios.All.Single(s => s.Name == name);
        var text = scenario.Transcribe();
        Assert.Equal(text, scenario.Transcribe());
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            File.WriteAllText(Path.Combine(TranscriptFile.Folder, name + ".txt"), text);
        }

        Approvals.Verify(new TranscriptWriter(text), new Named(name), new Quiet());
    }

    [Fact]
    public void Every_file_has_its_scenario() =>
        Assert.Equal(Scenarios.All.Select(s => s.Name).Order(StringComparer.Ordinal), TranscriptFile.Names);

    /// <summary>The files keep their own names, for readers in other languages.</summary>
    private sealed class TranscriptWriter(string text) : ApprovalTextWriter(text, "txt")
    {
        public override string GetApprovalFilename(string basename) => basename + ".txt";

        public override string GetReceivedFilename(string basename) => basename + ".received.txt";
    }

    private sealed record Named(string Name) : IApprovalNamer
    {
        public string SourcePath => TranscriptFile.Folder;
    }

    /// <summary>No program is started: the failure names both files.</summary>
    private sealed class Quiet : IApprovalFailureReporter
    {
        public void Report(string approved, string received) =>
            Assert.Fail(
                $"{received} differs from {approved}: look at the difference, and write the transcripts anew with BLACKPONY_WRITE=1 if it "
                    + "is meant.");
    }
}

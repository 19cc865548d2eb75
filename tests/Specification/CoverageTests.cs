using BlackPony.Tests.Conformance.Faulty;
using BlackPony.Tests.Conformance.Outbound;

namespace BlackPony.Tests.Specification;

/// <summary>Every requirement has something behind it, and spec/coverage.md says what.</summary>
public class CoverageTests
{
    private static readonly Coverage Coverage = new();

    [Fact]
    public void Every_requirement_is_tested_or_says_why_it_cannot_be()
    {
        var bare =
            Coverage.Requirements.Where(s => !Coverage.Faults(s).Any() && !Coverage.Elsewhere(s).Any() && !Coverage.Unseen.ContainsKey(s));
        Assert.Equal([], bare);
    }

    [Fact]
    public void A_requirement_that_cannot_be_seen_has_no_case_and_there_are_few()
    {
        Assert.Equal(
            [],
            Coverage.Unseen.Keys
                .Where(s => Coverage.Cases(s).Any() || Coverage.Elsewhere(s).Any() || !Coverage.Requirements.Contains(s)));
        Assert.True(Coverage.Unseen.Count <= 10);
    }

    [Fact]
    public void A_requirement_is_tested_at_each_role_that_it_binds_or_says_why_not()
    {
        var bare = Coverage.Requirements.Where(s => !Coverage.Unseen.ContainsKey(s))
            .SelectMany(s => Coverage.RolesWithoutTest(s).Select(r => (s, r))).ToList();
        var unexplained = bare.Where(b => !Coverage.OneSided.ContainsKey(b.s)).Select(b => $"{b.s} at the {b.r}").ToList();
        Assert.True(unexplained.Count == 0, string.Join(", ", unexplained));
        Assert.Equal([], Coverage.OneSided.Keys.Except(bare.Select(b => b.s)));
    }

    [Theory]
    [InlineData("BP-4.1-1", "server")]
    [InlineData("BP-4.1-3", "server")]
    [InlineData("BP-4.2-2", "client")]
    [InlineData("BP-4.3-6", "client, server")]
    [InlineData("BP-4.5-1", "client, server")]
    [InlineData("BP-5.1-9", "server")]
    [InlineData("BP-5.1-10", "client")]
    [InlineData("BP-5.4-10", "server")]
    [InlineData("BP-6.1-5", "client, server")]
    [InlineData("BP-7.6-1", "client, server")]
    [InlineData("BP-9.4-6", "client")]
    [InlineData("BP-10.2-11", "server")]
    [InlineData("BP-10.4-15", "client")]
    [InlineData("BP-10.5-1", "outbound relay")]
    public void A_requirement_binds_the_roles_that_it_names(string requirement, string roles) =>
        Assert.Equal(roles, string.Join(", ", Roles.Of(requirement)));

    [Fact]
    public void Every_requirement_that_a_case_cites_has_a_faulty_port() =>
        Assert.Equal([], Coverage.Requirements.Where(s => Coverage.Cases(s).Any() && !Coverage.Faults(s).Any()));

    [Fact]
    public void Every_faulty_port_breaks_a_requirement_of_the_specification() =>
        Assert.Equal([], FaultyImplementations.All.Select(f => f.Breaks).Concat(OutboundFaults.All.Select(f => f.Breaks))
            .Except(Coverage.Requirements));

    [Fact]
    public void Every_requirement_that_can_be_seen_has_a_place_in_the_code() =>
        Assert.Equal(Coverage.WithoutCode.Keys,
            Coverage.Requirements.Where(s => !Coverage.CodeOf(s).Any() && !Coverage.Unseen.ContainsKey(s)));

    [Fact]
    public void The_file_is_not_stale()
    {
        var file = Path.Combine(SpecificationFile.Folder, "coverage.md");
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            File.WriteAllText(file, Coverage.Write());
        }

        Assert.Equal(File.ReadAllText(file), Coverage.Write());
    }
}

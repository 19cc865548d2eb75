using System.Text.RegularExpressions;

namespace BlackPony.Conformance;

/// <summary>Which cases are run: globs over ids, sections and requirements, profiles, and a shard.</summary>
public sealed record Selection
{
    /// <summary>Globs of which one must fit; none means all. <c>S-4.2-*</c>, <c>4.2</c>, <c>BP-4.2-8</c>.</summary>
    public IReadOnlyList<string> Select { get; init; } = [];

    /// <summary>Globs of which none may fit.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];

    /// <summary>The profiles.</summary>
    public IReadOnlyList<Profile> Profiles { get; init; } = Protocol.BlackPony.Usual;

    /// <summary>This shard, from 1.</summary>
    public int Shard { get; init; } = 1;

    /// <summary>How many shards there are.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>Takes what is selected, in the given order.</summary>
    public IReadOnlyList<Case<T>> From<T>(IReadOnlyList<Case<T>> cases) =>
        [.. cases.Where(c => Contains(c.Info)).Where((_, i) => i % Shards == Shard - 1)];

    /// <summary>The globs that fit none of the cases.</summary>
    public IEnumerable<string> Unknown(IReadOnlyList<CaseInfo> cases) => Select.Concat(Exclude).Where(g => !cases.Any(c => Fits(g, c)));

    private bool Contains(CaseInfo test) =>
        Profiles.Contains(test.Profile) && (Select.Count == 0 || Select.Any(g => Fits(g, test))) && !Exclude.Any(g => Fits(g, test));

    private static bool Fits(string glob, CaseInfo test)
    {
        var pattern = new Regex(
            "^" + Regex.Escape(glob).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal) + "$",
            RegexOptions.IgnoreCase, TimeSpan.FromSeconds(1));
        return test.Requirements.Append(test.Id).Append(test.Section).Append(test.Section.Split('.')[0]).Any(pattern.IsMatch);
    }
}

using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property;

/// <summary>
/// Says of a property that it holds for all values of a generator, or that it does not with a bug. The values are the same in every run;
/// BLACKPONY_SEED=N has others, and BLACKPONY_TIMES=N so many times as many (tests/Property/deep). FsCheck's message says with which seed a
/// property fell.
/// </summary>
internal static class Always
{
    private static readonly Rnd Seed = new(Number("BLACKPONY_SEED", 1997));
    private static readonly int Times = (int)Number("BLACKPONY_TIMES", 1);

    /// <summary>It holds, and the values were of every kind that it must be shown for.</summary>
    public static void Holds<T>(Gen<T> values, Cover<T>[] covers, Func<T, bool> property, int times = 200) =>
        Holds(values, covers, (value, _) => property(value), times);

    /// <summary>It holds, and the values and what became of them, which the property adds to the set, were of every kind.</summary>
    public static void Holds<T>(Gen<T> values, Cover<T>[] covers, Func<T, ISet<string>, bool> property, int times = 200)
    {
        var counts = covers.ToDictionary(c => c.Name, _ => 0);
        int count = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(times * Times).WithReplay(new Replay(Seed, null)),
            Prop.ForAll(values.ToArbitrary(), Holds));

        // After a failure FsCheck tries smaller values too, and throws: what was counted then is not looked at.
        var found = covers.Select(c =>
            string.Create(CultureInfo.InvariantCulture, $"{100.0 * counts[c.Name] / count:F1} % ({c.Percent} %): {c.Name}"));
        var table = $"Of {count} values (BLACKPONY_SEED={Seed.Seed}):\n  {string.Join("\n  ", found)}";
        TestContext.Current.TestOutputHelper?.WriteLine(table);
        var few = covers.Where(c => counts[c.Name] * 100 < c.Percent * count).Select(c => c.Name).ToList();
        Assert.True(few.Count == 0, $"The property holds, but was hardly shown for: {string.Join("; ", few)}.\n{table}");

        bool Holds(T value)
        {
            var seen = new HashSet<string>();
            bool holds = property(value, seen);
            count++;
            foreach (var cover in covers)
            {
                counts[cover.Name] += (cover.Is?.Invoke(value) ?? seen.Contains(cover.Name)) ? 1 : 0;
            }

            return holds;
        }
    }

    /// <summary>The property is falsified, and not by an exception: it is not vacuous.</summary>
    public static void Bites<T>(Gen<T> values, Func<T, bool> faulty, int times = 200)
    {
        bool falsified = Enumerable.Range(0, 40).Any(size => values.Sample(times / 40, Seed, 10 + size).Any(IsFalse));
        Assert.True(falsified, $"No value falsifies the property, though there is a bug (BLACKPONY_SEED={Seed.Seed}).");

        bool IsFalse(T value)
        {
            try
            {
                return !faulty(value);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                return false;
            }
        }
    }

    private static ulong Number(string name, ulong otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? ulong.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}

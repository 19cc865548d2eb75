using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property;

/// <summary>
/// Says of a property that it holds for all values of a generator, or that it does not with a fault. The values are the same in every run;
/// BLACKPONY_SEED=N has others, and FsCheck's message says with which a property fell.
/// </summary>
internal static class Always
{
    private static readonly Rnd Seed = new(ulong.TryParse(Environment.GetEnvironmentVariable("BLACKPONY_SEED"), out ulong seed) ? seed : 1997);

    public static void Holds<T>(Gen<T> values, Func<T, bool> property, int times = 200) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(times).WithReplay(new Replay(Seed, null)), Prop.ForAll(values.ToArbitrary(), property));

    /// <summary>The property is falsified, and not by an exception: it is not vacuous.</summary>
    public static void Bites<T>(Gen<T> values, Func<T, bool> faulty, int times = 200)
    {
        bool falsified = Enumerable.Range(0, 40).Any(size => values.Sample(times / 40, Seed, 10 + size).Any(IsFalse));
        Assert.True(falsified, $"No value falsifies the property, though there is a fault (BLACKPONY_SEED={Seed.Seed}).");

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
}

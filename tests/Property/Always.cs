using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property;

/// <summary>Says of a property that it holds for all values of a generator, or that it does not with a fault; FsCheck's message has the seed.</summary>
internal static class Always
{
    public static void Holds<T>(Gen<T> values, Func<T, bool> property, int times = 200) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(times), Prop.ForAll(values.ToArbitrary(), property));

    /// <summary>The property is falsified, and not by an exception: it is not vacuous.</summary>
    public static void Bites<T>(Gen<T> values, Func<T, bool> faulty, int times = 200)
    {
        bool falsified = Enumerable.Range(0, times).Any(size => values.Sample(1, 10 + (size % 40)).Any(IsFalse));
        Assert.True(falsified, "No value falsifies the property, though there is a fault.");

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

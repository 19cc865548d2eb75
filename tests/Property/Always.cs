using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property;

/// <summary>Says of a property that it holds for all values of a generator, or that it does not with a fault; FsCheck's message has the seed.</summary>
internal static class Always
{
    public static void Holds<T>(Gen<T> values, Func<T, bool> property, int times = 200) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(times), Prop.ForAll(values.ToArbitrary(), property));

    /// <summary>The property is falsified: it is not vacuous.</summary>
    public static void Bites<T>(Gen<T> values, Func<T, bool> faulty, int times = 200) =>
        Assert.Contains("Falsifiable", Assert.ThrowsAny<Exception>(() => Holds(values, faulty, times)).Message, StringComparison.Ordinal);
}

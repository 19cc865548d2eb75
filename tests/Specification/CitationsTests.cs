namespace BlackPony.Tests.Specification;

/// <summary>A citation belongs to the member that it stands above or in.</summary>
public class CitationsTests
{
    private const string Source = """
        using System;

        namespace N;

        /// <summary>A type (spec 1.1, 1.2).</summary>
        public enum Kind
        {
            /// <summary>[BP-1.1-1]</summary>
            First,
            Second, // [BP-1.1-2]
        }

        /// <summary>Another ([BP-1.2-1]).</summary>
        public sealed class Outer
        {
            // [BP-1.3-1]
            private const int Most = 3;

            private int _count; // [BP-1.3-2]

            /// <summary>[BP-1.3-3] to [BP-1.3-5].</summary>
            public Outer() => _count = Most;

            // [BP-1.3-6]
            [Obsolete]
            public int Count
            {
                get
                {
                    // [BP-1.3-7]
                    return _count;
                }
            }

            public void Go(int n /* [BP-1.3-8] */)
            {
                Local();
                // [BP-1.3-9]

                void Local()
                {
                    // [BP-1.3-10]
                }
            }

            private static class Inner
            {
                // The end of it ([BP-1.4-1]).
            }
        }
        """;

    [Theory]
    [InlineData("1.1", "Kind")]
    [InlineData("1.2", "Kind")]
    [InlineData("BP-1.1-1", "Kind.First")]
    [InlineData("BP-1.1-2", "Kind.Second")]
    [InlineData("BP-1.2-1", "Outer")]
    [InlineData("BP-1.3-1", "Outer.Most")]
    [InlineData("BP-1.3-2", "Outer._count")]
    [InlineData("BP-1.3-3", "Outer.Outer")]
    [InlineData("BP-1.3-4", "Outer.Outer")]
    [InlineData("BP-1.3-5", "Outer.Outer")]
    [InlineData("BP-1.3-6", "Outer.Count")]
    [InlineData("BP-1.3-7", "Outer.Count")]
    [InlineData("BP-1.3-8", "Outer.Go")]
    [InlineData("BP-1.3-9", "Outer.Go")]
    [InlineData("BP-1.3-10", "Outer.Go")]
    [InlineData("BP-1.4-1", "Outer.Inner")]
    public void A_citation_belongs_to_its_member(string cited, string member) =>
        Assert.Equal(member, Assert.Single(Citations.Of(Source), c => c.Cited == cited).Member);

    [Fact]
    public void A_test_cites_above_it_or_behind_its_name()
    {
        const string Tests = """
            public class SomeTests
            {
                // [BP-1.1-1],
                // [BP-1.1-2]
                [Fact]
                public void Above() => Assert.Equal("BP-9.9-9", "");

                /// <summary>[BP-1.1-3]</summary>
                public void Summary() { }

                [Theory]
                [InlineData("BP-9.9-9")]
                public void Behind() // [BP-1.1-4], [BP-1.1-5]
                {
                    // [BP-9.9-9]
                    var s = "BP-9.9-9";
                }

                [Fact]
                public void Expression() => Assert.True(true); // [BP-1.1-6]

                // [BP-9.9-9]
                private void NoTest() { }
            }
            """;
        Assert.Equal("Above Above Summary Behind Behind Expression", string.Join(' ', Citations.OfTests(Tests).Select(c => c.Method)));
        Assert.Equal(Enumerable.Range(1, 6).Select(n => $"BP-1.1-{n}"), Citations.OfTests(Tests).Select(c => c.Cited));
    }

    [Fact]
    public void A_comment_at_the_top_of_a_file_belongs_to_its_first_type() =>
        Assert.Equal([("BP-1.1-1", "Only")], Citations.Of("// [BP-1.1-1]\nusing System;\n\ninternal record Only;\n"));
}

using BlackPony.Reference;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Fuzz.Parsers;

/// <summary>The XBLACKPONY line of an EHLO reply (spec 4.1).</summary>
internal static class OfferParser
{
    public static void Run(ReadOnlySpan<byte> input)
    {
        if (Offer.Parse(input) is not { } offer)
        {
            return;
        }

        Invariant.Same(offer.Octets.Span, input, "an offer is hashed as it came [BP-6.1-5]");
        Invariant.That(input.Length + 6 <= Limits.MaxReplyLine, "an offer is no longer than its line may be [BP-4.1-13]");
        Invariant.That(offer.Suites.Count > 0 && offer.Suites.Distinct().Count() == offer.Suites.Count,
            "an offer lists each suite once [BP-4.1-10]");

        // What we would print of it, without spaces to spare and unknown tokens, is an offer of the same suites.
        var printed = Offer.Create(offer.Suites, random: null);
        var again = Offer.Parse(printed.Octets.Span);
        Invariant.That(again is not null && again.Suites.SequenceEqual(offer.Suites), "an offer printed is the same offer");
    }
}

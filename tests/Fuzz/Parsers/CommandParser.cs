using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Fuzz.Parsers;

/// <summary>The XBLACKPONY command line (spec 4.2), and ROT's shift in it.</summary>
internal static class CommandParser
{
    public static void Run(ReadOnlySpan<byte> input)
    {
        if (UpgradeCommand.Parse(input) is not { } command)
        {
            return;
        }

        Invariant.That(input.IndexOfAnyExceptInRange((byte)33, (byte)126) >= 0,
            "a command has spaces and nothing else that does not print [BP-4.2-8]");
        var printed = command.ToOctets();
        Invariant.That(UpgradeCommand.IsVerb(printed), "a command printed has the verb");
        Invariant.That(UpgradeCommand.Parse(printed) == command, "a command printed is the same command");
        if (RotShift.Parse(System.Text.Encoding.ASCII.GetBytes(command.Share)) is { } shift)
        {
            Invariant.That(shift is >= 1 and <= 25 && shift.ToString(System.Globalization.CultureInfo.InvariantCulture) == command.Share,
                "a shift is a number from 1 to 25 as it is printed [BP-5.5-1]");
        }
    }
}

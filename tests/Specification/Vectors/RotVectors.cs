using System.Text.Json.Nodes;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Section 5.5: ROT.</summary>
internal static class RotVectors
{
    public static IEnumerable<VectorFile> All => [File()];

    private static VectorFile File()
    {
        var file = new VectorFile("rot",
            "ROT (Section 5.5). shift is the command's third field; plain and shifted are text, one character an octet.");
        file.Note("Shift", "Letters move within their case and round the end; the recipient moves them back.", "BP-5.5-2", "BP-5.5-3");
        file.Note("Unchanged", "What is not an ASCII letter stays.", "BP-5.5-4");
        file.Note("BadShift", "Anything but 1 to 25 in decimal without leading zeros.", "BP-5.5-1");
        const string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        foreach (var shift in (string[])["1", "9", "10", "13", "19", "20", "25"])
        {
            Good($"The alphabet, by {shift}", "Shift", shift, letters);
        }

        Good("EHLO", "Shift", "13", "EHLO me.a.test\r\n");
        Good("A message's end, which stays", "Shift Unchanged", "13", "By hand.\r\n..\r\n.\r\n");
        Good("Every other ASCII octet", "Unchanged", "7",
            string.Concat(Enumerable.Range(0, 128).Select(i => (char)i).Where(c => !char.IsAsciiLetter(c))));
        Good("The octets 128 to 255", "Unchanged", "25", string.Concat(Enumerable.Range(128, 128).Select(i => (char)i)));
        Good("The neighbours of the letters", "Shift Unchanged", "1", "@AZ[`az{");
        Good("Base64, which does not survive as base64 of the same octets", "Shift Unchanged",
            "3", "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=");
        foreach (var shift in (string[])["0", "26", "013", "01", "00", "+5", "-5", "100", "1.0", "0x5", "a", "13a", "*",
            "MTM=", "4294967309"])
        {
            file.Invalid($"\"{shift}\"", "BadShift", new JsonObject { ["shift"] = shift }, Reaction.Reply(501));
        }

        return file;

        void Good(string comment, string flags, string shift, string plain)
        {
            var octets = System.Text.Encoding.Latin1.GetBytes(plain);
            RotShift.Shift(octets, RotShift.Parse(System.Text.Encoding.ASCII.GetBytes(shift))!.Value);
            file.Valid(comment, flags, new JsonObject { ["shift"] = shift, ["plain"] = plain },
                new JsonObject { ["shifted"] = Json.Text(octets) });
        }
    }
}

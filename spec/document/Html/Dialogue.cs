using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace BlackPony.SpecDocument.Html;

/// <summary>A dialogue of client and server, in which one sees who speaks and what is inside records.</summary>
internal static partial class Dialogue
{
    public static bool Is(IReadOnlyList<string> lines) => lines.All(l => Line().IsMatch(l));

    public static XElement Draw(IReadOnlyList<string> lines) => new(
        "div",
        new XAttribute("class", "dialogue"),
        lines.Select(l => Line().Match(l)).Select(m => new XElement(
            "p",
            new XAttribute("class", $"{(m.Groups[1].Value == "C" ? "client" : "server")}{(m.Groups[2].Value == ">" ? " inside" : "")}"),
            new XElement("b", m.Groups[1].Value + m.Groups[2].Value),
            m.Groups[3].Length > 0 ? new XElement("span", new XAttribute("class", "said"), m.Groups[3].Value) : null,
            m.Groups[4].Success ? new XElement("span", new XAttribute("class", "meaning"), m.Groups[4].Value) : null)));

    // What stands at the right, behind several spaces, is what a shifted line means.
    [GeneratedRegex(@"^([CS])([:>])(?: (.*?)(?:\s{3,}(\S.*))?)?$")]
    private static partial Regex Line();
}

using System.Text;
using System.Text.RegularExpressions;

namespace BlackPony.Fuzz;

/// <summary>One event of a script.</summary>
/// <param name="Kind">A letter that the target knows; what it does not know does nothing.</param>
/// <param name="Octets">What the event brings.</param>
public sealed record ScriptEvent(char Kind, byte[] Octets);

/// <summary>
/// A fuzzer's octets as a scenario. 0xFF and a letter begin an event, and what follows are its octets; 0xFF 0xFF is the octet itself.
/// Before the first event stand the settings. There are no lengths, so that any cut or splice of scripts is a script.
/// </summary>
/// <param name="Settings">Octets by which the target sets itself up.</param>
/// <param name="Events">What happens.</param>
public sealed record Script(byte[] Settings, IReadOnlyList<ScriptEvent> Events)
{
    private const byte Mark = 0xFF;

    /// <summary>Reads a script; everything is one.</summary>
    public static Script Read(ReadOnlySpan<byte> input)
    {
        byte[]? settings = null;
        var events = new List<ScriptEvent>();
        var octets = new List<byte>();
        char kind = '\0';
        for (int i = 0; i < input.Length; i++)
        {
            if (input[i] != Mark || (i + 1 < input.Length && input[i + 1] == Mark))
            {
                octets.Add(input[i]);
                i += input[i] == Mark ? 1 : 0;
                continue;
            }

            End();
            kind = i + 1 < input.Length ? (char)input[++i] : '\0';
        }

        End();
        return new Script(settings!, events);

        void End()
        {
            if (settings is null)
            {
                settings = [.. octets];
            }
            else
            {
                events.Add(new ScriptEvent(kind, [.. octets]));
            }

            octets.Clear();
        }
    }

    /// <summary>A setting, 0 if it is not there.</summary>
    public byte Setting(int index) => index < Settings.Length ? Settings[index] : (byte)0;

    /// <summary>The script in octets.</summary>
    public byte[] ToOctets() =>
        [.. Settings.SelectMany(Escape), .. Events.SelectMany(e => (byte[])[Mark, (byte)e.Kind, .. e.Octets.SelectMany(Escape)])];

    /// <summary>The script to read.</summary>
    public override string ToString() =>
        string.Join('\n', Events.Select(e => $"{e.Kind} {Regex.Escape(Encoding.Latin1.GetString(e.Octets))}")
            .Prepend($"settings {Convert.ToHexStringLower(Settings)}"));

    private static IEnumerable<byte> Escape(byte octet) => octet == Mark ? [Mark, Mark] : [octet];
}

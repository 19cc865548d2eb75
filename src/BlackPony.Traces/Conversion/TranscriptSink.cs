using System.Buffers;
using System.Globalization;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>Writes a session's items as a transcript (spec Appendix D). What that has no item for stands in comments that are read
/// again.</summary>
internal sealed class TranscriptSink(SpillFile.Buffer buffer) : IItemSink
{
    public SpillFile.Buffer Buffer => buffer;

    public void Take(WireItem item)
    {
        int before = buffer.Written;
        var output = buffer.Writer;
        char side = item.Sender == Role.Client ? 'C' : 'S';
        switch (item.Kind)
        {
            case WireKind.Line:
                output.Write(side == 'C' ? "C: "u8 : "S: "u8);
                Escape.Write(output, item.Octets);
                break;
            case WireKind.Record:
                Write(output, $"{side}> {Convert.ToHexStringLower(item.Octets)}");
                if (item.Type is { } type)
                {
                    // Every other type is its number; 128 has a name in the code alone.
                    var name = type is >= RecordType.Data and <= RecordType.Alert ? type.ToString().ToLowerInvariant()
                        : ((int)type).ToString(CultureInfo.InvariantCulture);
                    Write(output,
                        $"\n{side}}} {name}{(item.Data!.Length == 0 ? "" : " ")}"
                            + $"{(type == RecordType.Data ? Escape.Octets(item.Data) : Convert.ToHexStringLower(item.Data!))}");
                }

                break;
            case WireKind.Raw:
                Write(output, $"{side}+ {Convert.ToHexStringLower(item.Octets)}");
                break;
            case WireKind.End:
                Write(output, $"{side}!");
                break;
            case WireKind.Reset:
                Write(output, $"# {TranscriptComments.Reset}\n{side}!");
                break;
            case WireKind.Gap or WireKind.Cut:
                Write(output, $"# {TranscriptComments.Gap(item.Sender, item.Length, item.Kind == WireKind.Cut)}");
                break;
            default:
                Write(output, $"# {Encoding.UTF8.GetString(item.Data!)}");
                break;
        }

        output.Write("\n"u8);
        buffer.Check(before);
    }

    public void Finish() => buffer.Seal();

    public static void Write(IBufferWriter<byte> output, string text) => Encoding.UTF8.GetBytes(text, output);
}

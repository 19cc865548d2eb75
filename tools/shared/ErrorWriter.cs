using System.Text;

namespace BlackPony.Tools;

/// <summary>Standard error that may be full or gone: what cannot be written there is lost, and the program goes on.</summary>
/// <param name="error">Standard error.</param>
internal sealed class ErrorWriter(TextWriter error) : TextWriter
{
    public override Encoding Encoding => error.Encoding;

    public override void Write(char value) => Try(() => error.Write(value));

    public override void Write(char[] buffer, int index, int count) => Try(() => error.Write(buffer, index, count));

    public override void Write(string? value) => Try(() => error.Write(value));

    public override void WriteLine(string? value) => Try(() => error.WriteLine(value));

    public override void Flush() => Try(error.Flush);

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (IOException)
        {
        }
    }
}

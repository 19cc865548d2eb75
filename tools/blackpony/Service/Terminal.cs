using BlackPony.Hosting;

namespace BlackPony.Tools;

/// <summary>What the program says to whoever started it, on standard error.</summary>
internal static class Terminal
{
    /// <summary>One line, whatever a peer may have put into it ([BP-11.1-4]).</summary>
    public static void Say(string text) => Console.Error.WriteLine("blackpony: " + Printable.Escape(text));
}

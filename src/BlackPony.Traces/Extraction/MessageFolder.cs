using System.Globalization;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Extraction;

/// <summary>Writes messages into a folder, each as a file: <c>00012-1.eml</c> is the first of session 12; <c>-refused</c>, <c>-gap</c> and
/// <c>unfinished-</c> say so. Of the second capture that has such a session it is <c>00012-1_2.eml</c>.</summary>
public sealed class MessageFolder
{
    private const int MaxOpen = 200;

    private readonly string _folder;
    private readonly Dictionary<string, int> _captures = [];
    private int _number;
    private int _unfinished;

    /// <summary>Takes a folder, and makes it if it is not there.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public MessageFolder(string path)
    {
        _folder = path;
        Directory.CreateDirectory(path);
    }

    /// <summary>How many messages were written.</summary>
    public int Count { get; private set; }

    /// <summary>Inspects with the messages going here.</summary>
    public InspectOptions With(InspectOptions options) =>
        options with { Content = () => new MessageFile(this, Path.Combine(_folder, $".{_number++}.part")) };

    internal int Open { get; set; }

    internal bool MayStayOpen => Open < MaxOpen;

    internal void Name(string part, ObservedSession session, MessageReport message)
    {
        int index = session.Messages.IndexOf(message) + 1;
        if (!_captures.TryGetValue(session.File, out int capture))
            _captures[session.File] = capture = _captures.Count + 1;

        var name = string.Create(CultureInfo.InvariantCulture,
            $"{session.Number:00000}-{index}{(message.IsRefused == true ? "-refused" : "")}{(message.Missing > 0 ? "-gap" : "")}")
            + (capture > 1 ? $"_{capture}.eml" : ".eml");
        Count++;
        File.Move(part, Path.Combine(_folder, name), overwrite: true);
        message.File = Path.Combine(_folder, name);
    }

    internal void Unfinished(string part) =>
        File.Move(part, Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"unfinished-{++_unfinished:00000}.eml")),
        overwrite: true);
}

using System.Text;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Extraction;

/// <summary>A message's content on its way into a file: without what DATA adds (RFC 5321 4.5.2), chunks as they are.</summary>
internal sealed class MessageFile(MessageFolder folder, string path) : IContentSink, IDisposable
{
    private FileStream? _file;
    private bool _begun;
    private bool _inChunks;

    // How much of CRLF "." CRLF the last octets are; the dot at a line's beginning is not written.
    private int _matched = 2;

    public void InChunks() => _inChunks = true;

    public void Write(ReadOnlySpan<byte> octets)
    {
        if (_inChunks)
        {
            Append(octets);
            return;
        }

        int from = 0;
        for (int i = 0; i < octets.Length;)
        {
            if (_matched == 0)
            {
                int next = octets[i..].IndexOf((byte)'\r');
                if (next < 0)
                    break;

                i += next;
            }

            byte octet = octets[i++];
            switch (_matched, octet)
            {
                case (2, (byte)'.'):
                    Append(octets[from..(i - 1)]);
                    from = i;
                    _matched = 3;
                    break;
                case (3, (byte)'\r'):
                    // It is the end, or a line of this alone that was not stuffed.
                    Append(octets[from..(i - 1)]);
                    from = i;
                    _matched = 4;
                    break;
                case (4, (byte)'\n'):
                    from = i;
                    _matched = 5;
                    break;
                case (4, _):
                    Append("\r"u8);
                    _matched = octet == '\r' ? 1 : 0;
                    break;
                case (1, (byte)'\n'):
                    _matched = 2;
                    break;
                case (_, (byte)'\r'):
                    _matched = 1;
                    break;
                default:
                    _matched = 0;
                    break;
            }
        }

        Append(octets[from..]);
    }

    public void Skip(long length)
    {
        _matched = 0;
        Append(Encoding.ASCII.GetBytes($"\r\n[{length} octets are not in the capture]\r\n"));
    }

    public void End(bool whole)
    {
        Append(default);
        Close();
        if (!whole)
            folder.Unfinished(path);
    }

    public void Done(ObservedSession session, MessageReport message) => folder.Name(path, session, message);

    public void Dispose() => Close();

    private void Append(ReadOnlySpan<byte> octets)
    {
        if (octets.IsEmpty && _begun)
            return;

        if (_file is null)
        {
            var options = new FileStreamOptions
            {
                Mode = _begun ? FileMode.Append : FileMode.Create,
                Access = FileAccess.Write,
                BufferSize = folder.MayStayOpen ? 16384 : 0,
            };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

            _file = new FileStream(path, options);
            _begun = true;
            folder.Open++;
        }

        _file.Write(octets);
        if (!folder.MayStayOpen)
            Close();
    }

    private void Close()
    {
        if (_file is not null)
        {
            _file.Dispose();
            _file = null;
            folder.Open--;
        }
    }
}

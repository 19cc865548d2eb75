using System.Text;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>
/// A mail server that keeps the order of RFC 5321 4.1.4; some commands fail by chance.
/// Its state is the truth that a relay can only see by its replies.
/// </summary>
/// <param name="fails">Which commands fail, round and round.</param>
internal sealed class StrictBackend(bool[] fails)
{
    private int _commands;
    private int _recipients;
    private bool _data;

    /// <summary>The last greeting that succeeded: EHLO, HELO or none.</summary>
    public string Greeted { get; private set; } = "";

    public bool InTransaction { get; private set; }

    public byte[] Take(byte[] octets) =>
        Encoding.ASCII.GetBytes(string.Concat(Encoding.Latin1.GetString(octets).Split("\r\n")[..^1].Select(Answer)));

    private string Answer(string line)
    {
        if (_data)
        {
            _data = line != ".";
            InTransaction &= _data;
            return _data ? "" : Fails() ? "554 no\r\n" : "250 queued\r\n";
        }

        var verb = line.Split(' ')[0];
        bool inOrder = verb switch
        {
            "MAIL" => Greeted.Length > 0 && !InTransaction,
            "RCPT" => InTransaction,
            "DATA" => InTransaction && _recipients > 0,
            _ => true,
        };
        if (!inOrder)
        {
            return "503 order\r\n";
        }

        if (Fails())
        {
            return "451 no\r\n";
        }

        switch (verb)
        {
            case "EHLO" or "HELO":
                (Greeted, InTransaction, _recipients) = (verb, false, 0);
                return verb == "EHLO" ? "250-b\r\n250 8BITMIME\r\n" : "250 b\r\n";
            case "MAIL":
                (InTransaction, _recipients) = (true, 0);
                break;
            case "RCPT":
                _recipients++;
                break;
            case "RSET":
                InTransaction = false;
                break;
            case "DATA":
                _data = true;
                return "354 go\r\n";
        }

        return "250 Ok\r\n";
    }

    private bool Fails() => fails[_commands++ % fails.Length];
}

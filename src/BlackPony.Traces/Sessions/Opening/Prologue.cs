using System.Buffers.Binary;
using System.Net;

namespace BlackPony.Traces.Sessions;

/// <summary>What stands before SMTP in a connection through a proxy: SOCKS 4, 4a and 5 (RFC 1928, 1929) and HTTP CONNECT (RFC 9110
/// 9.3.6).</summary>
internal static class Prologue
{
    private const int MaxText = 16384;
    private const int UserAndPassword = 2;

    /// <summary>How far a prologue is.</summary>
    public enum State
    {
        /// <summary>It is none.</summary>
        None,

        /// <summary>More has to come.</summary>
        Partial,

        /// <summary>It is whole, and what follows is the tunnel's.</summary>
        Whole,

        /// <summary>The proxy refused, or what follows cannot be read.</summary>
        Refused,
    }

    /// <summary>Reads one.</summary>
    /// <param name="client">What the side that spoke first has sent.</param>
    /// <param name="server">What the other has sent.</param>
    /// <param name="target">To where the tunnel leads, for people.</param>
    /// <param name="port">Its port.</param>
    public static State Read(Cursor client, Cursor server, out string target, out int port)
    {
        (target, port) = ("", 0);
        if (client.Left == 0)
            return State.None;

        return client[0] switch
        {
            5 when client.Left < 2 || client[1] is > 0 and < 16 => Socks5(client, server, out target, out port),
            4 when client.Left < 2 || client[1] == 1 => Socks4(client, server, out target, out port),
            (byte)'C' when MayBeConnect(client.Rest) => Connect(client, server, out target, out port),
            _ => State.None,
        };
    }

    private static bool MayBeConnect(ReadOnlySpan<byte> octets) => octets.Length < 8 ? "CONNECT "u8.StartsWith(octets)
        : octets.StartsWith("CONNECT "u8);

    private static State Socks5(Cursor client, Cursor server, out string target, out int port)
    {
        (target, port) = ("", 0);
        if (client.Left < 2 || client.Left < 2 + client[1] || server.Left < 2)
            return server.Left > 0 && server[0] != 5 ? State.None : State.Partial;

        if (server[0] != 5)
            return State.None;

        client.Take(2 + client[1], PartKind.Form);
        int method = server[1];
        server.Take(2, PartKind.Form);
        if (method == UserAndPassword)
        {
            if (client.Left < 2 || client.Left < 3 + client[1] || client.Left < 3 + client[1] + client[2 + client[1]] || server.Left < 2)
                return State.Partial;

            client.Take(1, PartKind.Form);
            client.Take(client.Take(1, PartKind.Form)[0], PartKind.Name);
            client.Take(client.Take(1, PartKind.Form)[0], PartKind.Name);
            if (server.Take(2, PartKind.Form)[1] != 0)
                return State.Refused;
        }
        else if (method != 0)
        {
            // What follows is GSSAPI's, or nothing.
            return State.Refused;
        }

        if (!Address(client, out target, out port, out int command) || !Address(server, out _, out _, out int answer))
            return State.Partial;

        return command == 1 && answer == 0 ? State.Whole : State.Refused;
    }

    // VER, CMD or REP, RSV, ATYP, address, port.
    private static bool Address(Cursor cursor, out string target, out int port, out int code)
    {
        (target, port, code) = ("", 0, 0);
        if (cursor.Left < 5)
            return false;

        int length = cursor[3] switch { 1 => 4, 4 => 16, 3 => 1 + cursor[4], _ => 0 };
        if (cursor.Left < 4 + length + 2)
            return false;

        code = cursor[1];
        bool name = cursor[3] == 3;
        cursor.Take(name ? 5 : 4, PartKind.Form);
        var octets = cursor.Take(name ? length - 1 : length, name ? PartKind.Name : PartKind.Address);
        port = BinaryPrimitives.ReadUInt16BigEndian(cursor.Take(2, PartKind.Form));
        target = name || length == 0 ? $"{Escape.Octets(octets, 255)}:{port}" : new IPEndPoint(new IPAddress(octets), port).ToString();
        return true;
    }

    private static State Socks4(Cursor client, Cursor server, out string target, out int port)
    {
        (target, port) = ("", 0);
        if (server.Left > 0 && server[0] != 0)
            return State.None;

        if (client.Left < 9)
            return State.Partial;

        int user = client.Rest[8..].IndexOf((byte)0);
        // An address that is none says that a name follows (4a).
        bool name = client[4] == 0 && client[5] == 0 && client[6] == 0 && client[7] != 0;
        int domain = user < 0 || !name ? 0 : client.Rest[(9 + user)..].IndexOf((byte)0);
        if (user < 0 || domain < 0)
            return client.Left > MaxText ? State.None : State.Partial;

        if (server.Left < 8)
            return State.Partial;

        client.Take(2, PartKind.Form);
        port = BinaryPrimitives.ReadUInt16BigEndian(client.Take(2, PartKind.Form));
        var address = client.Take(4, name ? PartKind.Form : PartKind.Address);
        client.Take(user, PartKind.Name);
        client.Take(1, PartKind.Form);
        target = new IPEndPoint(new IPAddress(address), port).ToString();
        if (name)
        {
            target = $"{Escape.Octets(client.Take(domain, PartKind.Name), 255)}:{port}";
            client.Take(1, PartKind.Form);
        }

        return server.Take(8, PartKind.Form)[1] == 90 ? State.Whole : State.Refused;
    }

    private static State Connect(Cursor client, Cursor server, out string target, out int port)
    {
        (target, port) = ("", 0);
        while (true)
        {
            int end = client.Rest.IndexOf("\r\n\r\n"u8);
            int answered = server.Rest.IndexOf("\r\n\r\n"u8);
            if (server.Left >= 5 && !server.Rest.StartsWith("HTTP/"u8))
                return State.None;

            if (end < 0 || answered < 0)
                return client.Left + server.Left > MaxText ? State.Refused : State.Partial;

            var line = client.Rest[..end];
            line = line[..(line.IndexOf((byte)'\r') is >= 0 and var cr ? cr : line.Length)];
            var words = Escape.Octets(line, 300).Split(' ');
            target = words.Length > 1 ? words[1] : "";
            port = int.TryParse(target[(target.LastIndexOf(':') + 1)..], out int number) ? number : 0;
            int space = server.Rest.IndexOf((byte)' ');
            bool accepted = space >= 0 && space + 1 < answered && server[space + 1] == '2';
            int length = accepted ? 0 : ContentLength(server.Rest[..answered]);
            if (server.Left < answered + 4 + length)
                return State.Partial;

            client.Take(end + 4, PartKind.Text);
            server.Take(answered + 4 + length, PartKind.Text);
            if (accepted)
                return State.Whole;

            // Refused, and perhaps asked again with credentials.
            if (!MayBeConnect(client.Rest))
                return client.Left == 0 ? State.Partial : State.Refused;
        }
    }

    private static int ContentLength(ReadOnlySpan<byte> header)
    {
        foreach (var line in Escape.Octets(header, MaxText).Split("\\r\\n"))
        {
            if (line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase) && int.TryParse(line[15..].Trim(), out int length)
                && length is >= 0 and <= MaxText)
            {
                return length;
            }
        }

        return 0;
    }
}

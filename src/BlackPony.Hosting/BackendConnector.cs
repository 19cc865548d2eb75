using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Hosting;

/// <summary>A connection to the mail server whose greeting has been read.</summary>
/// <param name="Socket">The connection.</param>
/// <param name="Greeting">The greeting as it came, the whole reply.</param>
/// <param name="Code">Its code.</param>
internal sealed record BackendConnection(Socket Socket, byte[] Greeting, int Code) : IDisposable
{
    public void Dispose() => Socket.Dispose();
}

/// <summary>Opens connections to the backend, in a way in which it does not take a stranger for a local user (spec 10.1).</summary>
internal sealed class BackendConnector(InboundSettings settings)
{
    private Task<ClientName>? _name;

    /// <summary>Opens a connection to the first of the backend's addresses that serves, if the probe lets the client through.</summary>
    /// <exception cref="OpenRelayException">The backend relays for strangers.</exception>
    /// <exception cref="IOException">The backend is not there, speaks no SMTP, or refuses to be told the client's address
    /// ([BP-10.1-3]).</exception>
    /// <exception cref="SocketException">The backend is not reachable.</exception>
    public async Task<BackendConnection> OpenAsync(ClientConnection from, CancellationToken cancel)
    {
        // [BP-10.1-25]
        var (client, local) = (from.Peer, from.Local);
        if (from.IsHealthCheck)
            client = settings.StrangerOf(ClientAddress.Plain(client.Address).AddressFamily);

        // Begins now and is waited for last; once for a client.
        _name ??= from.IsHealthCheck ? Task.FromResult(ClientName.Stranger)
            : settings.Addressing == ClientAddressing.XClient && settings.ClientNames is { } names
                ? names.FindAsync(client.Address, cancel) : Task.FromResult(ClientName.None);
        var addresses = await AddressesAsync(cancel).ConfigureAwait(false);
        foreach (var address in addresses.SkipLast(1))
        {
            try
            {
                var connection = await OpenAsync(address, client, local, cancel).ConfigureAwait(false);
                if (connection.Code == 220)
                    return connection;

                connection.Dispose();
            }
            catch (Exception e) when (e is SocketException or IOException and not OpenRelayException)
            {
                // The next one may serve.
            }
        }

        return await OpenAsync(addresses[^1], client, local, cancel).ConfigureAwait(false);
    }

    /// <summary>The backend's addresses, those of the family of the own source address.</summary>
    /// <exception cref="IOException">There is none, or the name is not found.</exception>
    public async Task<IReadOnlyList<IPAddress>> AddressesAsync(CancellationToken cancel)
    {
        using var patience = new LinkedTimeout(Limits.ConnectTimeout, settings.Time, cancel);
        IPAddress[] all;
        try
        {
            all = await Dns.GetHostAddressesAsync(settings.BackendHost, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new IOException($"{settings.BackendHost} could not be looked up in time.", e);
        }

        IReadOnlyList<IPAddress> fit = [.. all.Where(a => settings.BackendSource is null
            || a.AddressFamily == settings.BackendSource.AddressFamily).Distinct()];
        return fit.Count > 0 ? fit
            : throw new IOException(
                settings.BackendHost + " has no address" + (settings.BackendSource is { } source ? $" of the family of {source}." : "."));
    }

    /// <summary>Opens a connection to one address, whether it relays or not.</summary>
    /// <exception cref="IOException">The backend speaks no SMTP, or refuses to be told the client's address ([BP-10.1-3]).</exception>
    /// <exception cref="SocketException">The backend is not reachable.</exception>
    public async Task<BackendConnection> ConnectAsync(IPAddress address, IPEndPoint client, IPEndPoint local, Task<ClientName> name,
        CancellationToken cancel)
    {
        using var patience = new LinkedTimeout(Limits.ConnectTimeout, settings.Time, cancel);
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (settings.BackendSource is { } source)
            {
                if (OperatingSystem.IsLinux())
                {
                    // IP_BIND_ADDRESS_NO_PORT (ip(7)): the port is chosen at connect, so that one still in TIME_WAIT towards another
                    // server, or free for this one, will do.
                    socket.SetRawSocketOption(0, 24, [1, 0, 0, 0]);
                }

                socket.Bind(new IPEndPoint(source, 0));
            }

            await socket.ConnectAsync(new IPEndPoint(address, settings.BackendPort), patience.Token).ConfigureAwait(false);
            if (settings.Addressing is ClientAddressing.ProxyV1 or ClientAddressing.ProxyV2)
            {
                var header = settings.Addressing == ClientAddressing.ProxyV1 ? ProxyV1(client, local) : ProxyV2(client, local);
                await SendAsync(socket, header, patience.Token).ConfigureAwait(false);
            }

            var greeting = await ReadReplyAsync(socket, patience.Token).ConfigureAwait(false);
            if (settings.Addressing is ClientAddressing.ProxyV1 or ClientAddressing.ProxyV2 && greeting.Code == 220)
                await ExpectProxyTakenAsync(socket, patience.Token).ConfigureAwait(false);

            if (settings.Addressing == ClientAddressing.XClient && greeting.Code == 220)
            {
                greeting = await XClientAsync(socket, client, await name.WaitAsync(patience.Token).ConfigureAwait(false), patience.Token)
                    .ConfigureAwait(false);
            }

            return new BackendConnection(socket, greeting.ToOctets(), greeting.Code);
        }
        catch (Exception e)
        {
            socket.Dispose();
            throw e is OperationCanceledException && !cancel.IsCancellationRequested
                ? new IOException("The backend did not answer in time.", e)
                : e;
        }
    }

    private async Task<BackendConnection> OpenAsync(IPAddress address, IPEndPoint client, IPEndPoint local, CancellationToken cancel)
    {
        if (settings.Probe is { } probe)
            await probe.CheckAsync(address, client.Address, cancel).ConfigureAwait(false);

        try
        {
            return await ConnectAsync(address, client, local, _name!, cancel).ConfigureAwait(false);
        }
        catch (SocketException)
        {
            settings.Probe?.Lost(address);
            throw;
        }
    }

    // A server that does not know PROXY answers its header as a bad command, before it answers NOOP ([BP-10.1-1]).
    private static async Task ExpectProxyTakenAsync(Socket socket, CancellationToken cancel)
    {
        await SendAsync(socket, "NOOP\r\n"u8.ToArray(), cancel).ConfigureAwait(false);
        if (!(await ReadReplyAsync(socket, cancel).ConfigureAwait(false)).IsPositive)
            throw new IOException("The backend does not accept the PROXY protocol.");
    }

    private static async Task<Reply> XClientAsync(Socket socket, IPEndPoint client, ClientName name, CancellationToken cancel)
    {
        await SendAsync(socket, "EHLO blackpony.invalid\r\n"u8.ToArray(), cancel).ConfigureAwait(false);
        var ehlo = await ReadReplyAsync(socket, cancel).ConfigureAwait(false);
        var offered = Enumerable.Range(0, ehlo.Lines.Count).Select(i => Encoding.Latin1.GetString(ehlo.Text(i))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(w => w is [var keyword, ..] && keyword.Equals("XCLIENT", StringComparison.OrdinalIgnoreCase));
        if (!ehlo.IsPositive || offered is null)
            throw new IOException("The backend does not offer XCLIENT to this address.");

        var address = ClientAddress.Plain(client.Address);
        var line = $"XCLIENT NAME={name.Name ?? name.Missing}";
        if (offered.Contains("REVERSE_NAME", StringComparer.OrdinalIgnoreCase))
            line += $" REVERSE_NAME={name.Reverse ?? name.Missing}";

        line += $" ADDR={(address.AddressFamily == AddressFamily.InterNetworkV6 ? "IPV6:" : "")}{address}";
        if (offered.Contains("PORT", StringComparer.OrdinalIgnoreCase))
            line += $" PORT={client.Port}";

        await SendAsync(socket, Encoding.ASCII.GetBytes(line + "\r\n"), cancel).ConfigureAwait(false);
        var reply = await ReadReplyAsync(socket, cancel).ConfigureAwait(false);
        return reply.Code == 220 ? reply : throw new IOException("The backend refused XCLIENT.");
    }

    private static byte[] ProxyV1(IPEndPoint client, IPEndPoint local)
    {
        var (from, to) = Addresses(client, local);
        var family = from.AddressFamily == AddressFamily.InterNetwork ? "TCP4" : "TCP6";
        return Encoding.ASCII.GetBytes($"PROXY {family} {from} {to} {client.Port} {local.Port}\r\n");
    }

    private static byte[] ProxyV2(IPEndPoint client, IPEndPoint local)
    {
        var (from, to) = Addresses(client, local);
        byte[] addresses = [.. from.GetAddressBytes(), .. to.GetAddressBytes(), 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(addresses.AsSpan(addresses.Length - 4), (ushort)client.Port);
        BinaryPrimitives.WriteUInt16BigEndian(addresses.AsSpan(addresses.Length - 2), (ushort)local.Port);
        byte family = from.AddressFamily == AddressFamily.InterNetwork ? (byte)0x11 : (byte)0x21;
        return [.. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, family, 0, (byte)addresses.Length, .. addresses];
    }

    // Of one family; where a balancer in front names two, it is the client's that counts.
    private static (IPAddress From, IPAddress To) Addresses(IPEndPoint client, IPEndPoint local)
    {
        var (from, to) = (ClientAddress.Plain(client.Address), ClientAddress.Plain(local.Address));
        return from.AddressFamily == to.AddressFamily ? (from, to)
            : (from, from.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any);
    }

    internal static async Task SendAsync(Socket socket, byte[] octets, CancellationToken cancel) =>
        await new NetworkStream(socket).WriteAsync(octets, cancel).ConfigureAwait(false);

    internal static async Task<Reply> ReadReplyAsync(Socket socket, CancellationToken cancel)
    {
        var reader = new ReplyReader();
        var octets = new byte[Limits.MaxEhloLine * 2];
        int have = 0;
        while (true)
        {
            int count = have < octets.Length ? await socket.ReceiveAsync(octets.AsMemory(have), cancel).ConfigureAwait(false) : 0;
            have += count;
            var reply = reader.Read(octets.AsSpan(0, have), out int consumed);
            octets.AsSpan(consumed, have - consumed).CopyTo(octets);
            have -= consumed;
            if (reply is not null)
            {
                // More than one reply to one question: the backend took our header for commands.
                return have == 0 ? reply : throw new IOException("The backend sent an unsolicited reply.");
            }

            if (count == 0 || reader.IsMalformed)
                throw new IOException("The backend closed the connection, or does not speak SMTP.");
        }
    }
}

using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Hosting;

/// <summary>
/// Asks the mail server, as a stranger who comes through the relay, whether it takes mail for foreign domains ([BP-10.1-9]). No message is
/// sent. A connection serves one sender, because mail servers slow down or hang up after several refused recipients.
/// </summary>
/// <param name="connector">How the relay comes to the mail server.</param>
/// <param name="settings">The relay's settings.</param>
/// <param name="backend">The mail server's address.</param>
/// <param name="stranger">In whose name.</param>
internal sealed class RelayQuestions(BackendConnector connector, InboundSettings settings, IPAddress backend, IPEndPoint stranger)
{
    // Resolves everywhere, is reserved for documentation (RFC 2606), and has no null MX, for which example.com is refused whoever asks.
    private const string Resolvable = "www.example.com";
    private const string Invalid = "blackpony.invalid";
    private const string User = "relay-test";

    // Long enough for a server that waits a second after each refused recipient.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(120);

    // Connections in a row that end before the first answer.
    private const int MaxVain = 5;

    private readonly StringBuilder _dialogue = new();
    private bool _reached;
    private bool _takesOwn;
    private string? _own;

    /// <summary>Asks.</summary>
    public async Task<RelayAnswer> AskAsync(CancellationToken cancel)
    {
        using var patience = new LinkedTimeout(Longest, settings.Time, cancel);
        try
        {
            return await AskAllAsync(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Answer(RelayVerdict.Unknown, "it did not answer in time");
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            return Answer(RelayVerdict.Unknown, e.Message);
        }
    }

    private RelayAnswer Answer(RelayVerdict verdict, string reason) => new(verdict, reason, _reached, _dialogue.ToString());

    private async Task<RelayAnswer> AskAllAsync(CancellationToken cancel)
    {
        // First, because whoever may say it needs nothing else.
        var xclient = await AskXClientAsync(cancel).ConfigureAwait(false);
        if (xclient.Verdict != RelayVerdict.Refuses)
            return xclient;

        var unclear = "";
        bool refuses = false;
        for (int i = 0; i < 3; i++)
        {
            var sender = i switch { 0 => "<>", 1 => $"<{User}@{Resolvable}>", _ => _own is null ? "" : $"<postmaster@{_own}>" };
            if (sender.Length > 0)
            {
                var answer = await AskAsync(sender, isFirst: i == 0, cancel).ConfigureAwait(false);
                if (answer is { Verdict: RelayVerdict.Relays })
                    return answer;

                refuses |= answer is { Verdict: RelayVerdict.Refuses };

                // What is not known for the sake of one sender does not matter where the recipients were refused for their own.
                if (answer is { Verdict: RelayVerdict.Unknown } && !_takesOwn && unclear.Length == 0)
                    unclear = answer.Reason;
            }
        }

        return refuses && unclear.Length == 0 ? Answer(RelayVerdict.Refuses, "it refuses mail for foreign domains")
            : Answer(RelayVerdict.Unknown, unclear.Length > 0 ? unclear : "it accepts no sender");
    }

    // [BP-10.1-11]
    private async Task<RelayAnswer> AskXClientAsync(CancellationToken cancel)
    {
        var (backend, reply) = await BeginAsync("XCLIENT NAME=localhost ADDR=127.0.0.1", cancel).ConfigureAwait(false);
        using var ending = backend;
        await QuitAsync(backend.Socket, cancel).ConfigureAwait(false);
        return reply.IsPositive ? Answer(RelayVerdict.Relays,
            "it accepts XCLIENT from untrusted clients, who could make it relay")
            : reply.Code < 500 ? Answer(RelayVerdict.Unknown, "it neither accepts nor refuses XCLIENT from untrusted clients")
            : Answer(RelayVerdict.Refuses, "");
    }

    // A connection that ends after some refusals is followed by another: a server may take few errors from one client.
    // Null if the server refuses the sender for good.
    private async Task<RelayAnswer?> AskAsync(string sender, bool isFirst, CancellationToken cancel)
    {
        Queue<(string Form, FormKind Kind)>? left = null;
        var unclear = "";
        bool literalRefused = false, nameUnclear = false, otherUnclear = false;
        bool takesOwn = false;
        int vain = 0;
        while (left is not { Count: 0 })
        {
            var (backend, mail) = await BeginAsync($"MAIL FROM:{sender}", cancel).ConfigureAwait(false);
            using var ending = backend;
            left ??= new(Forms(isFirst));
            int before = left.Count;
            if (!mail.IsPositive)
            {
                await QuitAsync(backend.Socket, cancel).ConfigureAwait(false);
                return mail.Code >= 500 ? null : Answer(RelayVerdict.Unknown, $"it does not accept MAIL FROM:{sender} now");
            }

            while (left.TryPeek(out var next))
            {
                Reply reply;
                try
                {
                    reply = await SayAsync(backend.Socket, $"RCPT TO:{next.Form}", cancel).ConfigureAwait(false);
                }
                catch (Exception e) when (e is IOException or SocketException)
                {
                    break;
                }

                if (reply.Code == 421)
                    break;

                left.Dequeue();
                if (next.Kind == FormKind.Postmaster)
                {
                    takesOwn = reply.IsPositive;
                }
                else if (reply.IsPositive)
                {
                    // A server that accepts any name at its own domain says nothing by accepting this one.
                    var control = next.Kind is FormKind.Name or FormKind.Literal ? null
                        : await AskForNobodyAsync(backend.Socket, next.Kind, cancel).ConfigureAwait(false);
                    if (control is null || IsRefusal(control))
                    {
                        await QuitAsync(backend.Socket, cancel).ConfigureAwait(false);
                        return Answer(RelayVerdict.Relays,
                            $"it accepts mail for foreign domains from untrusted clients (MAIL FROM:{sender}, RCPT TO:{next.Form})");
                    }

                    if (!control.IsPositive)
                    {
                        otherUnclear = true;
                        unclear = $"it accepts RCPT TO:{next.Form}, and for a name that does not exist it neither accepts nor refuses "
                            + $"({control.Code})";
                    }
                }
                else if (IsRefusal(reply))
                {
                    literalRefused |= next.Kind == FormKind.Literal && Status(reply).EndsWith(".7.1", StringComparison.Ordinal);
                }
                else
                {
                    unclear = $"it answers RCPT TO:{next.Form} with {reply.Code}, which neither accepts nor refuses";
                    (nameUnclear, otherUnclear) = (nameUnclear || next.Kind != FormKind.Literal, otherUnclear
                        || next.Kind == FormKind.Literal);
                }
            }

            if (left.Count == 0)
                await QuitAsync(backend.Socket, cancel).ConfigureAwait(false);

            vain = left.Count < before ? 0 : vain + 1;
            if (vain == MaxVain)
                return Answer(RelayVerdict.Unknown, "it ends the connection before it answers");
        }

        // Names that it cannot look up now do not matter where it has said of an address that the stranger may not relay.
        if (otherUnclear || (nameUnclear && !literalRefused))
            return Answer(RelayVerdict.Unknown, unclear);

        _takesOwn |= takesOwn;
        return Answer(RelayVerdict.Refuses, "");
    }

    // Postfix's defer_unauth_destination, Debian's default, refuses with 454 4.7.1.
    private static bool IsRefusal(Reply reply) => reply.Code >= 500 || (reply.Code == 454 && Status(reply) == "4.7.1");

    // The enhanced status code (RFC 3463), or nothing.
    private static string Status(Reply reply)
    {
        var word = Encoding.Latin1.GetString(reply.Text(0)).Split(' ')[0];
        return word.Length is >= 5 and <= 9 && word.All(c => char.IsAsciiDigit(c) || c == '.') ? word : "";
    }

    private Task<Reply> AskForNobodyAsync(Socket socket, FormKind kind, CancellationToken cancel) =>
        SayAsync(socket, $"RCPT TO:<{User}-nobody{(kind == FormKind.Own ? "@" + _own : "")}>", cancel);

    // [BP-10.1-14]
    private List<(string Form, FormKind Kind)> Forms(bool whole)
    {
        var forms = new List<(string, FormKind)>
        {
            ($"<{User}@{Invalid}>", FormKind.Name),
            ($"<{User}@{Resolvable}>", FormKind.Name),
            ($"<{User}@[198.51.100.1]>", FormKind.Literal),
        };
        if (whole)
        {
            forms.Add(($"<{User}%{Resolvable}>", FormKind.Bare));
            forms.Add(($"<{Resolvable}!{User}>", FormKind.Bare));
            if (_own is not null)
            {
                forms.Add(($"<{User}%{Resolvable}@{_own}>", FormKind.Own));
                forms.Add(($"<\"{User}@{Resolvable}\"@{_own}>", FormKind.Own));
                forms.Add(($"<@{_own}:{User}@{Resolvable}>", FormKind.Name));
            }

            forms.Add((_own is null ? "<postmaster>" : $"<postmaster@{_own}>", FormKind.Postmaster));
        }

        return forms;
    }

    // A connection on which a first command was answered. A server that has greeted before may lose one.
    private async Task<(BackendConnection Connection, Reply Reply)> BeginAsync(string command, CancellationToken cancel)
    {
        for (int i = 1; ; i++)
        {
            BackendConnection? connection = null;
            try
            {
                connection = await BeginAsync(cancel).ConfigureAwait(false);
                return (connection, await SayAsync(connection.Socket, command, cancel).ConfigureAwait(false));
            }
            catch (Exception e)
            {
                connection?.Dispose();
                if (e is not (IOException or SocketException) || !_reached || i == MaxVain)
                    throw;

                _dialogue.Append("; again");
            }
        }
    }

    private async Task<BackendConnection> BeginAsync(CancellationToken cancel)
    {
        var local = new IPEndPoint(stranger.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Parse("192.0.2.2")
            : IPAddress.Parse("2001:db8::2"), Limits.DefaultPort);
        var connection = await connector.ConnectAsync(backend, stranger, local, Task.FromResult(ClientName.Stranger), cancel)
            .ConfigureAwait(false);
        try
        {
            if (connection.Code != 220)
                throw new IOException($"it greets with {connection.Code}");

            _reached = true;
            var ehlo = await SayAsync(connection.Socket, $"EHLO {Resolvable}", cancel).ConfigureAwait(false);
            if (!ehlo.IsPositive)
                throw new IOException($"it answers EHLO with {ehlo.Code}");

            var own = Encoding.Latin1.GetString(ehlo.Text(0)).Split(' ')[0];
            _own = HostName.IsValid(own) ? own : null;
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    // So that the mail server does not log a lost connection.
    private static async Task QuitAsync(Socket socket, CancellationToken cancel)
    {
        try
        {
            await BackendConnector.SendAsync(socket, "QUIT\r\n"u8.ToArray(), cancel).ConfigureAwait(false);
            await BackendConnector.ReadReplyAsync(socket, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // It has gone before.
        }
    }

    private async Task<Reply> SayAsync(Socket socket, string line, CancellationToken cancel)
    {
        _dialogue.Append(_dialogue.Length > 0 ? "; " : "").Append(line).Append(" -> ");
        try
        {
            await BackendConnector.SendAsync(socket, Encoding.ASCII.GetBytes(line + "\r\n"), cancel).ConfigureAwait(false);
            var reply = await BackendConnector.ReadReplyAsync(socket, cancel).ConfigureAwait(false);
            var text = Encoding.Latin1.GetString(reply.Lines[^1]);
            _dialogue.Append(text.Length > 100 ? text[..100] + "…" : text);
            return reply;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            _dialogue.Append("connection lost");
            throw;
        }
    }

    private enum FormKind
    {
        /// <summary>A domain that a server may have to look up.</summary>
        Name,

        /// <summary>An address literal.</summary>
        Literal,

        /// <summary>Without a domain: it may be a mailbox of the server, or taken whatever it is, as by qmail.</summary>
        Bare,

        /// <summary>At the server's own name: it may be a mailbox there.</summary>
        Own,

        /// <summary>The mailbox that every server takes mail for: whether the sender is refused or the recipients.</summary>
        Postmaster,
    }
}

using System.Text;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Traces.Replay;

/// <summary>Logs in with a user and a password of one's own, by PLAIN (RFC 4616) or LOGIN.</summary>
internal static class Login
{
    /// <summary>Plays it.</summary>
    /// <returns>The last reply; null at the end of the connection.</returns>
    public static async Task<Reply?> PlayAsync(LiveConnection connection, string user, string password, CancellationToken cancel)
    {
        var reply = await AskAsync(connection, "AUTH PLAIN " + Base64($"\0{user}\0{password}"), cancel);
        if (reply?.Code is not (504 or 501 or 502 or 334))
            return reply;

        if (reply.Code == 334)
            return await AskAsync(connection, Base64($"\0{user}\0{password}"), cancel);

        reply = await AskAsync(connection, "AUTH LOGIN", cancel);
        foreach (var word in (string[])[user, password])
            reply = reply?.Code == 334 ? await AskAsync(connection, Base64(word), cancel) : reply;

        return reply;
    }

    private static async Task<Reply?> AskAsync(LiveConnection connection, string line, CancellationToken cancel)
    {
        await connection.SendAsync(Encoding.ASCII.GetBytes(line + "\r\n"), cancel);
        return await connection.ReplyAsync(cancel);
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}

using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>
/// Where a mail server keeps what it received: a file for each message and recipient, written by a script that the server starts.
/// </summary>
internal sealed class Mailbox
{
    private readonly string _folder;

    /// <summary>Takes a folder in which a server keeps its mail already.</summary>
    public Mailbox(string folder) => _folder = folder;

    /// <summary>The command line of the script, to which sender and recipient are added.</summary>
    public string Command => $"{_folder}.sh {_folder}";

    /// <summary>Makes the folder and the script.</summary>
    public static Mailbox Create(string folder)
    {
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(folder, (UnixFileMode)0b1_111_111_111);
        File.WriteAllText(folder + ".sh", """
            #!/bin/sh
            # argv: folder, sender, recipient (Exim names it in RECIPIENT); the message on standard input. Exit 75 = try again later.
            umask 022
            t=$(mktemp "$1/.in.XXXXXXXX") || exit 75
            cat >"$t" || exit 75
            mv "$t" "$1/$(printf %s "${3:-$RECIPIENT}" | tr -c 'A-Za-z0-9@._+=-' _).${t##*.}.eml" || exit 75

            """.ReplaceLineEndings("\n"));
        File.SetUnixFileMode(folder + ".sh", (UnixFileMode)0b111_101_101);
        return new Mailbox(folder);
    }

    /// <summary>Waits until it has a message with each of these lines.</summary>
    public async Task HasAsync(IReadOnlyCollection<string> lines)
    {
        await Wait.EventuallyAsync(
            () => Missing().Count == 0,
            () => $"These of {lines.Count} messages did not come: {string.Join(", ", Missing())}");

        List<string> Missing() => [.. lines.Except(Directory.EnumerateFiles(_folder, "*.eml").SelectMany(File.ReadLines))];
    }

    /// <summary>Waits for the mail of a recipient, and takes it out.</summary>
    /// <returns>The message with the server's headers, CRLF line ends, Latin-1.</returns>
    public async Task<string> ReceivedAsync(string recipient)
    {
        var file = await Wait.EventuallyAsync(
            () => Directory.EnumerateFiles(_folder, $"{recipient}.*.eml").FirstOrDefault(), () => $"No mail for {recipient} came.");
        var text = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file));
        File.Delete(file);

        // Some servers hand on the message with their system's line ends.
        return text.Contains("\r\n", StringComparison.Ordinal) ? text : text.Replace("\n", "\r\n", StringComparison.Ordinal);
    }
}

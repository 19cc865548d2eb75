using System.Text;
using BlackPony.Conformance.Targets;
using Org.BouncyCastle.Tls;

namespace BlackPony.Tests.Conformance.StartTls;

/// <summary>All faulty servers of STARTTLS, in the order of spec/starttls.md.</summary>
internal static partial class StartTlsFaults
{
    private const string Delivering = "TS-4.2-5 TS-4.2-9 TS-5321.4.1.1.4-1 TS-5321.4.1.1.1-1 TS-6-1 TS-5321.4.1.1.10-2 TS-5321.4.1.1.10-3 "
        + "TS-5321.4.1.1.10-4 TS-5321.4.1.1.10-5 TS-5321.4.1.1.10-6 TS-5321.4.1.1.10-7";

    public static IReadOnlyList<StartTlsFault> All { get; } = [.. Command, .. State, .. Injected, .. Required, .. Auth, .. Ends,
        .. Handshake, .. Silent];

    private static IReadOnlyList<StartTlsFault> Command =>
    [
        new("TLS-2-1", "TS-2-1", "offers STARTTLS with a parameter")
        {
            Edit = (_, _, reply) => reply.Replace("STARTTLS\r\n", "STARTTLS yes\r\n", StringComparison.Ordinal),
        },
        new("TLS-3-1", "TS-3-1", "ends every handshake")
        {
            Came = (s, octets) => Task.FromResult(s.Tls is null || s.IsInside ? octets : null),
            Wide = "Nothing works inside.",
        },
        new("TLS-3-1", "TS-3-2", "accepts no message inside")
        {
            Answer = (s, line) => s.IsInside && line == "DATA" ? "554 5.3.0 No\r\n" : null,
            AlsoFails = Delivering,
        },
        new("TLS-3-1", "TS-9846.6.2-4", "makes no handshake after one that was not finished")
        {
            Came = (s, octets) =>
            {
                var begun = s.Server.Kept.GetOrAdd("begun", _ => new List<FaultySession>()) as List<FaultySession>;
                if (s.Tls is not null && !begun!.Contains(s))
                {
                    begun.Add(s);
                }

                return Task.FromResult(s.Tls is not null && begun!.Any(b => b != s && !b.Flag) ? null : octets);
            },
            Secured = s => s.Flag = true,
            AlsoFails = "TS-8996.5-2",
        },
        new("TLS-4-1", "TS-4-1", "answers STARTTLS with 250")
        {
            Answer = (s, line) => !s.IsInside && IsStartTls(line) ? "250 2.0.0 Ok\r\n" : null,
            Wide = "Nothing works inside.",
        },
        new("TLS-5321.4.2.4-1", "TS-5321.4.2.4-1", "answers STARTTLS with 502")
        {
            Answer = (s, line) => !s.IsInside && IsStartTls(line) ? "502 5.5.1 Not implemented\r\n" : null,
            Wide = "Nothing works inside.",
        },
        new("TLS-4-2", "TS-4-2", "ignores a parameter of STARTTLS")
        {
            Reads = line => line.StartsWith("STARTTLS ", StringComparison.Ordinal) ? "STARTTLS" : line,
            AlsoFails = "TS-5321.4.5.3.1.9-1",
        },
        new("TLS-4-2", "TS-4-3", "accepts no STARTTLS after one that it refused")
        {
            Answer = (s, line) => s.Flag && !s.IsInside && IsStartTls(line) ? "503 5.5.1 Not again\r\n" : null,
            Edit = Noticing,
        },
        new("TLS-2920.3.2-2", "TS-2920.3.2-3", "loses what follows a refused STARTTLS")
        {
            Edit = (s, line, reply) =>
            {
                if (IsStartTls(line) && reply.StartsWith('5'))
                {
                    s.Input.Clear();
                }

                return reply;
            },
            AlsoFails = "TS-4.2-14",
        },
        new("TLS-2920.3.2-1", "TS-2920.3.2-1 TS-2920.3.2-2", "answers the last command of a group first")
        {
            Line = s =>
            {
                var text = Encoding.Latin1.GetString([.. s.Input]);
                var lines = text.Split("\r\n");
                if (!(text.StartsWith("RSET\r\n", StringComparison.Ordinal) || text.StartsWith("MAIL", StringComparison.Ordinal))
                    || lines.Length < 3 || lines[^1].Length > 0)
                {
                    return null;
                }

                s.Input.RemoveRange(text.Length - lines[^2].Length - 2, lines[^2].Length + 2);
                return lines[^2];
            },
        },
        new("TLS-4-3", "TS-4-4", "answers STARTTLS with 502 while it has no certificate")
        {
            Answer = (s, line) => !s.Server.Options.HasCertificate && IsStartTls(line) ? "502 5.5.1 Not implemented\r\n" : null,
            Edit = OfferingAlways,
            AlsoFails = "TS-8314.4-1",
        },
        new("TLS-8314.4-1", "TS-8314.4-1", "offers STARTTLS without a certificate") { Edit = OfferingAlways },
        new("TLS-4-4", "TS-4-5", "sends CRLF after its 220")
        {
            Before = s => s.RawAsync("\r\n"u8.ToArray()),
            Wide = "A TLS client reads it as a record.",
        },
        new("TLS-5321.4.1.1-1", "TS-5321.4.1.1-1", "refuses white space after STARTTLS")
        {
            Refuses = (_, line, usual) => usual ?? (line is "STARTTLS " or "STARTTLS\t" ? "501 5.5.4 Space\r\n" : null),
        },
        new("TLS-5321.2.4-1", "TS-5321.2.4-1", "knows the verb in upper case only")
        {
            Refuses = (_, line, usual) => usual ?? (IsStartTls(line) && line.Any(char.IsAsciiLetterLower) && !line.Contains(' ')
                ? "500 5.5.2 Unknown\r\n"
                : null),
        },
        new("TLS-5321.4.1.1-2", "TS-5321.4.1.1-2", "reads a line up to a control character")
        {
            Reads = line => line.Split('\0', '\v', '\x7f')[0],
        },
        new("TLS-5321.2.4-2", "TS-5321.2.4-2", "folds the case of letters outside US-ASCII")
        {
            Reads = line => string.Concat(Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(line))
                .Select(c => c == 'ſ' ? 'S' : c is >= 'Ａ' and <= 'Ｚ' ? (char)(c - 'Ａ' + 'A') : c)),
        },
        new("TLS-5321.4.5.3.1.9-1", "TS-5321.4.5.3.1.9-1", "gives a long line two replies")
        {
            Refuses = (_, line, usual) => line.Length > 2000 ? usual + usual : usual,
        },
        new("TLS-5321.4.2-1", "TS-5321.4.2-1", "answers a second STARTTLS before the handshake")
        {
            Before = s => Encoding.Latin1.GetString([.. s.Input]).StartsWith("STARTTLS\r\n", StringComparison.Ordinal)
                ? s.RawAsync("220 2.0.0 Ready to start TLS\r\n"u8.ToArray())
                : Task.CompletedTask,
        },
        new("TLS-5321.2.3.8-1", "TS-5321.2.3.8-1", "treats a bare LF as the end of a line") { Line = s => LineTo(s, '\n') },
        new("TLS-5321.2.3.8-2", "TS-5321.2.3.8-2", "treats a bare CR as the end of a line")
        {
            Line = s => LineTo(s, '\r')?.TrimStart('\n'),
            AlsoFails = "TS-5321.4.1.1.10-5",
        },
        new("TLS-5321.3.2-1", "TS-5321.3.2-1", "lists extensions in the reply to HELO")
        {
            Edit = (s, line, reply) => line.StartsWith("HELO", StringComparison.Ordinal)
                && reply.StartsWith("250 ", StringComparison.Ordinal)
                ? "250-local.test\r\n250 PIPELINING\r\n"
                : reply,
        },
        new("TLS-5321.4.1.4-1", "TS-5321.4.1.4-1 TS-5321.4.1.4-2", "answers STARTTLS with 250 if EHLO was not said")
        {
            Answer = (s, line) => !s.IsInside && !s.State.IsExtended && IsStartTls(line) ? "250 2.0.0 Ok\r\n" : null,
        },
        new("TLS-2034.4-1", "TS-2034.4-1", "gives 220 no enhanced code")
        {
            Says = text => text.Replace("220 2.0.0 Ready", "220 Ready", StringComparison.Ordinal),
        },
    ];

    private static IReadOnlyList<StartTlsFault> Handshake =>
    [
        new("TLS-9325.3.1.1-1", "TS-9325.3.1.1-1", "speaks TLS 1.3 alone") { Versions = [ProtocolVersion.TLSv13] },
        new("TLS-9325.3.1.1-2", "TS-9325.3.1.1-2", "speaks TLS 1.2 alone") { Versions = [ProtocolVersion.TLSv12] },
        new("TLS-9325.3.1.1-3", "TS-9325.3.1.1-3", "speaks TLS 1.2 with a client that has both")
        {
            Came = (s, octets) =>
            {
                if (s.Tls is not null && !s.SawHello && octets.AsSpan().IndexOf((byte[])[0, 43, 0, 5, 4, 3, 4, 3, 3]) > 0)
                {
                    s.Restart(ProtocolVersion.TLSv12);
                }

                return Task.FromResult<byte[]?>(octets);
            },
        },
        Forging("TLS-9325.3.1.1-4", "TS-9325.3.1.1-4", "speaks SSL 3", (version, _, _) => version == 0x0300),
        Forging("TLS-8996.4-1", "TS-8996.4-1", "speaks TLS 1.0", (version, _, _) => version == 0x0301),
        Forging("TLS-8996.5-1", "TS-8996.5-1", "speaks TLS 1.1", (version, _, _) => version == 0x0302),
        Forging("TLS-9325.4.1-1", "TS-9325.4.1-1", "selects RC4", (_, suite, _) => suite is 0xc007),
        Forging("TLS-7301.3.2-1", "TS-7301.3.2-1", "selects the protocol http/1.1", (_, _, hello) => hello.IndexOf("http/1.1"u8) > 0,
            [0, 16, 0, 11, 0, 9, 8, .. "http/1.1"u8]),
        Forging("TLS-9325.3.5-1", "TS-9325.3.5-1", "does not know renegotiation_info", (_, _, hello) =>
            hello.IndexOf((byte[])[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) > 0 && hello.EndsWith((byte[])[0xff, 1, 0, 1, 0])),
        new("TLS-8996.5-3", "TS-8996.5-2", "refuses a ClientHello in a record of the version 3.0")
        {
            Came = (s, octets) => Task.FromResult(s.Tls is not null && octets is [22, 3, 0, ..] ? null : octets),
        },
        new("TLS-6066.3-3", "TS-6066.3-1", "ends the handshake without unrecognized_name for a name that it does not know")
        {
            Came = (s, octets) => Task.FromResult(octets.AsSpan().IndexOf("nobody.example"u8) > 0 ? null : octets),
        },
        new("TLS-7672.8.1-1", "TS-7672.8.1-1", "makes no handshake without server_name")
        {
            Came = (s, octets) => Task.FromResult(s.Tls is not null && !s.IsInside && octets.AsSpan().IndexOf("nobody.example"u8) < 0
                ? null
                : octets),
            Wide = "The other cases send none.",
        },
        new("TLS-9846.5.1-1", "TS-9846.5.1-1", "ends the session at a record without content")
        {
            Came = (s, octets) => Task.FromResult(s.IsInside && octets is [23, 3, 3, 0, 17, ..] ? null : octets),
        },
        new("TLS-9846.5.1-3", "TS-9846.5.1-2", "ends the session at a record of one octet")
        {
            Came = (s, octets) => Task.FromResult(s.IsInside && octets is [23, 3, 3, 0, 18, ..] ? null : octets),
        },
        new("TLS-9846.5.1-3", "TS-9846.5.1-3", "runs only the first command of a record")
        {
            Edit = (s, line, reply) =>
            {
                if (s.IsInside && line == "RSET" && Encoding.Latin1.GetString([.. s.Input]) == "NOOP\r\n")
                {
                    s.Input.Clear();
                }

                return reply;
            },
        },
        new("TLS-9846.5.2-1", "TS-9846.5.2-1", "ignores a record that is too long")
        {
            Came = (s, octets) =>
            {
                int length = octets.Length > 4 ? (octets[3] << 8) + octets[4] : 0;
                if (s.IsInside && s.Skip == 0 && octets[0] == 23 && length > (1 << 14) + 256)
                {
                    s.Skip = 5 + length;
                }

                int passed = Math.Min(s.Skip, octets.Length);
                s.Skip -= passed;
                return Task.FromResult<byte[]?>(octets[passed..]);
            },
        },
        new("TLS-9846.5.2-2", "TS-9846.5.2-2", "answers a record that does not decrypt")
        {
            Broken = async s =>
            {
                if (s.Tls!.IsConnected || s.SawHello)
                {
                    await s.RawAsync("250 2.0.0 Ok\r\n"u8.ToArray());
                }

                return false;
            },
            AlsoFails = "TS-9846.5.2-1 TS-9846.5-2 TS-5321.4.1.1.10-6 TS-9846.6.2-1 TS-9846.6.2-2 TS-9846.6.2-3 TS-9846.5-1",
        },
        new("TLS-9846.2.2-1", "TS-9846.2.2-1", "resumes the SMTP session with the TLS session")
        {
            Secured = s =>
            {
                if (s.SessionId is { } id && s.Server.Kept.TryGetValue(id, out var kept))
                {
                    s.State = (MailState)kept;
                }
            },
        },
        new("TLS-9325.3.5-1", "TS-9325.3.5-2", "begins another handshake at a ClientHello inside")
        {
            Came = async (s, octets) =>
            {
                if (!s.IsInside || octets is not [22, ..])
                    return octets;

                await s.RawAsync([22, 3, 3, 0, 40, .. new byte[40]]);
                return [];
            },
        },
        new("TLS-9846.4.7.3-1", "TS-9846.4.7.3-1", "ends the session at a KeyUpdate") { RefusesKeyUpdate = true },
        new("TLS-9846.6.1-1", "TS-9846.6.1-1", "ends without close_notify") { EndsWithoutNotify = true },
    ];

    // What never ends is not waited for long.
    private static TimeSpan Short => TimeSpan.FromSeconds(1);

    private static IReadOnlyList<StartTlsFault> Silent =>
    [
        new("TLS-5321.4.5.3.2.7-1", "TS-5321.4.5.3.2.7-1", "waits for a client in the handshake for ever")
        {
            Silence = Short,
            Waits = (_, _) => default,
            AlsoFails = "TS-5321.4.5.3.2.7-2 TS-5321.4.5.3.2.7-3",
        },
        new("TLS-5321.4.5.3.2.7-1", "TS-5321.4.5.3.2.7-2", "begins its time-out again with each octet of the handshake")
        {
            Silence = Short,
            Waits = (s, _) => s.Again(),
        },
        new("TLS-5321.4.5.3.2.7-1", "TS-5321.4.5.3.2.7-3", "has no time-out any more once a ClientHello began to come")
        {
            Silence = Short,
            Waits = (s, usual) => s.SawHello ? default : usual,
            AlsoFails = "TS-5321.4.5.3.2.7-2",
        },
    ];

    internal static bool IsStartTls(string line) =>
        line.Split(' ', '\t')[0].Equals("STARTTLS", StringComparison.OrdinalIgnoreCase);

    private static string Noticing(FaultySession s, string line, string reply)
    {
        s.Flag |= IsStartTls(line) && reply.StartsWith('5');
        return reply;
    }

    private static string OfferingAlways(FaultySession s, string line, string reply) =>
        s.Server.Options.HasCertificate ? reply : reply.Replace("250-PIPELINING\r\n", "250-PIPELINING\r\n250-STARTTLS\r\n",
            StringComparison.Ordinal);

    private static string? LineTo(FaultySession s, char end)
    {
        int at = s.Input.IndexOf((byte)end);
        if (at < 0)
        {
            return null;
        }

        var line = Encoding.Latin1.GetString([.. s.Input[..at]]).TrimEnd('\r');
        s.Input.RemoveRange(0, at + 1);
        return line;
    }

    // A ServerHello with what the client asked for, for a ClientHello that fits.
    private static StartTlsFault Forging(string breaks, string caughtBy, string does, FitsHello fits, params byte[] extensions) =>
        new(breaks, caughtBy, does)
        {
            Came = async (s, octets) =>
            {
                if (s.Tls is null || s.SawHello || octets.Length < 48 || octets[0] != 22)
                {
                    return octets;
                }

                int version = (octets[9] << 8) + octets[10], suite = (octets[46] << 8) + octets[47];
                if (!fits(version, suite, octets))
                {
                    return octets;
                }

                byte[] all = extensions.Length == 0 ? [] : [0, (byte)extensions.Length, .. extensions];
                byte[] body = [octets[9], octets[10], .. new byte[32], 0, octets[46], octets[47], 0, .. all];
                await s.RawAsync([22, 3, 3, 0, (byte)(body.Length + 4), 2, 0, 0, (byte)body.Length, .. body]);
                return [];
            },
        };

    private delegate bool FitsHello(int version, int suite, ReadOnlySpan<byte> hello);
}

using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;
using BlackPony.Tests.Property.Exploration;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>Random command sequences against the relay and the mailer, with a model of SMTP's state beside them.</summary>
public class ModelProperties
{
    private static readonly string Good = RelayRun.Command;

    private static readonly string[] Transaction = ["EHLO a", "MAIL FROM:<a@a>", "RCPT TO:<b@b>", "DATA"];

    // Single commands, now and then one so often that it is refused for that, and whole transactions.
    private static readonly Gen<(string[] Commands, bool[] Fails)> Sessions =
        from commands in Gen.Frequency(
            (8, Gen.Elements("EHLO a", "HELO a", "MAIL FROM:<a@a>", "RCPT TO:<b@b>", "DATA", "RSET", "NOOP").Select(One)),
            (1, Gen.Constant(One("EHLO a"))),
            (4, Gen.Elements(
                $"XBLACKPONY V1 {ToySuite.Weak} AAA=", $"XBLACKPONY V1 {ToySuite.Weak} AAAA", $"XBLACKPONY V9 {ToySuite.Weak} AAAA",
                $"XBLACKPONY V1 {ToySuite.Strong} AAAA", "XBLACKPONY", "XBLACKPONY  V1 X Y",
                "xblackpony v1 " + ToySuite.Weak.ToLowerInvariant() + " !", "XCLIENT A", "PROXY x").Select(One)),
            (1, Gen.Constant(One(Good))),
            (1, Gen.Constant(Transaction)),
            (1, Gen.Constant((string[])["EHLO a",
                .. Enumerable.Repeat($"XBLACKPONY V1 {ToySuite.Weak} AAAA", Limits.MaxUpgradeAttempts + 1)]))).NonEmptyListOf()
        from fails in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true))).NonEmptyListOf()
        select (commands.SelectMany(c => c).ToArray(), fails.ToArray());

    private static readonly Cover<(string[] Commands, bool[] Fails)>[] Outcomes =
        [.. Cover.Seen<(string[], bool[])>(10, "220", "250", "354", "451", "501", "503", "504", "550"),
            .. Cover.Seen<(string[], bool[])>(5, "454", "inside", "503 inside", "a message is refused")];

    private static string[] One(string command) => [command];

    // [BP-4.4-1], [BP-4.4-2], [BP-4.4-5], [BP-4.4-6], [BP-4.4-7], [BP-4.5-1], [BP-4.5-4], [BP-4.5-5], [BP-4.1-1], [BP-4.1-6], [BP-4.1-15],
    // [BP-10.1-4], [BP-10.2-6]
    [Fact]
    public void The_relay_takes_an_upgrade_exactly_where_the_model_says_and_refuses_it_by_the_table()
    {
        Always.Holds(Sessions, Outcomes, (s, seen) => RelayAgrees(s.Commands, s.Fails, r => r, seen: seen), 1000);
        Always.Bites(Sessions, s => RelayAgrees(s.Commands, s.Fails, r => r.Replace("451 no", "250 Ok", StringComparison.Ordinal)), 1000);
        Always.Bites(
            Sessions, s => RelayAgrees([.. s.Commands.Select(c => c == "RSET" ? "NOOP" : c)], s.Fails, r => r, said: s.Commands), 1000);
    }

    // [BP-9.3-1], [BP-10.4-4], [BP-10.4-9], [BP-10.4-5], [BP-9.2-8], [BP-9.1-2]
    [Fact]
    public void The_mailer_lets_nothing_out_before_the_policy_decided_and_then_all()
    {
        var lines = Gen.Frequency((3, Gen.Elements("MAIL FROM:<a@a>", "NOOP", "RSET", "XFOO", "AUTH PLAIN x", "")),
            (2, Gen.Elements("EHLO a", "ehlo a", "HELO a", "QUIT"))).NonEmptyListOf();
        var cases = from said in lines from policy in Gen.Elements(Enum.GetValues<ClientPolicy>())
            from ehlo in Gen.Elements("250 b\r\n", "500 what\r\n") from pieces in Generate.Pieces
            select new Local([.. said], policy, ehlo, pieces);
        Cover<Local>[] covers =
        [
            .. Cover.Each<Local, ClientPolicy>(20, Enum.GetValues<ClientPolicy>(), c => c.Policy),
            .. Cover.Each<Local, string>(20, ["250 b\r\n", "500 what\r\n"], c => c.Ehlo),
            .. Cover.Each<Local, string>(3, ["EHLO a", "HELO a", "QUIT", ""], c => c.Said[0]),
            new(3, "mail before EHLO", c => c.Said[0].StartsWith("MAIL", StringComparison.Ordinal)),
            new(20, "mail after EHLO", c => c.Said.SkipWhile(s => s != "EHLO a").Any(s => s.StartsWith("MAIL", StringComparison.Ordinal))),
        ];
        Always.Holds(cases, covers, c => MailerAgrees(c, c.Policy), 1000);
        Always.Bites(cases, c => MailerAgrees(c, ClientPolicy.Opportunistic), 1000);
    }

    // Each command after the reply to the one before; the model is the backend's own state and the number of attempts.
    private static bool RelayAgrees(string[] commands, bool[] fails, Func<string, string> replies, string[]? said = null,
        ISet<string>? seen = null)
    {
        var backend = new StrictBackend(fails);
        using var run = new RelayRun(octets =>
        {
            backend = octets.Length == 0 ? new StrictBackend(fails) : backend;
            return Encoding.ASCII.GetBytes(replies(Encoding.ASCII.GetString(backend.Take(octets))));
        });
        var model = new StrictBackend(fails);
        int attempts = 0;
        bool inside = false;
        _ = run.Heard;
        for (int i = 0; i < commands.Length; i++)
        {
            var expected = Expected(said?[i] ?? commands[i]);
            seen?.Add(expected);
            seen?.Add(inside ? $"{expected} inside" : expected);
            run.Say(Encoding.ASCII.GetBytes(commands[i] + "\r\n"));
            var heard = run.Heard;
            if (!heard.StartsWith(expected, StringComparison.Ordinal) || !heard.EndsWith("\r\n", StringComparison.Ordinal))
            {
                return false;
            }

            bool offers = heard.Contains("250 XBLACKPONY V1 ", StringComparison.Ordinal);
            if (offers != (commands[i] == "EHLO a" && heard.StartsWith("250", StringComparison.Ordinal) && !inside))
            {
                return false;
            }

            if (expected == "354")
            {
                // Now one line, now none.
                var message = i % 2 == 0 ? "Hi\r\n.\r\n"u8.ToArray() : ".\r\n"u8.ToArray();
                expected = Code(model.Take(message));
                seen?.Add(expected == "554" ? "a message is refused" : expected);
                run.Say(message);
                if (!run.Heard.StartsWith(expected, StringComparison.Ordinal))
                {
                    return false;
                }
            }

            if (expected == "220")
            {
                // Everything is forgotten, and what was the relay's stays the relay's.
                (inside, model) = (true, new StrictBackend(fails));
                seen?.Add("inside");
            }
        }

        return run.IsInside == inside;

        string Expected(string command)
        {
            if (!command.StartsWith("X", StringComparison.OrdinalIgnoreCase) && !command.StartsWith("PROXY", StringComparison.Ordinal))
            {
                return Code(model.Take(Encoding.ASCII.GetBytes(command + "\r\n")));
            }

            // The table of spec 4.4.
            return command switch
            {
                "XCLIENT A" or "PROXY x" => "550",
                _ when inside || model.Greeted != "EHLO" || model.InTransaction => "503",
                _ when command.Split(' ') is not { Length: >= 4 } fields || fields.Contains("") => "501",
                _ when command.Contains("V9", StringComparison.Ordinal)
                    || command.Contains(ToySuite.Strong, StringComparison.Ordinal) => "504",
                _ when ++attempts > Limits.MaxUpgradeAttempts => "454",
                _ when command != Good => "501",
                _ => "220",
            };
        }

        static string Code(byte[] reply) => Encoding.ASCII.GetString(reply)[..3];
    }

    // The model: closed until EHLO or HELO is answered, then open, or deferred; behind a QUIT that came before, nothing leaves any more.
    private static bool MailerAgrees(Local local, ClientPolicy policy)
    {
        using var mailer = new MailerSession(new MailerOptions(new RsaKeys(TimeProvider.System)) { Policy = policy },
            new CountingRandom((byte)'c'));
        mailer.Connected("b", 25, false);
        mailer.FromServer("220 b\r\n"u8);
        bool open = false, heloOnly = false, quit = false;
        foreach (var line in local.Said)
        {
            mailer.ToClient.ResetWrittenCount();
            mailer.ToServer.ResetWrittenCount();
            foreach (var piece in Generate.Cut(Encoding.ASCII.GetBytes(line + "\r\n"), local.Pieces))
            {
                mailer.FromClient(piece);
            }

            var left = Encoding.ASCII.GetString(mailer.ToServer.WrittenSpan);
            var verb = line.Split(' ')[0].ToUpperInvariant();
            bool asks = !open && !heloOnly && !quit && verb == "EHLO";
            bool passes = open || (!quit && (asks || verb == "QUIT" || (verb == "HELO" && local.Policy != ClientPolicy.Required)));
            bool takesLeave = !passes && !quit && verb == "HELO"; // [BP-9.1-7]
            if (left != (passes ? line + "\r\n" : takesLeave ? "QUIT\r\n" : ""))
            {
                return false;
            }

            if (asks)
            {
                mailer.FromServer(Encoding.ASCII.GetBytes(local.Ehlo));
                open = local.Ehlo.StartsWith("250", StringComparison.Ordinal);
                heloOnly = !open;
            }
            else if (!open && verb == "QUIT")
            {
                quit = true;
            }
            else
            {
                open |= passes;
            }

            bool deferred = local.Policy == ClientPolicy.Required && !open && !quit && (asks || verb == "HELO");
            deferred |= local.Policy == ClientPolicy.Required && asks;
            if (deferred)
            {
                return mailer.Request == SessionRequest.Close && mailer.Report.Deferred
                    && Encoding.ASCII.GetString(mailer.ToClient.WrittenSpan).Contains("421 ", StringComparison.Ordinal);
            }

            if (!passes && !quit && !Encoding.ASCII.GetString(mailer.ToClient.WrittenSpan).StartsWith("503 ", StringComparison.Ordinal))
            {
                return false;
            }
        }

        return mailer.Request == SessionRequest.None;
    }

    private sealed record Local(string[] Said, ClientPolicy Policy, string Ehlo, int[] Pieces)
    {
        public override string ToString() =>
            $"{Policy}, EHLO is answered {Ehlo.TrimEnd()}, pieces of {string.Join(',', Pieces)}: {string.Join(" | ", Said)}";
    }
}

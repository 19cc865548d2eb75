using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Reference.Smtp;

/// <summary>What a mailer does with what it remembers of servers and mail domains (spec 9.4), for a domain with two exchangers.</summary>
public sealed class MailerMemoryTests : IDisposable
{
    private const string Domain = "b.test";
    private static readonly Suite Suite = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!;
    private readonly FakeTimeProvider _clock = new();
    private readonly ServerMemory _memory;
    private readonly List<IDisposable> _open = [];

    public MailerMemoryTests() => _memory = new ServerMemory(_clock);

    public void Dispose() => _open.ForEach(o => o.Dispose());

    [Fact]
    public void A_good_session_is_remembered_of_the_server_and_of_the_mail_domain() // [BP-9.4-2], [BP-9.4-19]
    {
        Assert.True(Deliver(new() { ["mx1"] = Good }).IsDelivered);
        Assert.NotNull(_memory.Find("mx1", 25, out _));
        Assert.NotNull(_memory.Find(Domain, ServerMemory.OfDomain, out _));
    }

    [Fact]
    public void A_mail_domain_is_remembered_though_its_server_finds_no_room() // [BP-9.4-19], [BP-9.4-16]; spec 9.4
    {
        foreach (var name in Enumerable.Range(0, Limits.MaxMemoryPerOwner).Select(i => $"n{i}.full.test"))
            Assert.True(_memory.Good(name, 25, []));

        _memory.Good(Domain, ServerMemory.OfDomain, []);
        _memory.Failing(Domain, ServerMemory.OfDomain);
        var delivery = Deliver(new() { ["mx.full.test"] = Good });
        Assert.True(delivery.IsDelivered);
        Assert.Equal("mx.full.test:25", delivery.Report.Unremembered);
        Assert.Null(_memory.Find("mx.full.test", 25, out _));
        Assert.Null(_memory.Find(Domain, ServerMemory.OfDomain, out _)!.FailingSince);
    }

    [Fact]
    public void Of_a_host_that_was_configured_there_is_no_mail_domain_to_remember() // [BP-9.4-19]
    {
        Assert.True(Deliver(new() { ["mx1"] = Good }, domain: null).IsDelivered);
        Assert.Equal(1, _memory.Count);
    }

    [Fact]
    public void A_remembered_server_that_is_stripped_is_not_followed_by_plaintext_to_another() // [BP-9.1-9]
    {
        _memory.Good("mx1", 25, []);
        var delivery = Deliver(new() { ["mx1"] = Stripped, ["mx2"] = Stripped });
        Assert.True(delivery is { IsDelivered: false, Replies: "421 4.7.0 Encryption required, and not available\r\n" });
        Assert.Equal("remembered", delivery.Report.Reason);
    }

    [Fact]
    public void A_remembered_server_that_is_stripped_may_be_followed_by_one_that_upgrades() // [BP-9.1-9], [BP-9.1-5]
    {
        _memory.Good("mx1", 25, []);
        Assert.True(Deliver(new() { ["mx1"] = Stripped, ["mx2"] = Good }) is { IsDelivered: true, Report.Encrypted: true });
        Assert.NotNull(_memory.Find("mx1", 25, out _)!.FailingSince);
    }

    [Fact]
    public void An_unknown_server_of_a_remembered_mail_domain_gets_no_plaintext() // [BP-9.1-8]
    {
        Deliver(new() { ["mx1"] = Good });
        Assert.False(Deliver(new() { ["forged"] = Stripped }).IsDelivered);
        Assert.NotNull(_memory.Find(Domain, ServerMemory.OfDomain, out _)!.FailingSince);
        Assert.Null(_memory.Find("mx1", 25, out _)!.FailingSince);

        // It is the domain's: of another one nothing is known.
        Assert.True(Deliver(new() { ["forged"] = Stripped }, "other.test").IsDelivered);
    }

    [Fact]
    public void A_backup_without_BlackPony_gets_nothing_while_the_others_cannot_be_reached() // [BP-9.1-8]
    {
        Deliver(new() { ["mx1"] = Good });
        Assert.False(Deliver(new() { ["mx1"] = Unreachable, ["backup"] = Stripped }).IsDelivered);
        Assert.True(Deliver(new() { ["mx1"] = Unreachable, ["backup"] = Good }).IsDelivered);
    }

    [Fact]
    public void Servers_that_are_not_reached_or_put_mail_off_do_not_make_an_entry_fail() // [BP-9.4-8]
    {
        Deliver(new() { ["mx1"] = Good });
        foreach (var server in (Func<MailerSession, bool>[])[Unreachable, Defers])
        {
            Assert.False(Deliver(new() { ["mx1"] = server }).IsDelivered);
        }

        Assert.Null(_memory.Find(Domain, ServerMemory.OfDomain, out _)!.FailingSince);
        Assert.Null(_memory.Find("mx1", 25, out _)!.FailingSince);
    }

    [Fact]
    public void After_its_patience_the_entries_go_with_a_warning_and_mail_leaves_in_plaintext() // [BP-9.4-10]
    {
        Deliver(new() { ["mx1"] = Good });
        Assert.False(Deliver(new() { ["mx1"] = Stripped }).IsDelivered);
        _clock.Advance(Limits.MemoryPatience);
        Assert.False(Deliver(new() { ["mx1"] = Stripped }).IsDelivered);
        _clock.Advance(TimeSpan.FromSeconds(1));
        var delivery = Deliver(new() { ["mx1"] = Stripped });
        Assert.True(delivery.IsDelivered);
        Assert.StartsWith("forgotten: mx1:25", Assert.Single(delivery.Report.Warnings), StringComparison.Ordinal);
        Assert.Equal(0, _memory.Count);
    }

    [Fact]
    public void A_client_that_refuses_answers_5yz_then_to_whatever_the_mail_server_says() // [BP-9.4-24], [BP-10.4-28]
    {
        Deliver(new() { ["mx1"] = Good });
        _clock.Advance(Limits.MemoryPatience);
        Deliver(new() { ["mx1"] = Good });
        Assert.StartsWith("421 ", Deliver(new() { ["mx1"] = Stripped }, refuses: true).Replies, StringComparison.Ordinal);
        _clock.Advance(Limits.MemoryPatience + TimeSpan.FromSeconds(1));
        const string Refusal = "554 5.7.0 Encryption is remembered here, and has been missing for too long\r\n";
        var delivery = Deliver(new() { ["mx1"] = Stripped }, refuses: true);
        Assert.True(delivery is { IsDelivered: false, Replies: Refusal, Report: { Deferred: false, Reason: "remembered" } });

        // A mail server says HELO then, and perhaps MAIL.
        var mailer = delivery.Mailer;
        Assert.True(mailer.WantsClient);
        mailer.ServerEnded();
        mailer.FromClient("HELO a.test\r\nMAIL FROM:<a@a.test>\r\nQUIT\r\n"u8);
        Assert.Equal(Refusal + Refusal + "221 2.0.0 Bye\r\n", Text(mailer.ToClient));
        Assert.Equal(SessionRequest.Close, mailer.Request);
        Assert.Equal(2, _memory.Count);

        // Not for a reason that has nothing to do with it, and not when it is there again.
        var unreached = Deliver(new() { ["mx1"] = Stripped, ["mx2"] = Unreachable }, refuses: true);
        Assert.StartsWith("421 ", unreached.Replies, StringComparison.Ordinal);
        Assert.True(Deliver(new() { ["mx1"] = Good }, refuses: true).IsDelivered);
        Assert.StartsWith("421 ", Deliver(new() { ["mx1"] = Stripped }, refuses: true).Replies, StringComparison.Ordinal);
    }

    [Fact]
    public void A_client_that_refuses_forgets_what_it_has_not_known_for_long() // [BP-9.4-24]
    {
        Deliver(new() { ["mx1"] = Good });
        _clock.Advance(Limits.MemoryPatience - TimeSpan.FromSeconds(1));
        Deliver(new() { ["mx1"] = Good });
        Deliver(new() { ["mx1"] = Stripped }, refuses: true);
        _clock.Advance(Limits.MemoryPatience + TimeSpan.FromSeconds(1));
        var delivery = Deliver(new() { ["mx1"] = Stripped }, refuses: true);
        Assert.True(delivery is { IsDelivered: true, Report.Forgotten: "mx1:25" });
    }

    [Fact]
    public void An_entry_that_failed_until_it_expired_is_removed_with_a_warning() // [BP-9.4-10]
    {
        Deliver(new() { ["mx1"] = Good });
        Deliver(new() { ["mx1"] = Stripped });
        _clock.Advance(Limits.MemoryLifetime + TimeSpan.FromSeconds(1));
        Assert.True(Deliver(new() { ["mx1"] = Stripped }) is { IsDelivered: true, Report.Forgotten: "mx1:25" });
    }

    [Fact]
    public void Each_entry_is_forgotten_or_kept_by_itself() // [BP-9.4-10], [BP-9.4-24]
    {
        // The domain has been known for long, the server has not; both fail, the server for longer.
        Deliver(new() { ["mx1"] = Good });
        _clock.Advance(Limits.MemoryPatience);
        Deliver(new() { ["mx2"] = Good });
        Deliver(new() { ["mx2"] = Stripped }, refuses: true);
        _clock.Advance(TimeSpan.FromHours(1));
        Deliver(new() { ["mx1"] = Good });
        Deliver(new() { ["mx2"] = Stripped }, refuses: true);
        _clock.Advance(Limits.MemoryPatience);

        // The server is forgotten, with a warning; the domain has not been missing for too long, and nothing bounces.
        var delivery = Deliver(new() { ["mx2"] = Stripped }, refuses: true);
        Assert.StartsWith("421 ", delivery.Replies, StringComparison.Ordinal);
        Assert.Equal("mx2:25", delivery.Report.Forgotten);
        Assert.Null(_memory.Find("mx2", 25, out _));
        Assert.NotNull(_memory.Find(Domain, ServerMemory.OfDomain, out _, keeps: true));
    }

    [Fact]
    public void Under_opportunistic_a_memory_tells_what_plaintext_could_have_been() // [BP-11.1-6], [BP-9.4-25]
    {
        Deliver(new() { ["mx1"] = Good }, policy: ClientPolicy.Opportunistic);
        Assert.Equal(2, _memory.Count);
        var delivery = Deliver(new() { ["mx1"] = Stripped }, policy: ClientPolicy.Opportunistic);
        Assert.True(delivery is { IsDelivered: true, Report: { Downgrade: true, Reason: "not-offered" } });
        var unknown = Deliver(new() { ["mx9"] = Stripped }, "other.test", ClientPolicy.Opportunistic);
        Assert.True(unknown is { IsDelivered: true, Report.Downgrade: false });
        Assert.Null(_memory.Find("mx1", 25, out _)!.FailingSince);
    }

    [Fact]
    public void A_key_that_was_withdrawn_is_no_proof_any_more() // [BP-9.4-6], [BP-9.4-22]
    {
        Assert.True(Deliver(new() { ["mx1"] = m => Upgrades(m, Key(1)) }).IsDelivered);
        Assert.True(Deliver(new() { ["mx1"] = m => Upgrades(m, Key(2), Key(1, isWithdrawn: true)) }).IsDelivered);
        var delivery = Deliver(new() { ["mx1"] = m => Upgrades(m, Key(1)) });
        Assert.Equal((false, "ident-mismatch"), (delivery.IsDelivered, delivery.Report.Reason));
        Assert.True(Deliver(new() { ["mx1"] = m => Upgrades(m, Key(2)) }).IsDelivered);
    }

    private static IdentKey Key(byte number, bool isWithdrawn = false) => new([.. Enumerable.Repeat(number, 32)], isWithdrawn);

    private static bool Unreachable(MailerSession mailer) => false;

    private static bool Defers(MailerSession mailer) => Answers(mailer, "450 later\r\n");

    private static bool Stripped(MailerSession mailer) => Answers(mailer, "250 mx\r\n");

    private static bool Answers(MailerSession mailer, string ehloReply)
    {
        mailer.FromServer("220 mx\r\n"u8);
        mailer.FromClient("EHLO a.test\r\n"u8);
        mailer.FromServer(Encoding.ASCII.GetBytes(ehloReply));
        return true;
    }

    private bool Good(MailerSession mailer) => Upgrades(mailer);

    private bool Upgrades(MailerSession mailer, params IdentKey[] idents)
    {
        var options = new ServerOptions(TestRsaKeys.Server) { Suites = [Suite], Grease = false, Idents = idents };
        var upgrade = new ServerUpgrade(options, new SeededRandom("memory", "server"));
        _open.Add(upgrade);
        mailer.FromServer("220 mx\r\n"u8);
        mailer.FromClient("EHLO a.test\r\n"u8);
        Text(mailer.ToServer);
        mailer.FromServer(Encoding.ASCII.GetBytes($"250-mx\r\n250 {Encoding.ASCII.GetString(upgrade.NewOffer().Span)}\r\n"));
        var command = Text(mailer.ToServer);
        upgrade.Examine(Encoding.ASCII.GetBytes(command.TrimEnd()), inside: false, afterEhlo: true, inTransaction: false);
        var step = upgrade.Exchange();
        _open.Add(step.Channel!);
        mailer.FromServer(step.Reply);
        var (data, output) = (new PooledBuffer(), new PooledBuffer());
        step.Channel!.Start(output);
        mailer.FromServer(output.WrittenSpan);
        output.ResetWrittenCount();
        step.Channel.Receive(mailer.ToServer.WrittenSpan, data, output);
        mailer.ToServer.ResetWrittenCount();
        step.Channel.Send("250 mx\r\n"u8, output);
        mailer.FromServer(output.WrittenSpan);
        return true;
    }

    private static string Text(PooledBuffer buffer)
    {
        var text = Encoding.ASCII.GetString(buffer.WrittenSpan);
        buffer.ResetWrittenCount();
        return text;
    }

    // One delivery to the servers in their order; it says MAIL where the mailer lets it.
    private Result Deliver(
        Dictionary<string, Func<MailerSession, bool>> servers, string? domain = Domain, ClientPolicy policy = ClientPolicy.Remembered,
        bool refuses = false)
    {
        var options = new MailerOptions(TestRsaKeys.Client)
        {
            Policy = policy,
            Memory = _memory,
            Suites = [Suite],
            RefusesForgotten = refuses,
        };
        var mailer = new MailerSession(options, new SeededRandom("memory", "client"));
        _open.Add(mailer);
        int left = servers.Count;
        foreach (var (name, server) in servers)
        {
            left--;
            if (server == Unreachable)
            {
                mailer.ConnectFailed(left > 0);
            }
            else
            {
                mailer.Connected(name, 25, left > 0, domain);
                server(mailer);
            }

            if (mailer.Request != SessionRequest.Connect)
            {
                break;
            }
        }

        var replies = Text(mailer.ToClient).Split("220 mx\r\n")[^1];
        mailer.ToServer.ResetWrittenCount();
        bool isDelivered = replies.StartsWith("250", StringComparison.Ordinal);
        if (isDelivered)
        {
            mailer.FromClient("MAIL FROM:<a@a.test>\r\n"u8);
            Assert.Equal(mailer.Report.Encrypted, !mailer.ToServer.WrittenSpan.StartsWith("MAIL"u8));
        }

        return new Result(isDelivered, replies, mailer.Report, mailer);
    }

    private sealed record Result(bool IsDelivered, string Replies, SessionReport Report, MailerSession Mailer);
}

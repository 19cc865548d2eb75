using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>One of the reference's suites with a step of the client's own.</summary>
internal sealed class ClientSuite(Suite real) : Suite
{
    private bool _started;

    /// <summary>Learns the shared secret.</summary>
    public Action<byte[]> Tells { get; init; } = _ => { };

    /// <summary>Changes the server's share of the 220 reply before it is looked at.</summary>
    public Func<byte[], byte[]> Reads { get; init; } = share => share;

    /// <summary>Changes the octets of the continuation line; null cancels.</summary>
    public Func<byte[]?, byte[]?> Continues { get; init; } = octets => octets;

    /// <summary>Changes the shared secret; null is an invalid share.</summary>
    public Func<byte[]?, byte[]?> Agrees { get; init; } = secret => secret;

    /// <summary>Changes the source of the key exchange's randomness.</summary>
    public Func<IRandomSource, IRandomSource> Draws { get; init; } = random => random;

    /// <summary>The suite whose record protection it has.</summary>
    public Suite? Records { get; init; }

    /// <summary>Changes the record protection.</summary>
    public Func<RecordProtection, RecordProtection> Protects { get; init; } = protection => protection;

    /// <summary>How many traffic secrets the session has used so far, of both directions.</summary>
    public int Secrets { get; private set; }

    /// <summary>The name once the key exchange has begun, on the wire and in the salt.</summary>
    public string NameInUse { get; init; } = real.Name;

    public override string Name => _started ? NameInUse : real.Name;

    public override bool NeedsContinuation => real.NeedsContinuation;

    /// <summary>A client whose suite of this name is changed.</summary>
    public static Func<MailerOptions, MailerOptions> In(string name, Func<Suite, ClientSuite> change) =>
        options => options with { Suites = [.. options.Suites.Select(s => s.Name == name ? change(s) : s)] };

    /// <summary>A client with these suites only.</summary>
    public static Func<MailerOptions, MailerOptions> Only(params string[] names) =>
        options =>
            options with { Suites = [.. names.Select(n => options.Suites.FirstOrDefault(s => s.Name == n) ?? SuiteRegistry.Find(n)!)] };

    /// <summary>A client without this suite.</summary>
    public static Func<MailerOptions, MailerOptions> Without(string name) =>
        options => options with { Suites = [.. options.Suites.Where(s => s.Name != name)] };

    internal override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys)
    {
        (_started, Secrets) = (true, 0);
        return new Exchange(this, real.StartClient(Draws(random), rsaKeys));
    }

    internal override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => throw new NotSupportedException();

    internal override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret)
    {
        Secrets++;
        return Protects((Records ?? real).Protect(trafficSecret));
    }

    private sealed class Exchange(ClientSuite suite, ClientExchange real) : ClientExchange
    {
        public override byte[] Share => real.Share;

        public override byte[]? Continue(ReadOnlySpan<byte> serverShare) => suite.Continues(real.Continue(serverShare));

        public override byte[]? Finish(ReadOnlySpan<byte> serverShare)
        {
            var secret = suite.Agrees(real.Finish(suite.Reads(serverShare.ToArray())));
            if (secret is not null)
            {
                suite.Tells([.. secret]);
            }

            return secret;
        }

        public override void Dispose() => real.Dispose();
    }
}

/// <summary>A record protection that seals in a way of its own.</summary>
internal sealed class ClientRecords(RecordProtection real) : RecordProtection
{
    public delegate void Change(Span<byte> record);

    /// <summary>Changes the sequence number of a record that is sealed.</summary>
    public Func<ulong, ulong> Counts { get; init; } = seq => seq;

    /// <summary>Changes the record before it is sealed.</summary>
    public Change Before { get; init; } = _ => { };

    /// <summary>Changes the record after it was sealed.</summary>
    public Change After { get; init; } = _ => { };

    /// <summary>Opens a record in a way of its own.</summary>
    public OpenStep? Opens { get; init; }

    /// <summary>What a record of this inner length costs; null for the usual cost.</summary>
    public Func<int, long>? Costs { get; init; }

    /// <summary>How much of the limit is used up at the beginning.</summary>
    public long Spent { get; init; }

    /// <summary>Whether one traffic secret protects any number of records.</summary>
    public bool Endless { get; init; }

    public override int TagLength => real.TagLength;

    public override long Budget => Endless ? long.MaxValue : real.Budget - Spent;

    public override long Cost(int innerLength) => Costs?.Invoke(innerLength) ?? real.Cost(innerLength);

    public override void Seal(ulong seq, Span<byte> record)
    {
        Before(record);
        real.Seal(Counts(seq), record);
        After(record);
    }

    public override bool Open(ulong seq, Span<byte> record) => Opens is null ? real.Open(seq, record) : Opens(real, seq, record);

    public override void Dispose() => real.Dispose();
}

using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Mailer;
using BlackPony.Tests.Conformance.Faulty;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>Sends the mail in plaintext when its session in records was lost.</summary>
internal sealed class RetryingClient(MailerOptions options) : ClientSide(options)
{
    protected override string LastWords => Now is { Secured: true, Believes: false } ? "MAIL FROM:<a@a>\r\n" : "";
}

/// <summary>Says nothing of a downgrade.</summary>
internal sealed class SilentClient(MailerOptions options) : ClientSide(options)
{
    protected override SessionReport Said(SessionReport report) => report with { Downgrade = false };
}

/// <summary>Reports its best suite, whichever it used.</summary>
internal sealed class BoastingClient(MailerOptions options) : ClientSide(options)
{
    protected override SessionReport Said(SessionReport report) => report with { Suite = report.Suite is null ? null : ToySuite.Strong };
}

/// <summary>Waits for ever for the reply to its command, and for the server's Finished.</summary>
internal sealed class PatientClient(MailerOptions options) : ClientSide(options)
{
    protected override bool HasPatience(MailerSession mailer) =>
        base.HasPatience(mailer) && (!Now.Asked || Now.Secured || mailer.WantsClient);
}

/// <summary>Chooses by the offer that came, and hashes the one that the server usually makes.</summary>
internal sealed class ForgivingClient : ClientSide
{
    private const string Usual = "V1 " + ToySuite.Strong + " " + ToySuite.Weak;
    private readonly List<Suite> _suites;

    public ForgivingClient(MailerOptions options)
        : this(options, [.. options.Suites])
    {
    }

    private ForgivingClient(MailerOptions options, List<Suite> suites)
        : base(options with { Suites = suites }) => _suites = suites;

    protected override byte[] Heard(byte[] octets)
    {
        var text = Units.Text(octets);
        if (text.Contains("XBLACKPONY V1", StringComparison.Ordinal))
        {
            _suites.RemoveAll(s => !text.Contains(s.Name, StringComparison.Ordinal));
            return Encoding.ASCII.GetBytes(text.Replace("V1 " + ToySuite.Weak + "\r", Usual + "\r", StringComparison.Ordinal));
        }

        return octets;
    }
}

/// <summary>Takes the server's first record for a good Finished, whatever it is.</summary>
internal sealed class TrustingClient : ClientSide
{
    private readonly AnyFinished _finished;

    public TrustingClient(MailerOptions options)
        : this(options, new AnyFinished(Role.Server))
    {
    }

    private TrustingClient(MailerOptions options, AnyFinished finished)
        : base(options with
        {
            Suites = [.. options.Suites.Select(s => new ClientSuite(s) { Tells = secret => finished.Agreed(s, secret) })],
        }) => _finished = finished;

    protected override byte[] Heard(byte[] octets) => _finished.InPlaceOf(octets, Transcript);
}

/// <summary>A first record that its recipient takes, instead of the one that came.</summary>
internal sealed class AnyFinished(Role sender)
{
    private Suite? _suite;
    private byte[]? _secret;
    private bool _done;

    public void Agreed(Suite suite, byte[] secret) => (_suite, _secret, _done) = (suite, [.. secret], false);

    public byte[] InPlaceOf(byte[] octets, string? transcript)
    {
        if (_done || _secret is null || transcript is null || !Units.IsRecord(octets))
        {
            return octets;
        }

        _done = true;
        using var keys = new KeySchedule(_suite!.Name, _secret, Convert.FromHexString(transcript));
        using var writer = new RecordWriter(_suite, sender == Role.Client ? keys.ClientTraffic : keys.ServerTraffic);
        var record = new System.Buffers.ArrayBufferWriter<byte>();
        writer.Write(RecordType.Finished, keys.Finished(sender), record);
        return record.WrittenSpan.ToArray();
    }
}

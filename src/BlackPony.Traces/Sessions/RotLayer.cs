using BlackPony.Reference;
using BlackPony.Reference.Suites;

namespace BlackPony.Traces.Sessions;

/// <summary>ROT, shifted back (spec 5.5).</summary>
internal sealed class RotLayer(Session session, int shift) : Layer
{
    private const int Letters = 26;

    private readonly SmtpDialogue _inner = new(session, Place.Records);

    public override void Octets(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        session.Recorder?.Plain(sender, octets, time);
        var plain = octets.ToArray();
        RotShift.Shift(plain, Letters - shift);
        _inner.Octets(sender, plain, time);
    }

    public override void Gap(Role sender, long length, bool cut, long time) => _inner.Gap(sender, length, cut, time);

    public override void End(Role sender, bool reset, long time) => _inner.End(sender, reset, time);

    public override void Finish() => _inner.Finish();
}

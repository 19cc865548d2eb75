using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>What goes over an SMTP port and is no SMTP: it is said once, and not read.</summary>
internal sealed class ForeignLayer(Session session) : Layer
{
    public override void Octets(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (session.HasDialogue)
            session.Report.Say(time, sender, false, "(no SMTP)", octets.Length);

        session.Recorder?.Raw(sender, octets);
    }

    public override void Gap(Role sender, long length, bool cut, long time)
    {
    }

    public override void End(Role sender, bool reset, long time)
    {
    }
}

using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>TLS after STARTTLS: opaque, but it has to begin as TLS does (RFC 8446 5.1).</summary>
internal sealed class TlsLayer(Session session) : Layer
{
    /// <summary>The first octet of a handshake record.</summary>
    public const byte Handshake = 0x16;

    private const byte Alert = 0x15;

    private readonly long[] _octets = new long[2];

    public override void Octets(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (_octets[(int)sender] == 0)
        {
            if (octets[0] is not (Handshake or Alert))
            {
                session.FindOnce(FindingKind.StartTlsBroken, sender, $"Behind STARTTLS the {sender.Name()} sends no TLS: {Escape.Octets(octets, 40)}");
            }

            if (session.HasDialogue)
            {
                session.Report.Say(time, sender, false, "(TLS from here on)", octets.Length);
            }
        }

        _octets[(int)sender] += octets.Length;
        session.Recorder?.Raw(sender, octets);
    }

    public override void Gap(Role sender, long length, bool cut, long time) => _octets[(int)sender] += length;

    public override void End(Role sender, bool reset, long time)
    {
    }
}

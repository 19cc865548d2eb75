using BlackPony.Fuzz.Sessions;

namespace BlackPony.Fuzz.Targets;

/// <summary>The events of a relay that are no octets of its client.</summary>
internal static class RelayEvents
{
    public static void Do(InboundDriver host, ScriptEvent step, Func<byte[], IEnumerable<byte[]>> cutBackend)
    {
        switch (step.Kind)
        {
            case 'b':
                host.Backend(cutBackend(step.Octets));
                break;
            case 'r':
                host.Opened(step.Octets.Length > 0 ? step.Octets : [.. "220 mx.b.test\r\n"u8]);
                break;
            case 'u':
                host.Opened(null);
                break;
            case 'e':
                host.ClientEnds();
                break;
            case 'g':
                host.BackendEnds();
                break;
            case 't':
                host.TimesOut();
                break;
            case 's':
                host.Stops(atOnce: false);
                break;
            case 'k':
                host.Stops(atOnce: true);
                break;
        }
    }
}

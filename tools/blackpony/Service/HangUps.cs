using System.Runtime.InteropServices;

namespace BlackPony.Tools;

/// <summary>SIGHUP, which would end a process that does not yet listen to it: kept from the program's first moment until the service asks
/// for it.</summary>
internal static class HangUps
{
    private static readonly SemaphoreSlim Waiting = new(0);
    private static PosixSignalRegistration? _registration;

    /// <summary>Keeps them from now on, if the command is that of a service.</summary>
    public static void Keep(IReadOnlyList<string> args)
    {
        if (args is ["listen" or "relay", ..])
        {
            _registration ??= PosixSignalRegistration.Create(PosixSignal.SIGHUP, c =>
            {
                c.Cancel = true;
                Waiting.Release();
            });
        }
    }

    /// <summary>Done when the next one has come.</summary>
    public static Task NextAsync() => Waiting.WaitAsync();
}

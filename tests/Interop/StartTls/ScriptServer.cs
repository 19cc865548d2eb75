using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>A server that a script of <c>servers</c> starts with a folder and a port.</summary>
internal sealed class ScriptServer : MailServer
{
    private ScriptServer(string folder)
        : base(folder)
    {
    }

    /// <inheritdoc/>
    public override string Log => Output;

    /// <summary>Starts one; its certificate is in its folder.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="command">The program that runs the script, if it is not one by itself, and the script.</param>
    /// <param name="environment">Variables.</param>
    public static async Task<ScriptServer> StartAsync(string folder, string[] command,
        params IEnumerable<(string Name, string Value)> environment)
    {
        var server = new ScriptServer(folder);
        ServerInstall.Certify(folder, "mx.b.test");
        var script = Repository.At("tests", "Interop", "StartTls", "servers", command[^1]);
        string[] all = [.. command[..^1], script, folder, $"{server.Port}"];
        await server.StartAsync(all[0], all[1..], environment.ToDictionary(e => e.Name, e => e.Value));
        return server;
    }
}

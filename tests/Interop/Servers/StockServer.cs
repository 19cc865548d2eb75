namespace BlackPony.Tests.Interop.Servers;

/// <summary>A mail server as Debian's packages configure it for the domain b.test, but for its port (<c>stock.sh</c>).</summary>
internal sealed class StockServer : MailServer
{
    private StockServer(string folder)
        : base(folder)
    {
    }

    /// <inheritdoc/>
    public override string Log => Output;

    /// <summary>Starts one.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="name">sendmail, postfix, exim or opensmtpd.</param>
    /// <param name="settings">Lines of Postfix's main.cf that the administrator adds.</param>
    public static async Task<StockServer> StartAsync(string folder, string name, params string[] settings)
    {
        ServerInstall.Need(name is "sendmail" ? ["sendmail", "sendmail-base"] : [name]);
        var server = new StockServer(folder);
        var script = Repository.At("tests", "Interop", "Servers", "stock.sh");
        await server.StartAsync(script, [name, folder, $"{server.Port}", .. settings], new Dictionary<string,
            string> { ["LAB"] = ServerInstall.Folder("") });
        return server;
    }
}

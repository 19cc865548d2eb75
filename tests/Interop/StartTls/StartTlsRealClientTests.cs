namespace BlackPony.Tests.Interop.StartTls;

/// <summary>
/// <c>blackpony-conformance --protocol starttls</c> against real mail clients and libraries. What each is known to deviate in is listed in
/// <c>baselines/clients</c>; <c>BLACKPONY_WRITE=1</c> writes it again.
/// </summary>
public sealed class StartTlsRealClientTests
{
    [Theory]
    [InlineData("curl")]
    [InlineData("msmtp")]
    [InlineData("swaks")]
    [InlineData("net-smtp")]
    [InlineData("nullmailer")]
    [InlineData("s-nail")]
    [InlineData("smtplib")]
    [InlineData("twisted")]
    [InlineData("nodemailer")]
    [InlineData("mailkit")]
    [InlineData("system-net-mail")]
    public async Task A_client_deviates_in_what_is_known_and_in_nothing_else(string name)
    {
        using var client = await StartTlsClient.StartAsync(name);
        await StartTlsSuite.DeviatesAsKnownAsync(name, client.Version, Path.Combine("clients", $"{name}.txt"), client.Arguments);
    }
}

namespace BlackPony.Reference;

/// <summary>The table of spec 13, under its names. Lengths in octets; a line's length includes CRLF.</summary>
public static class Limits
{
    /// <summary>A line of a 220 or 334 reply to XBLACKPONY, and the XBLACKPONY line of an EHLO reply.</summary>
    public const int MaxReplyLine = 512;

    /// <summary>An XBLACKPONY command line and its continuation line.</summary>
    public const int MaxCommandLine = 4096;

    /// <summary>Any other command line that a relay reads.</summary>
    internal const int MaxOtherCommandLine = 12288;

    /// <summary>Any other line of a reply that a client or relay parses.</summary>
    internal const int MaxEhloLine = 2048;

    /// <summary>Lines of one reply that a client or relay parses.</summary>
    internal const int MaxEhloLines = 128;

    /// <summary>Lines of a 220 or 334 reply to XBLACKPONY.</summary>
    internal const int MaxShareLines = 16;

    /// <summary>Base64 characters in each <c>K=</c> line but the last.</summary>
    internal const int ShareFragment = 400;

    /// <summary>XBLACKPONY commands in one connection that come to row 11 of spec 4.4 and are not refused for their number.</summary>
    public const int MaxUpgradeAttempts = 8;

    /// <summary>XBLACKPONY commands that a client sends in one connection.</summary>
    public const int MaxClientAttempts = 2;

    /// <summary>Data in one record.</summary>
    internal const int MaxData = 16384;

    /// <summary>Data, type and padding of one record.</summary>
    internal const int MaxInner = 16385;

    /// <summary>Tag of an AEAD record.</summary>
    internal const int AeadTag = 16;

    /// <summary>Tag of a Blowfish record.</summary>
    internal const int HmacTag = 32;

    /// <summary>Multiple to which <em>inner</em> is padded.</summary>
    internal const int PadTo = 256;

    /// <summary>Records in a row that carry no data.</summary>
    internal const int MaxIdleRecords = 64;

    /// <summary>Records under one AEAD traffic secret.</summary>
    internal const long AeadRekeyRecords = 1 << 24;

    /// <summary>Blowfish blocks under one traffic secret.</summary>
    internal const long BlowfishRekeyBlocks = 1 << 20;

    /// <summary>An exporter's label.</summary>
    public const int MaxExporterLabel = 200;

    /// <summary>Keys in one ident record.</summary>
    public const int MaxIdents = 4;

    /// <summary>RSA modulus, in bits.</summary>
    internal const int RsaBits = 3072;

    /// <summary>Relay: sessions at one time.</summary>
    internal const int MaxSessions = 1000;

    /// <summary>Relay: sessions at one time from one IPv4 address or one IPv6 /64.</summary>
    internal const int MaxSessionsPerClient = 100;

    /// <summary>Relay: its address towards a loopback backend if nothing else is set.</summary>
    internal const string BackendSource = "127.0.0.2";

    /// <summary>Relay: octets of a client that wait for the backend before the relay stops reading.</summary>
    internal const int MaxHeld = 32768;

    /// <summary>Servers remembered.</summary>
    internal const int MaxMemoryEntries = 10000;

    /// <summary>IDENT keys in one entry of the memory.</summary>
    internal const int MaxMemoryKeys = 8;

    /// <summary>Client: mail exchangers of one domain that are looked up, and addresses that are tried.</summary>
    internal const int MaxExchangers = 50;

    /// <summary>Servers remembered of one owner: below one registered domain, or in one network.</summary>
    internal const int MaxMemoryPerOwner = 500;

    /// <summary>TCP port of the server.</summary>
    internal const int DefaultPort = 25;

    /// <summary>Life of an RSA key pair.</summary>
    internal static readonly TimeSpan RsaKeyLifetime = TimeSpan.FromHours(24);

    /// <summary>A client's TCP connect, for each address.</summary>
    internal static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Client: connecting to all addresses of one delivery.</summary>
    internal static readonly TimeSpan ReachTimeout = TimeSpan.FromSeconds(180);

    /// <summary>Client: all DNS lookups of one delivery.</summary>
    internal static readonly TimeSpan LookupTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Outbound relay: until a recipient for which no server is found is answered (RFC 5321 4.5.3.2.3 gives 300 s).</summary>
    internal static readonly TimeSpan RecipientTimeout = TimeSpan.FromSeconds(290);

    /// <summary>Outbound relay: until TLS stands.</summary>
    internal static readonly TimeSpan TlsTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Client: until the 220 greeting (RFC 5321 4.5.3.2.1).</summary>
    internal static readonly TimeSpan GreetingTimeout = TimeSpan.FromSeconds(300);

    /// <summary>
    /// Client: until the reply to XBLACKPONY, to the continuation or to "*", and until the server's Finished, each. A mail server waits
    /// 300 s for the reply to its EHLO (RFC 5321 4.5.3.2), which must be time enough to fall back.
    /// </summary>
    internal static readonly TimeSpan UpgradeTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Client: until the reply to EHLO.</summary>
    public static readonly TimeSpan ReplyTimeout = TimeSpan.FromSeconds(300);

    /// <summary>Server: until the continuation line.</summary>
    public static readonly TimeSpan ContinuationTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Server: until the client's Finished.</summary>
    public static readonly TimeSpan FinishedTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Server: until the next command, or the next octets of a payload (RFC 5321 4.5.3.2.7).</summary>
    public static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(300);

    /// <summary>
    /// Outbound relay, and relay whose client has gone: until the next server's or the backend's reply (RFC 5321 4.5.3.2.6);
    /// relay that is a plain pipe: until either side says something.
    /// </summary>
    internal static readonly TimeSpan NextServerTimeout = TimeSpan.FromSeconds(600);

    /// <summary>Until the peer's close.</summary>
    public static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Until the end of the peer's direction of a connection that was closed.</summary>
    internal static readonly TimeSpan LingerTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Relay: sessions in flight after it was told to stop.</summary>
    internal static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Relay: how long a session is between messages before it makes room for another one, where all places are taken.</summary>
    internal static readonly TimeSpan CrowdedTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Relay: until the header of the PROXY protocol of a load balancer in front.</summary>
    internal static readonly TimeSpan ProxyHeaderTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Relay: until a backend that refuses to relay is asked again.</summary>
    internal static readonly TimeSpan ProbeInterval = TimeSpan.FromHours(1);

    /// <summary>Relay: until a backend is asked again that did not refuse to relay; twice as long after each further time.</summary>
    internal static readonly TimeSpan ProbeFirstRetry = TimeSpan.FromSeconds(1);

    /// <summary>Relay: the longest time until such a backend is asked again.</summary>
    internal static readonly TimeSpan ProbeLastRetry = TimeSpan.FromSeconds(60);

    /// <summary>How long an IDENT key counts at least after it was shown.</summary>
    internal static readonly TimeSpan MinKeyTime = TimeSpan.FromHours(1);

    /// <summary>Memory of a server after its last good session.</summary>
    internal static readonly TimeSpan MemoryLifetime = TimeSpan.FromDays(30);

    /// <summary>How long a remembered server may fail to show itself before it is forgotten.</summary>
    internal static readonly TimeSpan MemoryPatience = TimeSpan.FromHours(72);
}

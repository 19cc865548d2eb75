using System.Net;
using BlackPony.Hosting.Resolver;
using BlackPony.Reference;
using BlackPony.Smtp.Outbound;

namespace BlackPony.Hosting;

/// <summary>Where mail for a host or domain goes (RFC 5321 5.1, [BP-10.4-11]).</summary>
public sealed class MailRouter
{
    private const int MaxParallel = 8;

    private readonly StubResolver _dns;
    private readonly IRandomSource _random;
    private readonly TimeProvider _time;
    private readonly UnreachableAddresses _unreachable;

    /// <summary>Makes a router.</summary>
    /// <param name="nameServer">A DNS server to ask instead of the system's.</param>
    /// <param name="random">What shuffles exchangers of equal preference; the system's by default.</param>
    /// <param name="time">The clock of the time-outs; the system's by default.</param>
    public MailRouter(IPEndPoint? nameServer = null, IRandomSource? random = null, TimeProvider? time = null)
    {
        _random = random ?? new SystemRandom();
        _time = time ?? TimeProvider.System;
        _unreachable = new UnreachableAddresses(_time);
        _dns = new StubResolver(() => nameServer is null ? ResolverSettings.Read() : new ResolverSettings([nameServer]), _time);
    }

    /// <summary>Resolves a domain to its mail exchangers' addresses, or <c>[host]</c> to that host's, without MX lookup.</summary>
    /// <param name="route">The domain, host or address, and the port.</param>
    /// <param name="warn">Is given what an administrator should know: exchangers that cannot be used.</param>
    /// <param name="cancel">Ends the lookup.</param>
    /// <returns>At least one target, in the order in which to try them.</returns>
    /// <exception cref="IOException">DNS fails temporarily ([BP-10.4-12]).</exception>
    /// <exception cref="NoMailDomainException">No mail can ever go there.</exception>
    public async Task<IReadOnlyList<MailTarget>> ResolveAsync(Route route, Action<string>? warn, CancellationToken cancel)
    {
        var targets = await InTimeAsync(route, t => TargetsAsync(route, warn ?? (_ => { }), t), cancel).ConfigureAwait(false);
        return _unreachable.InOrder([.. targets.DistinctBy(t => t.Address).Take(Limits.MaxExchangers)]);
    }

    /// <summary>Resolves a domain to its mail exchangers, by preference, and their addresses, also this machine's: for a caller that sends
    /// no mail there. There are no more of either than a mailer tries.</summary>
    /// <param name="route">The domain, host or address, and the port.</param>
    /// <param name="cancel">Ends the lookup.</param>
    /// <returns>At least one exchanger.</returns>
    /// <exception cref="IOException">DNS fails temporarily.</exception>
    /// <exception cref="NoMailDomainException">No mail can ever go there.</exception>
    public async Task<MailSurvey> SurveyAsync(Route route, CancellationToken cancel) =>
        MailSurvey.Of(await InTimeAsync(route, t => AllExchangersAsync(route, t), cancel).ConfigureAwait(false));

    /// <summary>Notes whether a target was reached: one that was not is tried after all others for a while.</summary>
    public void Reached(MailTarget target, bool isReached) => _unreachable.Note(target, isReached);

    private async Task<T> InTimeAsync<T>(Route route, Func<CancellationToken, Task<T>> find, CancellationToken cancel)
    {
        // [BP-10.4-19]
        using var patience = new LinkedTimeout(Limits.LookupTimeout, _time, cancel);
        try
        {
            return await find(patience.Token).ConfigureAwait(false);
        }
        catch (NoMailDomainException e) when (route.IsConfigured)
        {
            // The administrator will mend it; no mail is to be returned for it.
            throw new IOException($"The route to {route.Host} cannot be used: {e.Reply.Split(' ', 3)[2]}.", e);
        }
        catch (Exception e) when (e is not (IOException or NoMailDomainException) && !cancel.IsCancellationRequested)
        {
            // Whatever it was, the mail can wait ([BP-10.4-12]).
            throw new IOException($"{route.Host} could not be looked up.", e);
        }
    }

    private async Task<(IReadOnlyList<MailExchanger> Exchangers, int More)> AllExchangersAsync(Route route, CancellationToken cancel)
    {
        if (MailHost.Parse(route.Host) is not { Address: null, IsBracketed: false, Name: var domain })
        {
            var targets = await TargetsAsync(route with { IsConfigured = true }, _ => { }, cancel).ConfigureAwait(false);
            return ([new MailExchanger(targets[0].Name, targets, null)], 0);
        }

        var invalid = new List<MailExchanger>();
        var (_, exchangers) = await ExchangersAsync(domain, route.IsConfigured, Ignore, cancel).ConfigureAwait(false);
        string[] all = exchangers.Count == 0 ? [domain] : [.. exchangers.Select(e => e.Name).Distinct()];
        string[] names = [.. all.Take(Limits.MaxExchangers)];
        var addresses = await AllAddressesAsync(names, inHostsFile: false, _ => { }, cancel).ConfigureAwait(false);
        return ([.. names.Select(Exchanger), .. invalid], all.Length - names.Length);

        void Ignore(IReadOnlyList<string> ignored) =>
            invalid.AddRange(ignored.Select(n => new MailExchanger(n, [], "It is not a host name.")));

        MailExchanger Exchanger(string name)
        {
            var (found, isTemporary) = addresses[name];
            return new MailExchanger(name, [.. found.Distinct().Select(a => new MailTarget(name, a, route.Port) { Domain = domain })],
                isTemporary ? "DNS does not answer for all its addresses." : found.Count == 0 ? "It has no address." : null);
        }
    }

    private async Task<IReadOnlyList<MailTarget>> TargetsAsync(Route route, Action<string> warn, CancellationToken cancel)
    {
        var host = MailHost.Parse(route.Host) ?? throw new NoMailDomainException(route.Host, "550 5.1.2 Invalid domain or host");
        if (host.Address is { } address)
            return Checked(route, [new MailTarget(host.Name, address, route.Port)]);

        if (host.IsBracketed)
        {
            var (found, isTemporary) = await AddressesAsync(host.Name, inHostsFile: true, warn, cancel).ConfigureAwait(false);
            // Only configuration names a host in this way.
            return found.Count > 0
                ? Checked(route, [.. found.Select(a => new MailTarget(host.Name, a, route.Port))])
                : throw new IOException(isTemporary ? $"DNS does not answer for {host.Name}." : $"The host {host.Name} has no address.");
        }

        var (exists, exchangers) = await ExchangersAsync(host.Name, route.IsConfigured,
            n => warn($"{host.Name} has a mail exchanger that is not a host name, which is ignored: {n[0]}"), cancel).ConfigureAwait(false);
        bool isImplicit = exchangers.Count == 0;
        var groups = isImplicit ? [[host.Name]] : exchangers.Take(Limits.MaxExchangers).GroupBy(e => e.Preference, e => e.Name)
            .Select(g => g.ToArray()).ToList();
        var addresses = await AllAddressesAsync([.. groups.SelectMany(g => g)], isImplicit && route.IsConfigured, warn,
            cancel).ConfigureAwait(false);
        return InOrder(route, host.Name, groups, addresses, exists);
    }

    // RFC 5321 5.1: by preference, equals in random order ([BP-10.4-20]), and no further than this machine ([BP-10.4-16]).
    private List<MailTarget> InOrder(
        Route route, string domain, List<string[]> groups, Dictionary<string,
            (IReadOnlyList<IPAddress> Found, bool IsTemporary)> addresses, bool exists)
    {
        var targets = new List<MailTarget>();
        bool isTemporary = false;
        foreach (var group in groups)
        {
            Shuffle(group);
            if (Array.Exists(group, n => addresses[n].Found.Any(a => OwnAddress.Is(a, route.Port))))
            {
                return targets.Count > 0 ? targets
                    : throw Missing(domain, isTemporary, "554 5.4.6 The mail would loop back to this machine");
            }

            targets.AddRange(group.SelectMany(n => addresses[n].Found.Select(a => new MailTarget(n, a, route.Port) { Domain = domain })));
            isTemporary |= Array.Exists(group, n => addresses[n].IsTemporary);
        }

        return targets.Count > 0 ? targets
            : throw Missing(domain, isTemporary, exists ? "550 5.4.4 The domain has no mail server with an address"
                : "550 5.1.2 The domain does not exist");
    }

    // What the administrator set himself may be on this machine; what a mail address says may not ([BP-10.4-16]).
    private static IReadOnlyList<MailTarget> Checked(Route route, IReadOnlyList<MailTarget> targets) =>
        !route.IsConfigured && targets.Any(t => OwnAddress.Is(t.Address, t.Port))
            ? throw new NoMailDomainException(route.Host, "554 5.4.6 The mail would loop back to this machine")
            : targets;

    private static Exception Missing(string domain, bool isTemporary, string reply) =>
        isTemporary ? new IOException($"DNS does not answer for the mail servers of {domain}.") : new NoMailDomainException(domain, reply);

    private void Shuffle(string[] names)
    {
        var octets = new byte[4];
        for (int left = names.Length; left > 1; left--)
        {
            _random.Fill(octets);
            int other = (int)(BitConverter.ToUInt32(octets) % (uint)left);
            (names[left - 1], names[other]) = (names[other], names[left - 1]);
        }
    }

    private async Task<(bool Exists, IReadOnlyList<(int Preference, string Name)> Exchangers)> ExchangersAsync(
        string domain, bool isConfigured, Action<IReadOnlyList<string>> ignore, CancellationToken cancel)
    {
        var answer = await _dns.AskAsync(domain, DnsType.Mx, cancel).ConfigureAwait(false);
        switch (answer)
        {
            case { Outcome: DnsOutcome.Failed }:
                throw new IOException($"DNS does not answer for {domain}.");
            case { Outcome: DnsOutcome.NoSuchName }:
                return isConfigured ? (false, []) : throw new NoMailDomainException(domain, "550 5.1.2 The domain does not exist");
            case { Records: [{ Name: "" }] }:
                throw new NoMailDomainException(domain, "556 5.1.10 The domain accepts no mail");
        }

        // [BP-10.4-18]
        var known = answer.Records.Where(r => IsHost(r.Name)).Select(r => (r.Preference, r.Name)).Distinct()
            .OrderBy(e => e.Preference).ToList();
        if (answer.Records.Select(r => r.Name).Where(n => !IsHost(n)).Distinct().Take(Limits.MaxExchangers).ToList() is [_, ..] ignored)
            ignore(ignored);

        return answer.Records.Count > 0 && known.Count == 0
            ? throw new NoMailDomainException(domain, "550 5.4.4 No mail exchanger of the domain has a valid name")
            : (true, known);

        static bool IsHost(string name) => HostName.IsValid(name);
    }

    private async Task<Dictionary<string, (IReadOnlyList<IPAddress> Found, bool IsTemporary)>> AllAddressesAsync(
        IReadOnlyCollection<string> names, bool inHostsFile, Action<string> warn, CancellationToken cancel)
    {
        using var places = new SemaphoreSlim(MaxParallel);
        var found = await Task.WhenAll(names.Distinct().Select(FindAsync)).ConfigureAwait(false);
        return found.ToDictionary(f => f.Name, f => f.Addresses);

        async Task<(string Name, (IReadOnlyList<IPAddress>, bool) Addresses)> FindAsync(string name)
        {
            try
            {
                await places.WaitAsync(cancel).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // No time is left for it: the others may do.
                return (name, ([], true));
            }

            try
            {
                return (name, await AddressesAsync(name, inHostsFile, warn, cancel).ConfigureAwait(false));
            }
            finally
            {
                places.Release();
            }
        }
    }

    private async Task<(IReadOnlyList<IPAddress> Found, bool IsTemporary)> AddressesAsync(string host, bool inHostsFile,
        Action<string> warn, CancellationToken cancel)
    {
        if (inHostsFile && HostsFile.Find(host) is { Count: > 0 } local)
            return (local, false);

        // Each name is absolute, and no file but DNS decides ([BP-10.4-17]).
        var answers = await Task.WhenAll(_dns.AskAsync(host, DnsType.Aaaa, cancel),
            _dns.AskAsync(host, DnsType.A, cancel)).ConfigureAwait(false);
        var found = AddressOrder.Sort(answers.SelectMany(a => a.Records).Select(r => AddressOrder.Plain(r.Address!)));
        bool isTemporary = answers.Any(a => a.Outcome == DnsOutcome.Failed);
        if (found.Count == 0)
            warn(isTemporary ? $"DNS does not answer for the mail server {host}" : $"the mail server {host} has no address");

        return (found, isTemporary);
    }
}

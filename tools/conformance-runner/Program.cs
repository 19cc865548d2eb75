using System.CommandLine;
using BlackPony.Tools;
using BlackPony.Tools.ConformanceRunner;

// These commands only read files, so a signal may end them at once. Kept to the end: a late one does not change the exit code.
var interruption = args is ["badge" or "completion" or "man", ..] ? null : new Interruption();
const string Examples = """
      blackpony-conformance                                          the embedded reference, both roles
      blackpony-conformance --server 127.0.0.1:2525                  a server
      blackpony-conformance --server 127.0.0.1:2525 --backend 10025  a relay; the suite plays its backend
      blackpony-conformance --server 127.0.0.1:2525 --mailbox 'cat mail/new/*'   a mail server; the suite looks at what it has accepted
      blackpony-conformance --client 'myclient {host} {port}'        a client that reads the message from standard input
      blackpony-conformance --mailer 'mymailer --policy {policy} --memory {memory} {host} {port}'
      blackpony-conformance --select 'S-4.2-*' --select BP-7.4-5     some cases
      blackpony-conformance --server 127.0.0.1:2525 --last-failed    what failed before, again
      blackpony-conformance --server 127.0.0.1:2525 --save DIR       for Wireshark: captures and key logs of what fails
      blackpony-conformance --list --profile core                    the cases of a profile
      blackpony-conformance --format junit --output results.xml --format html --output report.html
      blackpony-conformance --protocol starttls --server mail.example:25 --local me@mail.example   a mail server's STARTTLS
      blackpony-conformance --protocol starttls --client 'mysend --tls {policy} --ca {cafile} {host} {port}'   a mail client's STARTTLS
      blackpony-conformance badge results.json > badge.svg
      blackpony-conformance --server HOST:PORT --expected-failures known.txt --write-baseline   then, in CI, without --write-baseline
    Exit codes: 0 all passed, 1 some failed, 2 usage, nothing tested, or trouble of its own, 3 target unreachable.
    A target that is silent, not ready (421) or not a mail server is unreachable. A signal ends the run with a report of what was run,
        and 130.
    """;
var options = new RunnerOptions();
options.Root.Add(Badge.Create());
options.Root.SetAction((parse, _) => new Runner(options, parse, interruption?.Token ?? default).RunAsync());
return await CommandLine.RunAsync(options.Root, Examples, args, how: new InvocationConfiguration { ProcessTerminationTimeout = null });

using BlackPony.Tools;
using BlackPony.Tools.ConformanceRunner;

const string Examples = """
      blackpony-conformance                                          the embedded reference, both roles
      blackpony-conformance --server 127.0.0.1:2525                  a server
      blackpony-conformance --server 127.0.0.1:2525 --backend 10025  a relay; the suite plays its backend
      blackpony-conformance --server 127.0.0.1:2525 --mailbox 'cat mail/new/*'   a mail server; the suite looks at what it has accepted
      blackpony-conformance --client 'myclient {host} {port}'        a client that reads the message from standard input
      blackpony-conformance --mailer 'mymailer --policy {policy} --memory {memory} {host} {port}'
      blackpony-conformance --select 'S-4.2-*' --select BP-7.4-5     some cases
      blackpony-conformance --list --profile core                    the cases of a profile
      blackpony-conformance --format junit --output results.xml --format html --output report.html
      blackpony-conformance --server HOST:PORT --expected-failures known.txt --write-baseline   then, in CI, without --write-baseline
    Exit codes: 0 all passed, 1 some failed, 2 usage or trouble of its own, 3 target unreachable.
    """;
var options = new RunnerOptions();
options.Root.SetAction((parse, _) => new Runner(options, parse).RunAsync());
return await CommandLine.RunAsync(options.Root, Examples, args);

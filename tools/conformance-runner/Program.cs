using BlackPony.Tools;
using BlackPony.Tools.ConformanceRunner;

const string Examples = """
      blackpony-conformance                                          the embedded reference, both roles
      blackpony-conformance --server 127.0.0.1:2525                  another port's server
      blackpony-conformance --server 127.0.0.1:2525 --backend 10025  another port's relay; the suite plays the mail server behind it
      blackpony-conformance --client 'myclient {host} {port}'        another port's client, the message on its standard input
      blackpony-conformance --mailer 'mymailer --policy {policy} --memory {memory} {host} {port}'
      blackpony-conformance --select 'S-4.2-*' --select BP-7.4-5     some cases
      blackpony-conformance --list --profile core                    what there is
      blackpony-conformance --format junit --output results.xml --format html --output report.html
      blackpony-conformance --server HOST:PORT --expected-failures known.txt --write-baseline   then, in CI, without --write-baseline
    Exit codes: 0 all passed, 1 some failed, 2 usage, 3 target unreachable.
    """;
var options = new RunnerOptions();
options.Root.SetAction((parse, _) => new Runner(options, parse).RunAsync());
return await CommandLine.RunAsync(options.Root, Examples, args);

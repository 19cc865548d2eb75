#!/usr/bin/perl
# net-smtp.pl HOST PORT POLICY CAFILE FROM TO USER PASSWORD MESSAGE COUNT: Perl's Net::SMTP sends the message of the standard input, COUNT times.
use strict;
use warnings;
use IO::Socket::SSL;
use Net::SMTP;

my ($host, $port, $policy, $cafile, $from, $to, $user, $password, $file, $count) = @ARGV;
my $smtp = Net::SMTP->new($host, Port => $port, Hello => 'client.test', Timeout => 10) or die "no session: $@";
if ($policy ne 'opportunistic' || defined $smtp->supports('STARTTLS')) {
    $smtp->starttls(
        SSL_ca_file => $cafile,
        SSL_verify_mode => $policy eq 'verify' ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
    ) or die 'no TLS: ' . $smtp->message;
}
if (defined $smtp->supports('AUTH')) {
    $smtp->auth($user, $password) or die 'no AUTH: ' . $smtp->message;
}
my @message = map { s/\r\n$/\n/r } <STDIN>;
for (1 .. $count) {
    $smtp->mail($from) && $smtp->to($to) && $smtp->data(@message) or die 'not delivered: ' . $smtp->message;
}
$smtp->quit;

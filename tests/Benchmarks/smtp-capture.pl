#!/usr/bin/perl
# Writes a pcap file of ordinary SMTP to standard output: smtp-capture.pl MEGABYTES
# 64 sessions at a time, messages from 2 kB to 1 MB as mail servers see them, an acknowledgement for every second segment.
use strict;
use warnings;

my $limit = ($ARGV[0] // 1000) * 1_000_000;
my ($mss, $written, $number, $clock) = (1448, 24, 0, 0);
srand 25;
binmode STDOUT;
my $line = join '', map { chr(65 + $_ % 26) . ($_ % 9 ? 'abcdefg' : ' hijklm ') } 0 .. 8;
my $text = "$line\r\n" x 16_000;
print pack 'VvvVVVV', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1;

sub packet {
    my ($s, $client, $flags, $data) = @_;
    my ($from, $to) = $client ? ('c', 's') : ('s', 'c');
    my $tcp = pack 'nnNNnnnn', $s->{"${from}p"}, $s->{"${to}p"}, $s->{$from} & 0xffffffff, $flags & 16 ? $s->{$to} & 0xffffffff : 0, 0x8000 | $flags, 501, 0, 0;
    $tcp .= pack 'nnNN', 0x0101, 0x080a, $clock, $clock;
    my $length = 20 + length($tcp) + length $data;
    my $ip = pack 'CCnnnCCna4a4', 0x45, 0, $length, $number & 0xffff, 0x4000, 64, 6, 0, $s->{"${from}a"}, $s->{"${to}a"};
    $clock += 20;
    my $record = pack('VVVV', 1_790_000_000 + int($clock / 1e6), $clock % 1e6, 14 + $length, 14 + $length) . "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" . $ip . $tcp . $data;
    $written += length $record;
    $s->{$from} += length($data) + ($flags & 3 ? 1 : 0);
    print $record;
}

sub session {
    my $n = $number++;
    my $s = { c => int rand 2**32, s => int rand 2**32, cp => 20000 + $n % 40000, sp => 25, ca => pack('CCCC', 10, ($n >> 16) & 255, ($n >> 8) & 255, $n & 255), sa => pack('CCCC', 192, 0, 2, 1 + $n % 3) };
    my @steps = ([1, 2, ''], [0, 18, ''], [1, 16, '']);
    my $say = sub { push @steps, [$_[0], 24, $_[1]] };
    $say->(0, "220 mx$n.example.org ESMTP Postfix\r\n");
    $say->(1, "EHLO mail$n.example.net\r\n");
    $say->(0, "250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250 CHUNKING\r\n");
    for my $m (0 .. int rand 3) {
        $say->(1, "MAIL FROM:<sender$m\@example.net> SIZE=40000\r\n");
        $say->(0, "250 2.1.0 Ok\r\n");
        for my $r (0 .. int rand 2) { $say->(1, "RCPT TO:<user$r\@example.org>\r\n"); $say->(0, "250 2.1.5 Ok\r\n"); }
        $say->(1, "DATA\r\n");
        $say->(0, "354 End data with <CR><LF>.<CR><LF>\r\n");
        my $size = (2000, 4000, 6000, 9000, 15000, 30000, 60000, 80000, 150000, 900000)[rand 10];
        my $message = "Received: from mail$n.example.net by mx.example.org with ESMTP; Tue, 24 Nov 2026 08:00:00 +0000\r\nFrom: Sender <sender$m\@example.net>\r\nTo: User <user0\@example.org>\r\nSubject: message $m of session $n\r\nDate: Tue, 24 Nov 2026 08:00:00 +0000\r\nMessage-ID: <$n.$m\@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" . substr($text, 0, $size - $size % (2 + length $line)) . ".\r\n";
        my $segments = 0;
        for (my $at = 0; $at < length $message; $at += $mss) {
            push @steps, [1, 24, substr $message, $at, $mss];
            push @steps, [0, 16, ''] if ++$segments % 2 == 0;
        }
        $say->(0, "250 2.0.0 Ok: queued as 4Z$n\r\n");
    }
    $say->(1, "QUIT\r\n");
    $say->(0, "221 2.0.0 Bye\r\n");
    push @steps, [1, 17, ''], [0, 17, ''], [1, 16, ''];
    return { s => $s, steps => \@steps, at => 0 };
}

my @open = map { session() } 1 .. 64;
while (@open) {
    for (my $i = 0; $i < @open; $i++) {
        my $o = $open[$i];
        for (1 .. 4) {
            my $step = $o->{steps}[$o->{at}++] or last;
            packet($o->{s}, @$step);
        }
        if ($o->{at} >= @{ $o->{steps} }) {
            if ($written < $limit) { $open[$i] = session() } else { splice @open, $i--, 1 }
        }
    }
}

#!/usr/bin/env python3
"""A mail client for the tests of the runner: tls or plain, host, port. It requires TLS, and reads one line of the reply to STARTTLS."""
import socket
import ssl
import sys


def reply(stream):
    while True:
        line = stream.readline()
        if line[3:4] != b"-":
            return line[:1]


def command(stream, text):
    stream.write(text.encode() + b"\r\n")
    stream.flush()
    return reply(stream)


with_tls, host, port = sys.argv[1] == "tls", sys.argv[2], int(sys.argv[3])
connection = socket.create_connection((host, port))
stream = connection.makefile("rwb")
reply(stream)
command(stream, "EHLO client.test")
if with_tls:
    stream.write(b"STARTTLS\r\n")
    stream.flush()
    if stream.readline()[:4] not in (b"220 ", b"220\r"):
        sys.exit(1)
    context = ssl._create_unverified_context()
    connection = context.wrap_socket(connection)
    stream = connection.makefile("rwb")
    command(stream, "EHLO client.test")
for line, code in (("MAIL FROM:<from@client.test>", b"2"), ("RCPT TO:<to@sink.test>", b"2"), ("DATA", b"3")):
    if command(stream, line) != code:
        sys.exit(1)
message = sys.stdin.buffer.read().replace(b"\n.", b"\n..")
stream.write(message + b".\r\n")
stream.flush()
if reply(stream) != b"2":
    sys.exit(1)
command(stream, "QUIT")
if with_tls:
    connection.unwrap()

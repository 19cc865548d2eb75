#!/usr/bin/python3
"""upstream.py FOLDER: what a proxy needs behind it. A mail server without TLS, whose port stands in FOLDER/smtp, that keeps mail for b.test
in FOLDER/box, and takes other mail from a user; and nginx's auth_http, whose port stands in FOLDER/http."""
import base64, http.server, itertools, os, socketserver, sys, threading

folder = sys.argv[1]
numbers = itertools.count()


class Smtp(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        name, user, sender, recipients = "nobody", False, False, []
        self.say("220 upstream.test ESMTP")
        while line := self.rfile.readline():
            text = line.decode("latin1").rstrip("\r\n")
            verb = text.split(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                name, sender, recipients = text[5:], False, []
                self.say("250-upstream.test\r\n250-8BITMIME\r\n250-AUTH PLAIN\r\n250-XCLIENT ADDR LOGIN HELO NAME PROTO\r\n250 SIZE 10000000"
                         if verb == "EHLO" else "250 upstream.test")
            elif verb == "AUTH":
                user = text.split(" ")[-1] == base64.b64encode(b"\0me\0secret").decode()
                self.say("235 2.7.0 Ok" if user else "535 5.7.8 No")
            elif verb == "XCLIENT":
                user = user or "LOGIN=me" in text
                self.say("220 upstream.test ESMTP")
            elif verb == "MAIL":
                sender = True
                self.say("250 2.1.0 Ok")
            elif verb == "RCPT":
                good = sender and (user or ">" in text and text.lower().split(">")[0].endswith("@b.test"))
                if good:
                    recipients.append(text)
                self.say("250 2.1.5 Ok" if good else "550 5.7.1 Relaying denied" if sender else "503 5.5.1 MAIL first")
            elif verb == "DATA":
                if not recipients:
                    self.say("503 5.5.1 RCPT first")
                    continue
                self.say("354 Go ahead")
                data = b"Received: from %s\r\n" % name.encode("latin1")
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    data += line
                if not line:
                    return
                for _ in recipients:
                    file = f"{folder}/box/{next(numbers)}"
                    open(file, "wb").write(data)
                    os.rename(file, file + ".eml")
                sender, recipients = False, []
                self.say("250 2.0.0 Kept")
            elif verb == "RSET":
                sender, recipients = False, []
                self.say("250 2.0.0 Ok")
            elif verb == "NOOP":
                self.say("250 2.0.0 Ok")
            elif verb == "VRFY":
                self.say("252 2.0.0 Try it")
            elif verb == "QUIT":
                self.say("221 2.0.0 Bye")
                return
            else:
                self.say("500 5.5.1 Unknown")


class Auth(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asks = self.headers
        good = asks["Auth-Method"] == "none" or (asks["Auth-User"], asks["Auth-Pass"]) == ("me", "secret")
        self.send_response(200)
        self.send_header("Auth-Status", "OK" if good else "Invalid login or password")
        if good:
            self.send_header("Auth-Server", "127.0.0.1")
            self.send_header("Auth-Port", str(smtp.server_address[1]))
        else:
            self.send_header("Auth-Error-Code", "535 5.7.8")
        self.end_headers()

    def log_message(self, *words):
        pass


socketserver.ThreadingTCPServer.daemon_threads = True
socketserver.ThreadingTCPServer.request_queue_size = 128
smtp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Auth)
threading.Thread(target=smtp.serve_forever, daemon=True).start()
for name, server in (("smtp", smtp), ("http", web)):
    with open(f"{folder}/{name}.new", "w") as file:
        file.write(str(server.server_address[1]))
    os.rename(f"{folder}/{name}.new", f"{folder}/{name}")
web.serve_forever()

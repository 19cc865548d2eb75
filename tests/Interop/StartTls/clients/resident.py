"""A client that ask.sh asks; its port goes to the standard output."""
import socketserver


def serve(deliver):
    """Serves with deliver(host, port, policy, cafile, sender, recipient, user, password, *messages), which raises unless it delivers."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            *arguments, file, count = self.rfile.readline().decode().rstrip("\n").split("\t")
            try:
                with open(file, "rb") as message:
                    deliver(*arguments, *[message.read()] * int(count))
                answer = "0 delivered"
            except Exception as error:
                answer = f"1 {error!r}".replace("\n", " ")
            self.wfile.write(answer.encode() + b"\n")

    socketserver.ThreadingTCPServer.daemon_threads = True
    socketserver.ThreadingTCPServer.request_queue_size = 128
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()

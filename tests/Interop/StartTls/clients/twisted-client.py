"""twisted-client.py: sends with Twisted's ESMTPSender."""
import io, threading
from twisted.internet import defer, reactor, ssl
from twisted.internet.threads import blockingCallFromThread
from twisted.mail import smtp
from resident import serve


def send(host, port, policy, cafile, sender, recipient, user, password, message):
    if policy == "verify":
        with open(cafile) as file:
            context = ssl.optionsForClientTLS(host, trustRoot=ssl.Certificate.loadPEM(file.read()))
    else:
        context = ssl.ClientContextFactory()
        context.method = ssl.SSL.TLS_METHOD
    done = defer.Deferred()
    connector = reactor.connectTCP(host, int(port), smtp.ESMTPSenderFactory(
        user.encode(), password.encode(), sender.encode(), recipient.encode(), io.BytesIO(message.replace(b"\r\n", b"\n")), done, retries=0,
        timeout=10, contextFactory=context, requireAuthentication=False, requireTransportSecurity=policy != "opportunistic", hostname=host))

    def end(result):
        # After injected replies it would send RSET for ever.
        reactor.callLater(1, lambda: connector.transport and connector.transport.abortConnection())
        return result

    return done.addBoth(end)


threading.Thread(target=serve, args=(lambda *arguments: blockingCallFromThread(reactor, send, *arguments),), daemon=True).start()
reactor.run()

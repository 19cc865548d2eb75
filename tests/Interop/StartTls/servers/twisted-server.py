#!/usr/bin/python3
"""twisted-server.py FOLDER PORT: Twisted's ESMTP with STARTTLS and one user, for b.test; mail goes to FOLDER/box."""
import itertools, os, sys
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import defer, reactor, ssl
from twisted.mail import smtp
from twisted.mail.imap4 import LOGINCredentials, PLAINCredentials
from zope.interface import implementer

folder, port = sys.argv[1], int(sys.argv[2])
numbers = itertools.count()


@implementer(smtp.IMessage)
class Letter:
    def __init__(self):
        self.lines = []

    def lineReceived(self, line):
        self.lines.append(line)

    def eomReceived(self):
        name = f"{folder}/box/{next(numbers)}"
        with open(name, "wb") as file:
            file.write(b"\r\n".join(self.lines) + b"\r\n")
        os.rename(name, name + ".eml")
        return defer.succeed(None)

    def connectionLost(self):
        self.lines = []


@implementer(smtp.IMessageDelivery)
class Delivery:
    def __init__(self, relays):
        self.relays = relays

    def validateFrom(self, helo, origin):
        return origin

    def validateTo(self, user):
        if not self.relays and user.dest.domain.lower() != b"b.test":
            raise smtp.SMTPBadRcpt(user)
        return Letter

    def receivedHeader(self, helo, origin, recipients):
        return b"Received: from " + helo[0] + b" by mx.b.test"


@implementer(IRealm)
class Realm:
    def requestAvatar(self, avatar, mind, *interfaces):
        return smtp.IMessageDelivery, Delivery(True), lambda: None


class Factory(smtp.SMTPFactory):
    context = ssl.DefaultOpenSSLContextFactory(f"{folder}/key.pem", f"{folder}/cert.pem", ssl.SSL.TLS_METHOD)

    def buildProtocol(self, address):
        protocol = smtp.ESMTP({b"PLAIN": PLAINCredentials, b"LOGIN": LOGINCredentials}, self.context)
        protocol.factory, protocol.host, protocol.portal, protocol.delivery = self, "mx.b.test", self.portal, Delivery(False)
        return protocol


reactor.listenTCP(port, Factory(Portal(Realm(), [InMemoryUsernamePasswordDatabaseDontUse(me=b"secret")])), interface="127.0.0.1")
reactor.run()

"""smtplib-client.py: sends with Python's smtplib."""
import smtplib, ssl
from resident import serve


def deliver(host, port, policy, cafile, sender, recipient, user, password, *messages):
    context = ssl.create_default_context(cafile=cafile) if policy == "verify" else ssl._create_unverified_context()
    with smtplib.SMTP(host, int(port), local_hostname="client.test", timeout=10) as client:
        client.ehlo_or_helo_if_needed()
        if policy != "opportunistic" or client.has_extn("starttls"):
            client.starttls(context=context)
            client.ehlo_or_helo_if_needed()
        if client.has_extn("auth"):
            client.login(user, password)
        for message in messages:
            client.sendmail(sender, [recipient], message)


serve(deliver)

"""aiosmtplib-client.py: sends with aiosmtplib."""
import asyncio, ssl
import aiosmtplib
from resident import serve


async def send(host, port, policy, cafile, sender, recipient, user, password, *messages):
    context = ssl.create_default_context(cafile=cafile) if policy == "verify" else ssl._create_unverified_context()
    # start_tls=None: where it is offered.
    client = aiosmtplib.SMTP(hostname=host, port=int(port), local_hostname="client.test", timeout=10, tls_context=context,
                             start_tls=None if policy == "opportunistic" else True)
    try:
        async with client:
            if client.is_ehlo_or_helo_needed:
                try:
                    await client.ehlo()
                except aiosmtplib.SMTPHeloError:
                    await client.helo()
            if client.supports_extension("auth"):
                await client.login(user, password)
            for message in messages:
                await client.sendmail(sender, [recipient], message)
    finally:
        # A connection without STARTTLS it leaves open; here the process goes on.
        client.close()


serve(lambda *arguments: asyncio.run(send(*arguments)))

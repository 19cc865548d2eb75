"""BlackPony, opportunistic encryption of SMTP, for aiosmtpd (blackpony.aiosmtpd) and smtplib (blackpony.smtplib).

The modules keys, records, channel, suites, negotiation and session do no I/O: octets in, octets out.
Identifiers in brackets, as [BP-6.3-1], are requirements of spec/blackpony.md.
"""

"""postfix-client.py FOLDER PORT: the Postfix in the folder, which listens on the port, delivers a message. Its routes: StartTlsClient.cs."""
import os, shutil, smtplib, sys, threading, time
from resident import serve

FOLDER, PORT = sys.argv[1], int(sys.argv[2])
AUTHORITY = threading.Lock()


def deliver(host, port, policy, cafile, sender, recipient, user, password, message):
    # It is the same for all messages of a run.
    with AUTHORITY:
        shutil.copy(cafile, f"{FOLDER}/ca.new")
        os.chmod(f"{FOLDER}/ca.new", 0o644)
        os.rename(f"{FOLDER}/ca.new", f"{FOLDER}/ca.pem")
    # The name of the sending host is the route.
    with smtplib.SMTP("127.0.0.1", PORT, local_hostname=f"{policy}.{port}.{host}", timeout=10) as submission:
        submission.command_encoding = "utf-8"
        submission.ehlo()
        submission.mail(sender, ["SMTPUTF8"] if not recipient.isascii() else ["BODY=8BITMIME"])
        submission.rcpt(recipient)
        code, text = submission.data(message)
    if code != 250:
        raise Exception(f"Postfix did not take it: {text!r}")
    identity = text.decode().rpartition(" ")[2]
    while True:
        with open(f"{FOLDER}/log") as log:
            for line in log:
                if f" {identity}: to=" in line and " status=" in line:
                    if " status=sent " in line:
                        return
                    raise Exception(line)
        time.sleep(0.02)


serve(deliver)

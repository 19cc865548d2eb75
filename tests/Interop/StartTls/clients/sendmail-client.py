"""sendmail-client.py: sendmail takes a message from its command line, and delivers it at once. Below private.sh."""
import os, subprocess, tempfile
from resident import serve

LAB = os.environ["LAB"] + "/sendmail"
PROGRAM = f"{LAB}/usr/libexec/sendmail/sendmail"
ENVIRONMENT = {"LD_LIBRARY_PATH": f"{LAB}/usr/lib/x86_64-linux-gnu", "PATH": os.environ["PATH"]}
TIMES = "CONNECT INITIAL HELO MAIL RCPT DATAINIT DATABLOCK DATAFINAL QUIT STARTTLS".split()

# HOME, HOST, PORT and CAFILE stand for what a message has; a host in brackets is not looked up for MX records.
MACROS = """
FEATURE(`access_db', `text -k0 -v1 -o -T<TMPF> HOME/access')dnl
define(`SMART_HOST', `esmtp:[HOST]')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h PORT')dnl
define(`confCACERT_PATH', `HOME')dnl
define(`confCACERT', `CAFILE')dnl
""" + "".join(f"define(`confTO_{time}', `10s')dnl\n" for time in TIMES) + "MAILER(`smtp')dnl\n"

# What the access table says of every server.
TABLE = {"opportunistic": "", "required": "tls_srv: ENCR:112\n", "verify": "tls_srv: VERIFY:112+CN:HOST\n"}


def configure():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["/bin/bash", "-ec", '. "$0" && sm_dir "$1" && { sm_common HOME client.test; printf %s "$2"; } >"$1/sendmail.mc" && sm_make "$1"',
             os.path.join(os.path.dirname(__file__), "../../Servers/sendmail.sh"), folder, MACROS],
            env={**os.environ, "SM_LAB": os.environ["LAB"]}, check=True)
        with open(f"{folder}/sendmail.cf") as file:
            return file.read()


CONFIGURATION = configure()


def deliver(host, port, policy, cafile, sender, recipient, user, password, message):
    with tempfile.TemporaryDirectory() as home:
        os.mkdir(f"{home}/queue", 0o700)
        for name, content in {"sendmail.cf": CONFIGURATION, "switch": "hosts files\n", "access": TABLE[policy]}.items():
            for word, value in {"HOME": home, "HOST": host, "PORT": port, "CAFILE": cafile}.items():
                content = content.replace(word, value)
            with open(f"{home}/{name}", "w") as file:
                file.write(content)
        # Without a qualified host name it waits for a minute. It makes no notice.
        said = subprocess.run(
            ["unshare", "--uts", "/bin/sh", "-c", 'hostname client.test && exec "$0" "$@"', PROGRAM, "-C", f"{home}/sendmail.cf", "-bm",
             "-B8BITMIME", "-v", "-i", "-odi", "-N", "never", "-f", sender, "--", recipient],
            input=message.replace(b"\r\n", b"\n"), env=ENVIRONMENT, capture_output=True)
        if b"... Sent (" not in said.stdout:
            raise Exception((said.stdout + said.stderr).decode("latin1"))


serve(deliver)

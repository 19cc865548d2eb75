"""exim-client.py: Exim takes a message from its command line, and delivers it at once. Below private.sh, which gives it the user mail."""
import os, shutil, subprocess, tempfile
from resident import serve

LAB = os.environ["LAB"] + "/exim"
PROGRAM = f"{LAB}/usr/sbin/exim4"
ENVIRONMENT = {"LD_LIBRARY_PATH": f"{LAB}/usr/lib/x86_64-linux-gnu", "PATH": os.environ["PATH"]}

# What it cannot deliver now stays in the queue, which goes with the folder; what comes back is thrown away.
CONFIGURATION = """
primary_hostname = client.test
exim_path = {program}
exim_user = mail
exim_group = mail
deliver_drop_privilege = true
spool_directory = {home}/spool
log_file_path = {home}/%slog
keep_environment = LD_LIBRARY_PATH
disable_ipv6 = true
begin routers
returned:
  driver = redirect
  senders = :
  data = :blackhole:
other:
  driver = manualroute
  transport = smtp
  route_list = * {host}::{port} byname
  self = send
begin transports
smtp:
  driver = smtp
  hosts_try_auth = *
  connect_timeout = 10s
  command_timeout = 10s
  data_timeout = 10s
  final_timeout = 10s
  {tls}
begin retry
* * F,1h,1h
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^{user}^{password}
login:
  driver = plaintext
  public_name = LOGIN
  client_send = : {user} : {password}
"""


def deliver(host, port, policy, cafile, sender, recipient, user, password, message):
    with tempfile.TemporaryDirectory() as home:
        authority = shutil.copy(cafile, f"{home}/ca.pem")
        tls = {
            "opportunistic": "tls_verify_hosts =",
            "required": "hosts_require_tls = *",
            "verify": f"hosts_require_tls = *\n  tls_verify_hosts = *\n  tls_verify_certificates = {authority}",
        }[policy]
        # Exim reads no configuration that another user could change.
        with open(f"{home}/exim.conf", "w") as file:
            file.write(CONFIGURATION.format(program=PROGRAM, home=home, host=host, port=port, tls=tls, user=user, password=password))
        os.chmod(authority, 0o644)
        shutil.chown(home, "mail", "mail")
        subprocess.run([PROGRAM, "-C", f"{home}/exim.conf", "-odi", "-oi", "-f", sender, "--", recipient],
                       input=message.replace(b"\r\n", b"\n"), env=ENVIRONMENT, check=True)
        with open(f"{home}/mainlog") as log:
            lines = log.read()
        if "T=smtp" not in lines.partition(" => ")[2]:
            raise Exception(lines)


serve(deliver)

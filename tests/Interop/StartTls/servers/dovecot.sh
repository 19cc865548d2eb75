#!/bin/sh
# dovecot.sh FOLDER PORT: Dovecot's submission server with STARTTLS and one user, before a server that keeps all mail in FOLDER/box.
# LAB: the extracted packages. Dovecot's paths are compiled in, so it gets its own view of the file system.
set -e
folder=$1 port=$2
here=$(cd "$(dirname "$0")" && pwd)
/usr/bin/python3 "$here/upstream.py" "$folder" &
while [ ! -s "$folder/smtp" ]; do sleep 0.05; done
mount -t overlay overlay -o "lowerdir=$LAB/dovecot/usr:/usr" /usr
mount -t tmpfs tmpfs /run
mkdir -p "$folder/home" /run/dovecot
chown mail:mail "$folder/home"
printf 'me:{PLAIN}secret\n' >"$folder/users"
cat >"$folder/dovecot.conf" <<END
protocols = submission
listen = 127.0.0.1
base_dir = /run/dovecot
log_path = /dev/stderr
hostname = mx.b.test
default_internal_user = mail
default_login_user = nobody
default_internal_group = mail
first_valid_uid = 1
mail_location = maildir:$folder/home
ssl = yes
ssl_cert = <$folder/cert.pem
ssl_key = <$folder/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = $folder/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$folder/home
}
submission_relay_host = 127.0.0.1
submission_relay_port = $(cat "$folder/smtp")
submission_relay_trusted = yes
mail_max_userip_connections = 100
service submission-login {
  inet_listener submission {
    port = $port
  }
  chroot =
}
service anvil {
  chroot =
}
END
export LD_LIBRARY_PATH=/usr/lib/dovecot:$LAB/dovecot/usr/lib/x86_64-linux-gnu
exec /usr/sbin/dovecot -F -c "$folder/dovecot.conf"

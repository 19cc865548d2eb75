#!/bin/sh
# opensmtpd.sh FOLDER PORT: OpenSMTPD with STARTTLS and one user, for b.test; mail goes to FOLDER/box. LAB: the extracted packages.
# Its paths are compiled in, so it gets its own view of the file system.
set -e
folder=$1 port=$2
mount -t overlay overlay -o "lowerdir=$LAB/opensmtpd-13/usr:/usr" /usr
mount -t tmpfs tmpfs /var
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd /var/mail /var/run
chmod 711 /var/spool/smtpd
chown mail:mail /var/mail
cat >"$folder/smtpd.conf" <<END
pki "own" cert "$folder/cert.pem"
pki "own" key "$folder/key.pem"
table box { "@" = "mail" }
table users { "me" = "$(openssl passwd -6 secret)" }
listen on 127.0.0.1 port $port hostname mx.b.test tls pki "own" auth-optional <users>
action "box" mda "$folder/box.sh $folder/box %{sender} %{rcpt}" virtual <box>
action "away" relay host "smtp+notls://127.0.0.1:9"
match from any for domain "b.test" action "box"
match from any auth for any action "away"
END
chmod 600 "$folder/key.pem"
exec /usr/sbin/smtpd -d -f "$folder/smtpd.conf"

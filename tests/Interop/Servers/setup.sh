# setup.sh: what an administrator does with 'blackpony setup' on a Debian machine whose mail server ($name) runs on port 25.
# stock.sh reads it, below private.sh, in a network of its own. $BLACKPONY is the program. The last line of a good run is "as it was".
# systemd does not run here, so a script of its name starts and ends the services as their units say.
set -eu
say() { echo "--- $*"; }
fail() { echo "FAILED: $*"; exit 1; }
program=$folder/bin/blackpony
mkdir -p "$folder/bin" "$folder/run" "$folder/mail" /run/systemd/system
export PATH="$folder/bin:/usr/sbin:$PATH"
# The libraries of the mail server are not for other programs.
libraries=$LD_LIBRARY_PATH
unset LD_LIBRARY_PATH
wrap() { printf '#!/bin/sh\nexport LD_LIBRARY_PATH=%s\nexec %s "$@"\n' "$libraries" "$2" >"$folder/bin/$1"; chmod 755 "$folder/bin/$1"; }
case $name in
postfix) wrap postfix /usr/sbin/postfix ;;
sendmail)
    wrap m4 "$(command -v m4)"
    wrap makemap /usr/sbin/makemap
    cp /usr/share/sendmail/cf/debian/submit.mc /etc/mail/
    mkdir -p /var/spool/mqueue-client
    chown smmsp:smmsp /var/spool/mqueue-client
    # What Debian's Makefile of /etc/mail does for these files.
    cat >/etc/mail/Makefile <<END
all: sendmail.cf submit.cf access.db
sendmail.cf: sendmail.mc
	m4 sendmail.mc >\$@
submit.cf: submit.mc
	m4 submit.mc >\$@
access.db: access
	makemap hash access <access
END
    ;;
exim) wrap exim4 /usr/sbin/exim4 ;;
esac
printf '#!/bin/sh\nDOTNET_ROOT=%s exec %s "$@"\n' "${DOTNET_ROOT:-/usr/share/dotnet}" "$BLACKPONY" >"$program"
chmod 755 "$program"

open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
cat >"$folder/bin/systemctl" <<'END'
#!/bin/bash
# systemctl enable|disable|restart [--now] UNIT
cd "$(dirname "$0")/../run"
echo "$*" >>log
verb=$1 unit=${!#}
stop() { [ ! -e "$unit.pid" ] || { kill "$(cat "$unit.pid")"; while kill -0 "$(cat "$unit.pid")" 2>/dev/null; do sleep 0.05; done; rm "$unit.pid"; }; }
begin() {
    NOTIFY=$unit.ready
    rm -f "$NOTIFY"
    "$@" >>"$unit.log" 2>&1 </dev/null &
    echo $! >"$unit.pid"
}
case $unit in blackpony-listen) command=listen port=25 ;; blackpony-relay) command=relay port=2526 ;; esac
case $verb-$2 in
enable---now | restart-blackpony-*)
    stop
    begin ../bin/blackpony $command --config /etc/blackpony/$command.conf
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 "$(cat "$unit.pid")" 2>/dev/null || exit 1; sleep 0.05; done ;;
disable---now) stop ;;
restart-sendmail | restart-exim4) exec ../bin/restart ;;
esac
END
echo "$server" >"$folder/run/server.pid"
cat >"$folder/bin/restart" <<END
#!/bin/sh
# As stock.sh started the server; it is a child of that shell, which takes no notice of its end.
kill \$(cat "$folder/run/server.pid")
for port in 25 10025; do while python3 -c "import socket; socket.create_connection(('127.0.0.1', \$port))" 2>/dev/null; do sleep 0.05; done; done
export LD_LIBRARY_PATH=$libraries
case $name in
sendmail) set -- /usr/libexec/sendmail/sendmail -C/etc/mail/sendmail.cf -O RefuseLA=1000 -O QueueLA=1000 -bD ;;
exim) set -- /usr/sbin/exim4 -bdf ;;
esac
unshare --uts /bin/sh -c 'hostname mx.b.test; exec "\$0" "\$@"' "\$@" >>"$folder/run/server.log" 2>&1 </dev/null &
echo \$! >"$folder/run/server.pid"
END
chmod 755 "$folder/bin/systemctl" "$folder/bin/restart"

until bash -c 'exec 3<>/dev/tcp/127.0.0.1/25' 2>/dev/null; do sleep 0.05; done

case $name in postfix) config=/etc/postfix ;; sendmail) config=/etc/mail ;; exim) config=/etc/exim4 ;; esac
# What sendmail and update-exim4.conf generate is theirs.
state() { (cd / && find "$config" /etc/blackpony -type f ! -name '*.cf' ! -name '*.db' ! -name Makefile; find "$config" -name ma*.cf) | sort | xargs stat -c '%n %a %U:%G'; find "$config" /etc/blackpony -type f \( -name 'ma*.cf' -o ! -name '*.cf' \) ! -name '*.db' ! -name Makefile | sort | xargs sha256sum; }
mkdir -p /etc/blackpony
cp "$top/tools/blackpony/systemd/listen.conf" "$top/tools/blackpony/systemd/relay.conf" /etc/blackpony/
echo 'route *=[198.51.100.9]' >>/etc/blackpony/relay.conf
state >"$folder/before"

say dry run
"$program" setup "$name" --dry-run | tee "$folder/dry-run"
state | diff "$folder/before" - || fail "the dry run changed something"

say apply
"$program" setup "$name" --apply || { cat "$folder"/run/*; fail "apply"; }
"$program" setup "$name" --apply | grep -q 'is set up already' || fail "a second time"
state | diff "$folder/before" - >"$folder/changed" && fail "nothing changed"

# The difference that it showed is the one that diff finds.
for path in /var/lib/blackpony/setup/"$name"/*.path; do
    file=$(cat "$path")
    old=${path%.path}.old
    [ -e "$old" ] || old=/dev/null
    diff -u --label "$([ "$old" = /dev/null ] && echo /dev/null || echo "$file")" --label "$file" "$old" "$file" || true
done >"$folder/diff"
sed '/^Then these commands/,$d' "$folder/dry-run" | sed '$d' >"$folder/shown"
diff "$folder/diff" "$folder/shown" || fail "it showed another difference"

say 'incoming mail is encrypted'
"$program" check '[127.0.0.1]' | tee "$folder/check"
grep -q 'required: encrypted' "$folder/check" || fail "not encrypted"

say 'no open relay'
python3 - "$name" <<'END' || fail "an open relay"
import smtplib, sys
# Postfix itself trusts 127.0.0.1, whose address is passed on; sendmail and Exim see 127.0.0.2.
source = ("192.0.2.10", 0) if sys.argv[1] == "postfix" else ("127.0.0.1", 0)
with smtplib.SMTP(source_address=source, timeout=60) as smtp:
    smtp.connect("127.0.0.1" if sys.argv[1] != "postfix" else "192.0.2.10", 25, source_address=source)
    smtp.ehlo("stranger.test")
    code, text = smtp.mail("")
    assert code == 250, (code, text)
    code, text = smtp.rcpt("victim@elsewhere.test")
    assert 400 <= code, (code, text)
    code, text = smtp.rcpt("root@b.test")
    assert code == 250, (code, text)
END

say 'outgoing mail is encrypted'
# The next hop is another machine: another network, at the other end of a cable.
unshare --net sleep infinity &
other=$!
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add cable0 type veth peer name cable1 netns $other
there() { nsenter --net=/proc/$other/ns/net "$@"; }
ip addr add 198.51.100.1/24 dev cable0
ip link set cable0 up
there ip link set lo up
there ip addr add 198.51.100.9/24 dev cable1
there ip link set cable1 up
there python3 - "$folder/mail" <<'END' &
import socket, sys, threading
# A next hop behind a listen: whatever is given is accepted.
server = socket.create_server(("127.0.0.1", 2599))
def serve(link):
    lines = link.makefile("rb")
    link.sendall(b"220 sink.test ESMTP\r\n")
    data = False
    for line in lines:
        open(sys.argv[1] + "/received", "ab").write(line)
        if data:
            if line == b".\r\n":
                data = False
                link.sendall(b"250 2.0.0 kept\r\n")
            continue
        word = line[:4].upper()
        data = word == b"DATA"
        link.sendall(b"354 go\r\n" if data else b"221 bye\r\n" if word == b"QUIT" else b"250 sink.test\r\n")
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
END
until there bash -c 'exec 3<>/dev/tcp/127.0.0.1/2599' 2>/dev/null; do sleep 0.05; done
there "$program" listen --listen 198.51.100.9:25 --backend 127.0.0.1:2599 --allow-open-backend 2>"$folder/run/next.log" &
next=$!
until grep -q listening "$folder/run/next.log"; do kill -0 $next || fail "the next hop"; sleep 0.05; done
case $name in
postfix) printf 'Subject: out\n\nby hand\n' | LD_LIBRARY_PATH=$libraries /usr/sbin/sendmail -f root@b.test someone@away.test ;;
exim) printf 'Subject: out\n\nby hand\n' | LD_LIBRARY_PATH=$libraries /usr/sbin/exim4 -f root@b.test someone@away.test ;;
sendmail) # The command submits by the file submit.cf, to the port of the mail server.
    printf 'Subject: out\n\nby hand\n' | LD_LIBRARY_PATH=$libraries unshare --uts /bin/sh -c 'hostname mx.b.test; exec /usr/libexec/sendmail/sendmail -Ac -odi -f "<>" "someone@[198.51.100.9]"' ;;
esac
for i in $(seq 300); do ! grep -q 'by hand' "$folder/mail/received" 2>/dev/null || break; sleep 0.1; done
grep -q 'by hand' "$folder/mail/received" || { cat "$folder"/run/* /var/log/postfix.log /var/log/exim4/* 2>/dev/null || true; fail "no mail went out"; }
grep -q 'session .*encrypted=yes.*messages=1' "$folder/run/next.log" || { sleep 2; cat "$folder/run/next.log"; fail "outgoing mail in plaintext"; }

if [ "$name" = postfix ]; then
    # Mail that waits for the relay.
    "$folder/bin/systemctl" disable --now blackpony-relay
    printf 'Subject: wait\n\nit waited\n' | LD_LIBRARY_PATH=$libraries /usr/sbin/sendmail -f root@b.test 'someone@[198.51.100.9]'
    until grep -q 'someone@\[198.51.100.9\]>.*status=deferred' /var/log/postfix.log; do sleep 0.05; done
fi

say undo
"$program" setup "$name" --undo --apply || { cat "$folder"/run/*; fail "undo"; }
state | diff "$folder/before" - || fail "not as it was"
bash -c 'exec 3<>/dev/tcp/127.0.0.1/10025' 2>/dev/null && fail "the mail server is still on port 10025"
python3 -c "
import smtplib
with smtplib.SMTP('127.0.0.1', 25, timeout=60) as smtp:
    assert 'xblackpony' not in smtp.esmtp_features and smtp.ehlo('x.test')[0] == 250 and 'xblackpony' not in smtp.esmtp_features
    assert smtp.mail('')[0] == 250 and smtp.rcpt('root@b.test')[0] == 250"
if [ "$name" = postfix ]; then
    LD_LIBRARY_PATH=$libraries /usr/sbin/postqueue -f
    for i in $(seq 300); do ! grep -q 'it waited' "$folder/mail/received" || break; sleep 0.1; done
    grep -q 'it waited' "$folder/mail/received" || { tail -n 20 /var/log/postfix.log; fail "what waited for the relay waits on"; }
fi
"$program" setup --undo --apply
echo "as it was"

#!/bin/bash
# lifecycle.sh FIRST.deb SECOND.deb   installs, starts, upgrades, removes and purges the package, in a root of its own
#
# The root is this machine's, with an overlay that goes with this process. systemd does not run there: a script of the name systemctl
# records what the package asks for. Needs root and namespaces. The last line of a good run is "purged".
set -euo pipefail
self=$(readlink -f "$0")
if [ -z "${INSIDE:-}" ]; then
    export INSIDE=outer
    exec unshare --mount --net --pid --fork --kill-child --propagation private "$self" "$(readlink -f "$1")" "$(readlink -f "$2")"
fi
if [ "$INSIDE" = outer ]; then
    ip link set lo up
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/up /mnt/work /mnt/root
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work /mnt/root
    cd /mnt/root
    mount -t tmpfs tmpfs tmp
    mount -t tmpfs tmpfs run
    mount -t proc proc proc
    mount --rbind /dev dev
    cp "$1" tmp/first.deb
    cp "$2" tmp/second.deb
    cp "$self" tmp/lifecycle.sh
    INSIDE=inner exec chroot . /bin/bash /tmp/lifecycle.sh
fi

fail() { echo "FAILED: $*"; exit 1; }
export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
files() { find /etc /usr /var -xdev \( -path /var/lib/dpkg -o -path /var/log -o -path /var/cache -o -path /var/tmp \) -prune -o -print | sort; }
rm -f /usr/sbin/policy-rc.d # some containers have one, which forbids all restarts
mkdir -p /run/systemd/system /usr/local/sbin
printf '#!/bin/sh\necho "$*" >>/tmp/asked\ncase "$*" in *is-enabled*) echo disabled ;; esac\n' >/usr/local/sbin/systemctl
chmod 755 /usr/local/sbin/systemctl
asked() { : >>/tmp/asked; cat /tmp/asked; : >/tmp/asked; }
files >/tmp/before

echo "--- install"
dpkg -i /tmp/first.deb
asked | tee /tmp/log
grep -qv daemon-reload /tmp/log && fail "the installation asked systemd for more than to read the units"
ls /etc/systemd/system/*/blackpony-* 2>/dev/null && fail "a service is enabled"
systemd-analyze verify --man=no /usr/lib/systemd/system/blackpony-listen.service /usr/lib/systemd/system/blackpony-relay.service 2>&1 | tee /tmp/log
[ ! -s /tmp/log ] || fail "systemd-analyze"
for page in '' -listen -relay -mailer -check -setup; do [ -s "/usr/share/man/man1/blackpony$page.1.gz" ] || fail "the man page blackpony$page"; done
bash -c '. /usr/share/bash-completion/completions/blackpony && complete -p blackpony' || fail "completion"
(cd /usr/share/doc/blackpony && for page in mail-servers operations scale; do
    [ -s $page.md ] || fail "$page.md"
    for link in $(grep -o ']([^):#]*)' $page.md | sed 's/](\(.*\))/\1/' | grep -E '^(examples|\.\./\.\./\.\.)/'); do [ -e "$link" ] || fail "$page.md names $link"; done
done)
grep -q '](examples/haproxy/haproxy.cfg)' /usr/share/doc/blackpony/scale.md && [ -s /usr/share/doc/blackpony/examples/redis/redis.conf ] || fail "the examples"
for page in /usr/share/man/man1/blackpony*.1.gz; do
    grep -q "$(basename "$page" .1.gz)(1)" /usr/share/doc/blackpony/README.Debian || fail "README.Debian does not list $page"
done
# The pages describe an installation by hand, too.
find /usr/share/doc/blackpony /etc/blackpony -type f ! -name '*.md' | xargs grep -l /usr/local/bin && fail "a file names the program where it is not"

echo "--- start, as the units do"
for service in relay listen; do
    unit=/usr/lib/systemd/system/blackpony-$service.service
    command=$(sed -n 's/^ExecStart=//p' "$unit")
    capabilities=$(sed -n 's/^AmbientCapabilities=CAP_//p' "$unit" | tr A-Z a-z)
    setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps="-all${capabilities:+,+$capabilities}" \
        --ambient-caps="-all${capabilities:+,+$capabilities}" --bounding-set="-all${capabilities:+,+$capabilities}" $command 2>"/tmp/$service.log" &
    started+=($!)
    for i in $(seq 200); do ! grep -q listening "/tmp/$service.log" || break; kill -0 $! || break; sleep 0.05; done
    cat "/tmp/$service.log"
    grep -q listening "/tmp/$service.log" || fail "$service does not start"
done
# No mail server is there, so clients are told to come again.
exec 3<>/dev/tcp/127.0.0.1/25
read -r greeting <&3
[ "${greeting:0:3}" = 421 ] || fail "listen said $greeting"
kill "${started[@]}"
wait "${started[@]}" || fail "a service did not stop with exit code 0"

echo "--- upgrade"
echo '#max-sessions 500' >>/etc/blackpony/listen.conf
umask 077; mkdir -p /var/lib/private/blackpony-relay; : >/var/lib/private/blackpony-relay/memory; ln -s private/blackpony-relay /var/lib/blackpony-relay; umask 022
dpkg -i /tmp/second.deb
asked | tee /tmp/log
grep -q 'try-restart.*blackpony-relay.*blackpony-listen' /tmp/log || fail "services that run are not restarted"
grep -Ev 'daemon-reload|try-restart|is-enabled|is-active' /tmp/log && fail "the upgrade asked for more"
tail -n 1 /etc/blackpony/listen.conf | grep -q 500 || fail "the administrator's file was not kept"

echo "--- remove"
# A mail server that 'setup' has changed.
mkdir -p /etc/postfix
printf 'compatibility_level = 3.6\n' >/etc/postfix/main.cf
printf 'smtp      inet  n       -       y       -       -       smtpd\n' >/etc/postfix/master.cf
sha256sum /etc/postfix/* >/tmp/postfix
blackpony setup postfix --apply --files-only >/tmp/log || fail "setup"
grep -q default_transport /etc/postfix/main.cf || fail "setup did nothing"
printf '#!/bin/sh\necho "postfix $*" >>/tmp/asked\n' >/usr/local/sbin/postfix
chmod 755 /usr/local/sbin/postfix
# Something has to have port 25 again.
python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 25)); print("open", flush=True); s.accept(); s.accept()' >/tmp/log &
dpkg -r blackpony
sha256sum --check --quiet /tmp/postfix || fail "the mail server did not get its configuration back"
asked | tee /tmp/log
grep -q 'stop.*blackpony-listen' /tmp/log && grep -q 'postfix reload' /tmp/log || fail "services run on"
rm -rf /etc/postfix /usr/local/sbin/postfix
grep -q 500 /etc/blackpony/listen.conf || fail "a removal removes the configuration"

echo "--- purge"
dpkg -P blackpony
files >/tmp/after
diff /tmp/before /tmp/after || fail "files are left"
echo purged

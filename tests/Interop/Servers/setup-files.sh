#!/bin/bash
# setup-files.sh FOLDER: what 'blackpony setup' makes of files that it does not know, and of changes that were interrupted, failed, or
# changed again. No mail server runs. Below private.sh; $BLACKPONY is the program, $LAB has the packages.
set -euo pipefail
folder=$1
fail() { echo "FAILED: $*"; exit 1; }
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/up /mnt/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/up,workdir=/mnt/work /etc
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system "$folder/bin"
export PATH=$folder/bin:$PATH
printf '#!/bin/sh\necho "systemctl $*" >>%s/asked\n' "$folder" >"$folder/bin/systemctl"
printf '#!/bin/sh\necho "postfix $*" >>%s/asked\nexit ${POSTFIX:-0}\n' "$folder" >"$folder/bin/postfix"
chmod 755 "$folder"/bin/*

fresh() {
    rm -rf /etc/postfix /etc/mail /etc/exim4 /etc/blackpony /var/lib/blackpony
    mkdir -p /etc/postfix /etc/mail /etc/exim4
    cp "$LAB"/postfix/usr/share/postfix/main.cf.debian /etc/postfix/main.cf
    cp "$LAB"/postfix/usr/share/postfix/master.cf.dist /etc/postfix/master.cf
    chmod 640 /etc/postfix/master.cf
    cp "$LAB"/sendmail/usr/share/sendmail/cf/debian/*.mc /etc/mail/
    printf 'Connect:127\tRELAY\n' >/etc/mail/access
    cp -r "$LAB"/exim/etc/exim4/. /etc/exim4/
    printf "dc_eximconfig_configtype='internet'\ndc_local_interfaces='127.0.0.1 ; ::1'\ndc_relay_domains=''\ndc_relay_nets=''\ndc_use_split_config='false'\n" >/etc/exim4/update-exim4.conf.conf
}
state() { find /etc -type f '(' -path '/etc/postfix/*' -o -path '/etc/mail/*' -o -path '/etc/exim4/*' -o -path '/etc/blackpony/*' ')' -printf '%p %m %U:%G ' -exec sha256sum {} ';' | sort; }

# refuses SERVER TEXT [OPTION...]: exit code 1, a sentence with this text, and no file changed.
refuses() {
    local server=$1 text=$2 before after code=0
    shift 2
    before=$(state)
    "$BLACKPONY" setup "$server" --apply "$@" >"$folder/said" 2>&1 || code=$?
    cat "$folder/said"
    [ "$code" = 1 ] && grep -qF -- "$text" "$folder/said" && grep -q 'Nothing was changed' "$folder/said" || fail "$server is not refused: $text"
    [ "$before" = "$(state)" ] && [ ! -e /var/lib/blackpony/setup/"$server" ] || fail "$server: a refusal changed something"
    fresh
}
fresh

# A program in the folder where the administrator happens to be is not the one of the PATH.
cd "$folder"
printf '#!/bin/sh\ntouch %s/wrong\n' "$folder" | tee cp postfix systemctl >/dev/null
chmod 755 cp postfix systemctl

echo '--- what it does not know'
main() { echo "$1" >>/etc/postfix/main.cf; }
for setting in relayhost=[smarthost.example] default_transport=uucp sender_dependent_relayhost_maps=hash:/etc/postfix/r \
    smtp_tls_security_level=dane smtp_tls_security_level=encrypt smtp_tls_policy_maps=hash:/etc/postfix/tls \
    smtpd_authorized_xclient_hosts=10.0.0.1 smtpd_upstream_proxy_protocol=haproxy inet_interfaces=192.0.2.1 inet_protocols=ipv6; do
    main "${setting/=/ =
   }" # on a line of its own, which continues the setting
    refuses postfix "${setting%%=*} = ${setting#*=}"
done
for setting in smtp_tls_security_level=DANE smtp_tls_security_level=fingerprint 'smtp_tls_security_level=${x?{may}:{dane}}' \
    smtp_enforce_tls=yes smtp_tls_wrappermode=YES smtp_tls_per_site=hash:/etc/postfix/site smtp_fallback_relay=[fallback.example]; do
    main "$setting"; refuses postfix "${setting%%=*} = ${setting#*=}"
done
for indirect in '$my' '${ my }' '$(my)'; do
    main 'other = dane-only'; main 'my = $other'; main "smtp_tls_security_level = $indirect"
    refuses postfix "smtp_tls_security_level = $indirect"
done
for option in smtp_tls_security_level=encrypt '{ smtp_tls_security_level = Secure }' smtp_enforce_tls=yes smtp_tls_policy_maps=inline:x; do
    for transport in smtp relay; do
        sed -i "s/^$transport  *unix.*/&\n# a comment\n  -o syslog_name=postfix\/x\n\n  -o $option/" /etc/postfix/master.cf
        refuses postfix "master.cf, in '$transport unix',"
    done
done
main 'no setting'; refuses postfix "'no setting'"
rm /etc/postfix/main.cf; refuses postfix 'main.cf is not there'
sed -i 's/^smtp  *inet.*/smtp inet n - y - 1 postscreen/' /etc/postfix/master.cf; refuses postfix postscreen
sed -i '/^smtp  *inet/d' /etc/postfix/master.cf; refuses postfix 'exactly one line'
sed -i 's/^smtp  *inet/192.0.2.1:25 inet/' /etc/postfix/master.cf; refuses postfix 'exactly one line'
echo '127.0.0.1:10025 inet n - n - - smtpd' >>/etc/postfix/master.cf; refuses postfix 'port 10025'
echo 'blackpony unix - - n - - smtp' >>/etc/postfix/master.cf; refuses postfix "'blackpony' already"
mkdir -p /etc/blackpony; echo allow-open-backend >/etc/blackpony/listen.conf; refuses postfix allow-open-backend
mkdir -p /etc/blackpony; echo listen 127.0.0.1:2600 >/etc/blackpony/relay.conf; refuses postfix 'listen 127.0.0.1:2526'
sed -i 's/^DAEMON_OPTIONS(`Family=inet,  Name=MTA.*//' /etc/mail/sendmail.mc; refuses sendmail 'exactly one line'
sed -i 's/Port=smtp, Addr=127.0.0.1/Port=smtp, Addr=192.0.2.1/' /etc/mail/sendmail.mc; refuses sendmail Addr=192.0.2.1
echo "define(\`SMART_HOST', \`smarthost.example')dnl" >>/etc/mail/sendmail.mc; refuses sendmail SMART_HOST
sed -i 's/^FEATURE(`msp.*//' /etc/mail/submit.mc; refuses sendmail submit.mc
for line in " define(\`SMART_HOST', \`smarthost.example')dnl" 'define( SMART_HOST, smarthost.example)' "divert(0)FEATURE(\`nullclient', \`hub')" \
    "define(\`MAIL_HUB', \`hub')" "define(\`LUSER_RELAY', \`hub')" "define(\`confTLS_FEATURES', \`x')" "FEATURE(\`sts')" 'DSsmarthost.example'; do
    echo "$line" >>/etc/mail/sendmail.mc; refuses sendmail "the line ${line# }"
done
printf 'tls_srv:example.com\tVERIFY\n' >>/etc/mail/access; refuses sendmail 'tls_srv:example.com'
refuses sendmail 'a daemon on port 587' --port 587
touch /etc/exim4/exim4.conf; refuses exim exim4.conf
exim() { sed -i "s|^$1='.*'|$1='$2'|" /etc/exim4/update-exim4.conf.conf; }
exim dc_eximconfig_configtype smarthost; refuses exim "configtype='smarthost'"
exim dc_relay_domains backup.example; refuses exim "dc_relay_domains='backup.example'"
exim dc_relay_nets 127.0.0.0/8; refuses exim "dc_relay_nets='127.0.0.0/8'"
exim dc_local_interfaces 192.0.2.1; refuses exim "dc_local_interfaces='192.0.2.1'"
echo 'REMOTE_SMTP_HOSTS_REQUIRE_TLS = *' >/etc/exim4/exim4.conf.localmacros; refuses exim REMOTE_SMTP_HOSTS_REQUIRE_TLS
exim dc_use_split_config true
echo 'REMOTE_SMTP_HOSTS_REQUIRE_DANE = *' >/etc/exim4/conf.d/main/000_localmacros; refuses exim '000_localmacros has REMOTE_SMTP_HOSTS_REQUIRE_DANE'
for option in 'hosts_require_tls = *' 'hosts_require_dane=a.test' 'hide hosts_require_tls = REMOTE_SMTP_HOSTS_REQUIRE_TLS : b.test'; do
    sed -i "s/^remote_smtp:/&\n  $option/" /etc/exim4/exim4.conf.template; refuses exim 'exim4.conf.template has h'
    exim dc_use_split_config true
    printf 'mine:\n  driver = smtp\n  %s\n' "$option" >/etc/exim4/conf.d/transport/40_mine; refuses exim '40_mine has h'
done
sed -i '1iREMOTE_SMTP_HOSTS_REQUIRE_TLS = *' /etc/exim4/exim4.conf.template; refuses exim 'exim4.conf.template has REMOTE_SMTP_HOSTS_REQUIRE_TLS'
exim dc_use_split_config true; touch /etc/exim4/conf.d/router/190_blackpony; refuses exim '190_blackpony is there already'
rm -r /run/systemd/system; refuses postfix --files-only; mkdir -p /run/systemd/system

echo '--- ports that the plan has'
refuses postfix "Port 25 is that of 'listen'. Choose another for the mail server: --port 10025." --port 25
refuses exim "Port 2526 is that of 'relay'. Choose another for the mail server: --port 10025." --port 2526
mkdir -p /etc/blackpony; echo 'metrics 127.0.0.1:10025' >/etc/blackpony/listen.conf
refuses sendmail "Port 10025 is that of 'metrics' in /etc/blackpony/listen.conf. Choose another for the mail server: --port 10026."
echo 'submission inet n - y - - smtpd' >>/etc/postfix/master.cf; refuses postfix 'a service on port 587' --port 587

echo '--- mail with a route of its own, and TLS where it is offered'
plan() { "$BLACKPONY" setup "$@" --dry-run >"$folder/said" || fail "refused: $*"; }
plan postfix
! grep Note: "$folder/said" || fail "a note without a reason"
for route in transport_maps relay_transport relay_domains sender_dependent_default_transport_maps; do
    main "$route = x"
    plan postfix
    [ "$(grep -c Note: "$folder/said")" = 1 ] && grep -q "^Note: .* sets $route: .* does not encrypt it" "$folder/said" || fail "no note: $route"
    plan postfix --incoming
    ! grep Note: "$folder/said" || fail "a note about outgoing mail"
    fresh
done
main 'my = May'; main 'smtp_tls_security_level = $my'; main 'smtp_use_tls = yes'; main 'smtp_enforce_tls = no'; main 'smtp_tls_policy_maps ='
sed -i 's/^smtp  *unix.*/&\n  -o smtp_tls_security_level=none/; $amine unix - - y - - smtp -o smtp_tls_security_level=encrypt' /etc/postfix/master.cf
plan postfix
fresh
plan exim
grep -q 'Note: .*DANE' "$folder/said" || fail "no note: DANE"
echo "dnl define(\`SMART_HOST', \`smarthost.example')dnl" >>/etc/mail/sendmail.mc
plan sendmail
fresh

echo '--- a machine without IPv6'
main 'inet_interfaces = loopback-only'
ip -6 addr del ::1/128 dev lo
"$BLACKPONY" setup postfix --apply --files-only >"$folder/said"
[ "$(grep ^listen /etc/blackpony/listen.conf)" = 'listen 127.0.0.1:25' ] || fail "listen would not start"
ip -6 addr add ::1/128 dev lo
fresh

echo '--- incoming mail alone, with a smarthost'
main 'relayhost = [smarthost.example]'
"$BLACKPONY" setup postfix --apply --incoming --files-only >"$folder/said"
! grep -q default_transport /etc/postfix/main.cf && ! grep -q ^blackpony /etc/postfix/master.cf && [ ! -e /etc/blackpony/relay.conf ] || fail "outgoing mail changed"
fresh

echo '--- without a yes'
before=$(state)
! echo n | "$BLACKPONY" setup postfix || fail "a no is a success"
! "$BLACKPONY" setup postfix </dev/null || fail "no answer is a success"
[ "$before" = "$(state)" ] || fail "a no changed something"
echo y | "$BLACKPONY" setup postfix --files-only | grep -q Done || fail "a yes"
[ "$before" != "$(state)" ] || fail "a yes changed nothing"

echo '--- taken back after the administrator changed the files elsewhere'
main 'mailbox_size_limit = 0'
sed -i 's/^pickup.*/# &/' /etc/postfix/master.cf
"$BLACKPONY" setup --undo --apply --files-only >"$folder/said"
(cp -r /etc/postfix "$folder/now" && fresh && main 'mailbox_size_limit = 0' && sed -i 's/^pickup.*/# &/' /etc/postfix/master.cf && diff -r /etc/postfix "$folder/now") || fail "not taken back"
[ ! -e /etc/blackpony/listen.conf ] || fail "a file that setup made is left"

echo '--- not taken back where the administrator changed the same lines'
fresh
"$BLACKPONY" setup postfix --apply --files-only >"$folder/said"
sed -i 's/^default_transport = .*/default_transport = uucp/' /etc/postfix/main.cf
before=$(state)
! "$BLACKPONY" setup postfix --undo --apply >"$folder/said" 2>&1 || fail "taken back"
grep -q 'main.cf has changed since' "$folder/said" && [ "$before" = "$(state)" ] || fail "$(cat "$folder/said")"

echo '--- interrupted between two files'
fresh
before=$(state)
"$BLACKPONY" setup postfix --apply --files-only >"$folder/said"
cp "$LAB"/postfix/usr/share/postfix/master.cf.dist /etc/postfix/master.cf
chmod 640 /etc/postfix/master.cf
"$BLACKPONY" setup postfix --undo --apply --files-only >"$folder/said"
[ "$before" = "$(state)" ] || fail "an interrupted change is not taken back"

echo '--- a file that cannot be written'
mount --bind /etc/postfix/master.cf /etc/postfix/master.cf # no rename replaces a mount
! "$BLACKPONY" setup postfix --apply --files-only >"$folder/said" 2>&1 || fail "it was written"
cat "$folder/said"
[ "$before" = "$(state)" ] && [ ! -e /var/lib/blackpony/setup/postfix ] || fail "a file changed, and another did not"
umount /etc/postfix/master.cf

echo '--- a command that fails'
: >"$folder/asked"
POSTFIX=1 "$BLACKPONY" setup postfix --apply >"$folder/said" 2>&1 & setup=$!
python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 25)); s.accept()' &
! wait $setup || fail "a command failed, and setup did not"
cat "$folder/said" "$folder/asked"
[ "$before" = "$(state)" ] && grep -q 'everything is taken back' "$folder/said" || fail "a failed change is left"
! grep -q enable "$folder/asked" || fail "a service was started after the failure"
grep -q 'disable --now blackpony-listen' "$folder/asked" || fail "the services were not stopped"
[ ! -e "$folder/wrong" ] || fail "a program of the working directory was run"
echo 'nothing half made'

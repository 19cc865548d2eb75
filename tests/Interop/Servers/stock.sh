#!/bin/sh
# stock.sh NAME FOLDER PORT [SETTING...]: runs a mail server as Debian's packages configure it (for a site with the domain b.test), with
# another port. SETTINGs are what the administrator changes: lines of Postfix's main.cf, after the word postscreen for its lines in master.cf; whom sendmail's access table trusts; whether Exim's
# configuration is split (true or false).
# If SCENARIO is set, the server starts in the background, and that script goes on in this shell (setup.sh).
# Below private.sh: each server sees its files where Debian has them. What an installation would ask has Debian's default answers.
set -e
name=$1 folder=$2 port=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
lab=${LAB:?the folder of the extracted packages}
mkdir -p "$folder/upper" "$folder/work"

# overlay PACKAGE...: these packages' /usr and /etc above the machine's.
overlay() {
    usr=; etc=
    for package in "$@"; do usr="$usr$lab/$package/usr:"; [ ! -d "$lab/$package/etc" ] || etc="$etc$lab/$package/etc:"; done
    mount -t overlay overlay -o "lowerdir=$usr/usr" /usr
    mount -t tmpfs tmpfs "$folder/work"
    mkdir "$folder/work/up" "$folder/work/work"
    mount -t overlay overlay -o "lowerdir=$etc/etc,upperdir=$folder/work/up,workdir=$folder/work/work" /etc
    cp "$here"/etc/* /etc/
    echo 'uucp:x:10:10:uucp:/var/spool/uucp:/usr/sbin/nologin' >>/etc/passwd
    echo 'uucp:x:10:' >>/etc/group
    LD_LIBRARY_PATH=$(for package in "$@"; do printf %s "$lab/$package/lib/x86_64-linux-gnu:"; done)/usr/lib/x86_64-linux-gnu
    export LD_LIBRARY_PATH
    mount -t tmpfs tmpfs /var
    mkdir -p /var/lib /var/log /var/mail /var/run /var/spool /var/tmp
    chmod 1777 /var/tmp
    echo mx.b.test >/etc/mailname
    printf 'postmaster: root\n' >/etc/aliases
}

start() {
    [ -n "${SCENARIO:-}" ] || exec "$@"
    "$@" &
    server=$!
    . "$SCENARIO"
}

case $name in
sendmail)
    overlay sendmail sendmail-base
    # sendmailconfig: the access table of the examples, empty files for dialup and provider.
    mkdir -p /var/lib/sendmail/host_status /var/run/sendmail/mta /var/spool/mqueue /etc/mail/m4
    chown -R smmta:smmsp /var/lib/sendmail /var/run/sendmail /var/spool/mqueue
    : >/etc/mail/m4/dialup.m4; : >/etc/mail/m4/provider.m4
    sed "s/^Connect:127[[:space:]]/${1:-Connect:127}\t/" /usr/share/sendmail/examples/db/access >/etc/mail/access
    printf 'localhost\nmx.b.test\nb.test\n' >/etc/mail/local-host-names
    printf 'root\n' >/etc/mail/trusted-users
    mv /etc/aliases /etc/mail/aliases
    cd /etc/mail
    sed "$([ "$port" = 25 ] || echo "s/Port=smtp,/Port=$port,/;") /Port=submission/d" /usr/share/sendmail/cf/debian/sendmail.mc >sendmail.mc
    m4 sendmail.mc >sendmail.cf
    makemap=/usr/sbin/makemap; [ -x "$makemap" ] || makemap=/usr/libexec/sendmail/makemap
    "$makemap" hash access <access
    # Without this it would not serve on a busy machine.
    start unshare --uts /bin/sh -c 'hostname mx.b.test; exec /usr/libexec/sendmail/sendmail -C/etc/mail/sendmail.cf -O RefuseLA=1000 -O QueueLA=1000 -bD'
    ;;
postfix)
    overlay postfix
    # What postinst writes for "Internet site".
    export LD_LIBRARY_PATH="/usr/lib/postfix:$LD_LIBRARY_PATH"
    mkdir -p /var/lib/postfix /var/spool/postfix
    chown postfix /var/lib/postfix
    cd /etc/postfix
    cp /usr/share/postfix/dynamicmaps.cf /usr/share/postfix/makedefs.out .
    cp /usr/share/postfix/main.cf.debian main.cf
    sed "$([ "$port" = 25 ] || echo "s/^smtp  *inet /127.0.0.1:$port inet /")" /usr/share/postfix/master.cf.dist >master.cf
    if [ "${1:-}" = postscreen ]; then
        # The lines that Debian's file has as comments.
        shift
        sed -i "s/^127.0.0.1:$port inet /#&/; s/^#smtp  *inet \\(.*postscreen\\)/127.0.0.1:$port inet \\1/; s/^#\\(smtpd *pass\\|dnsblog\\|tlsproxy\\)/\\1/" master.cf
    fi
    postconf -e "smtpd_relay_restrictions=permit_mynetworks permit_sasl_authenticated defer_unauth_destination" \
        myhostname=mx.b.test alias_maps=hash:/etc/aliases alias_database=hash:/etc/aliases myorigin=/etc/mailname \
        "mydestination=\$myhostname, b.test, mx.b.test, localhost.b.test, localhost" relayhost= \
        "mynetworks=127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128" mailbox_size_limit=0 recipient_delimiter=+ inet_interfaces=all \
        inet_protocols=all
    # For the test: a log, and the libraries beside the packages.
    postconf -e maillog_file=/var/log/postfix.log "import_environment=LD_LIBRARY_PATH=$LD_LIBRARY_PATH" "$@"
    postalias /etc/aliases
    # As 'postfix start-fg' does, but within this process group.
    cd /var/spool/postfix
    mkdir active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace
    chown postfix ./*; chown root pid; chown postfix:postdrop maildrop public
    chmod 700 ./*; chmod 755 pid; chmod 1730 maildrop; chmod 2710 public
    start /usr/lib/postfix/sbin/master -s
    ;;
exim)
    overlay exim
    # What postinst writes for "internet site".
    mkdir -p /var/lib/exim4 /var/spool/exim4/db /var/spool/exim4/input /var/spool/exim4/msglog /var/log/exim4
    chown -R Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4
    cat >/etc/exim4/update-exim4.conf.conf <<END
dc_eximconfig_configtype='internet'
dc_other_hostnames='mx.b.test;b.test'
dc_local_interfaces='127.0.0.1 ; ::1'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='${1:-false}'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
END
    unshare --uts /bin/sh -c 'hostname mx.b.test; update-exim4.conf'
    # Its own port is the one of its configuration.
    [ "$port" = 25 ] || interface="-oX 127.0.0.1.$port"
    start unshare --uts /bin/sh -c 'hostname mx.b.test; exec /usr/sbin/exim4 -bdf $0' "${interface:-}"
    ;;
opensmtpd)
    overlay opensmtpd
    mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
    chmod 711 /var/spool/smtpd
    # As its comment says for a site that takes mail.
    sed "s/^listen on localhost/listen on localhost port $port hostname mx.b.test/; s/^# match from any for domain \"example.org\"/match from any for domain \"b.test\"/" \
        /etc/smtpd.conf >/etc/smtpd.stock
    exec /usr/sbin/smtpd -d -f /etc/smtpd.stock
    ;;
esac

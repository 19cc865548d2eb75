#!/bin/bash
# Private sendmail servers for tests (Debian, root, loopback only), from the packages that fetch.sh extracts. Used by Sendmail.cs.
SM_LAB=${SM_LAB:?the folder of the extracted packages}
SM_ROOT=$SM_LAB/sendmail

# ---------------------------------------------------------------- 1. the programs
SM_BIN=$SM_ROOT/usr/libexec/sendmail/sendmail
SM_M4=$(command -v m4 || echo $SM_ROOT/usr/bin/m4)
SM_CFDIR=$SM_ROOT/usr/share/sendmail/cf/
SM_LIBS=$SM_ROOT/usr/lib/x86_64-linux-gnu:$SM_ROOT/lib/x86_64-linux-gnu

# sm_run HOSTNAME ARGS...: sendmail under a qualified host name of its own (an unqualified one costs 60 s), clean environment.
sm_run() { ( sm_exec "$@" ); }
sm_exec() {
    local host=$1; shift
    exec unshare -u /bin/sh -c 'hostname "$0" && exec "$@"' "$host" \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LD_LIBRARY_PATH="$SM_LIBS" "$SM_BIN" "$@"
}

# ---------------------------------------------------------------- 2. configurations
# sm_dir DIR: the folders and files that every instance needs.
sm_dir() {
    mkdir -p $1/queue $1/box && chmod 700 $1/queue && printf 'hosts files\n' >$1/switch
}

# sm_common DIR HOSTNAME: the part of the mc that A and B share (to stdout).
sm_common() { cat <<MC
divert(-1)
define(\`MAIL_SETTINGS_DIR', \`$1/')
divert(0)dnl
OSTYPE(\`linux')dnl
define(\`QUEUE_DIR', \`$1/queue')dnl
define(\`confPID_FILE', \`$1/sendmail.pid')dnl
undefine(\`ALIAS_FILE')dnl
define(\`STATUS_FILE', \`$1/statistics')dnl
define(\`HELP_FILE', \`/dev/null')dnl
define(\`confSERVICE_SWITCH_FILE', \`$1/switch')dnl
define(\`confDOMAIN_NAME', \`$2')dnl
define(\`confTO_IDENT', \`0')dnl
define(\`confLOG_LEVEL', \`0')dnl
define(\`confDONT_PROBE_INTERFACES', \`true')dnl
define(\`confDONT_BLAME_SENDMAIL', \`TrustStickyBit,GroupReadableKeyFile,GroupWritableDirPathSafe')dnl
define(\`confQUEUE_LA', \`1000')dnl
define(\`confREFUSE_LA', \`1000')dnl
undefine(\`confCW_FILE')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`accept_unresolvable_domains')dnl
MC
}

# sm_boxfile DIR: writes the delivery program and prints the mailer line: one file a recipient and message.
# Flags: n no "From " line, u keep upper case, S keep the uid (root), 8 never convert 8 bits; no E (">From"), 7, 9, X, D, F, M
# (no added headers). L=0 no line limit, E= the line ends written.
sm_boxfile() {
    local dir=$1
    cat >$dir/box.sh <<'SH'
#!/bin/sh
# argv: folder, sender, recipient; the message on stdin. Exit 75 = try again later.
umask 022
r=$(printf %s "$3" | tr -c 'A-Za-z0-9@._+=-' _)
t=$(mktemp "$1/.in.XXXXXXXX") || exit 75
cat >"$t" || exit 75
n=$r.${t##*.}
printf '%s\n%s\n' "$2" "$3" >"$1/$n.env" || exit 75
mv "$t" "$1/$n.eml" || exit 75
SH
    chmod 755 $dir/box.sh
    echo "Mboxfile, P=$dir/box.sh, F=nuS8, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=0, T=DNS/RFC822/X-Unix, A=boxfile $dir/box \$g \$u"
}

# sm_make DIR: DIR/sendmail.mc -> DIR/sendmail.cf
sm_make() {
    LD_LIBRARY_PATH="$SM_LIBS" $SM_M4 -D_CF_DIR_=$SM_CFDIR $SM_CFDIR/m4/cf.m4 $1/sendmail.mc >$1/sendmail.cf
}

# sm_server DIR HOSTNAME PORT DOMAINS [tls]: the configuration of a server that stores mail for DOMAINS (one word, spaces between)
# in DIR/box/<recipient>.<unique>.eml (octets as received after the headers; CR LF line ends). SM_EXTRA: more mc lines.
sm_server() {
    local dir=$1 host=$2 port=$3 doms=$4 tls=${5:-} dom
    sm_dir $dir
    {
    sm_common $dir $host
    cat <<MC
FEATURE(\`no_default_msa')dnl
FEATURE(\`mailertable', \`text -k0 -v1 -o $dir/mailertable')dnl
define(\`confMAX_MESSAGE_SIZE', \`50000000')dnl
${SM_EXTRA:-}
DAEMON_OPTIONS(\`Family=inet, Addr=127.0.0.1, Port=$port, Name=MTA')dnl
MC
    for dom in $doms; do echo "RELAY_DOMAIN(\`$dom')dnl"; done
    [ -n "$tls" ] && cat <<MC
define(\`confCACERT_PATH', \`$dir/')dnl
define(\`confCACERT', \`$dir/cert.pem')dnl
define(\`confSERVER_CERT', \`$dir/cert.pem')dnl
define(\`confSERVER_KEY', \`$dir/key.pem')dnl
define(\`confTLS_SRV_OPTIONS', \`V')dnl
MC
    cat <<MC
MAILER(\`smtp')dnl
MAILER_DEFINITIONS
$(sm_boxfile $dir)
MC
    } >$dir/sendmail.mc
    printf '%s boxfile:x\n' $doms >$dir/mailertable
    [ -n "$tls" ] && sm_cert $dir $host
    sm_make $dir
}

# sm_stranger DIR: a client on this machine is a stranger: no relaying for it.
sm_stranger() { sed -i '/^R127\.0\.0\.1[[:space:]]*\$@ RELAY/d' $1/sendmail.cf; }

# sm_cert DIR HOSTNAME: a self-signed certificate
sm_cert() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$2" \
        -addext "subjectAltName=DNS:$2" -keyout $1/key.pem -out $1/cert.pem 2>/dev/null && chmod 600 $1/key.pem
}

# sm_sender DIR HOSTNAME DOMAIN PROGRAM [ARGS...]: the configuration of a sender whose mail for DOMAIN (or `smart': all)
# is spoken in SMTP on stdin and stdout of PROGRAM ARGS... ($h, $g may stand in ARGS, $u may not).
# SM_EXTRA: more mc lines, before MAILER.
sm_sender() {
    local dir=$1 host=$2 dom=$3 prog=$4; shift 4
    sm_dir $dir
    {
    sm_common $dir $host
    [ $dom = smart ] && printf 'define(`SMART_HOST'"'"', `blackpony:[next.test]'"'"')dnl\n'
    cat <<MC
FEATURE(\`mailertable', \`text -k0 -v1 -o $dir/mailertable')dnl
$SM_EXTRA
MAILER(\`smtp')dnl
MAILER_DEFINITIONS
$(sm_boxfile $dir)
Mblackpony, P=$prog, F=mDFMuXakS, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=990, T=DNS/RFC822/SMTP, A=blackpony $*
MC
    } >$dir/sendmail.mc
    printf '%s %s\n%s boxfile:x\n' $dom "${SM_ROUTE:-blackpony:$dom}" ${host#*.} >$dir/mailertable
    sm_make $dir
}

# sm_router DIR HOSTNAME: the configuration of a sender with the mailers of SM_MAILERS and the mailertable SM_TABLE.
sm_router() {
    local dir=$1 host=$2
    sm_dir $dir
    {
    sm_common $dir $host
    cat <<MC
FEATURE(\`mailertable', \`text -k0 -v1 -o $dir/mailertable')dnl
MAILER(\`smtp')dnl
MAILER_DEFINITIONS
$SM_MAILERS
MC
    } >$dir/sendmail.mc
    printf '%s\n' "$SM_TABLE" >$dir/mailertable
    sm_make $dir
}

# ---------------------------------------------------------------- 3. running
# sm_send DIR HOSTNAME SENDER FILE RCPT...: hands a message in and delivers it at once, in the foreground; verbose text on stdout.
sm_send() {
    local dir=$1 host=$2 from=$3 file=$4; shift 4
    sm_run $host -C $dir/sendmail.cf -bm -v -i -odi -f "$from" -- "$@" <$file
}
sm_queue() { sm_run $2 -C $1/sendmail.cf -bp; }               # mailq; ends with "Total requests: N"
sm_retry() { sm_run $2 -C $1/sendmail.cf -v -q; }             # queue run at once; -v (or -qf) keeps it in the foreground, plain -q forks


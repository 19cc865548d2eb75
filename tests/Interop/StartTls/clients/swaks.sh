#!/bin/sh
# swaks.sh HOST PORT POLICY CAFILE FROM TO USER PASSWORD MESSAGE: swaks sends the message of the standard input.
# LAB: where the packages are extracted.
case $3 in
opportunistic) set -- "$@" --tls-optional-strict ;;
required) set -- "$@" --tls ;;
verify) set -- "$@" --tls --tls-verify --tls-ca-path "$4" ;;
esac
host=$1 port=$2 from=$5 to=$6 user=$7 password=$8
shift 9
# It ends the last line itself.
message=$(tr -d '\r')
export PERL5LIB="$LAB/net-smtp/usr/share/perl5:$(echo "$LAB"/net-smtp/usr/lib/*/perl5/*):$LAB/swaks/usr/share/perl5"
export LD_LIBRARY_PATH="$LAB/net-smtp/usr/lib/x86_64-linux-gnu"
exec perl "$LAB/swaks/usr/bin/swaks" --server "$host" --port "$port" --from "$from" --to "$to" --helo client.test \
    --auth-optional --auth-user "$user" --auth-password "$password" --timeout 5s --data "$message" "$@"

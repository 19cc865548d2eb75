#!/bin/sh
# msmtp.sh HOST PORT POLICY CAFILE FROM TO USER PASSWORD MESSAGE: msmtp sends the message of the standard input.
# LAB: where the packages are extracted.
# It has no policy "opportunistic".
case $3 in
required) set -- "$@" --tls-certcheck=off ;;
verify) set -- "$@" --tls-certcheck=on "--tls-trust-file=$4" ;;
esac
host=$1 port=$2 from=$5 to=$6 user=$7 password=$8
shift 9
export LD_LIBRARY_PATH="$LAB/msmtp/usr/lib/x86_64-linux-gnu"
tr -d '\r' | "$LAB/msmtp/usr/bin/msmtp" "--host=$host" "--port=$port" --tls=on --tls-starttls=on --auth=on "--user=$user" \
    "--passwordeval=echo $password" "--from=$from" "$@" -- "$to"

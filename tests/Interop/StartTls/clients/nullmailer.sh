#!/bin/sh
# nullmailer.sh HOST PORT POLICY CAFILE FROM TO USER PASSWORD MESSAGE: nullmailer sends the message.
# LAB: where the packages are extracted. It delivers with TLS only.
case $3 in
required) set -- "$@" insecure ;;
verify) set -- "$@" "x509cafile=$4" ;;
esac
host=$1 port=$2 from=$5 to=$6 user=$7 password=$8 message=$9
shift 9
{ printf '%s\n%s\n\n' "$from" "$to"; tr -d '\r' <"$message"; } >"$message.queued"
export HELOHOST=client.test
export LD_LIBRARY_PATH="$LAB/nullmailer/usr/lib/x86_64-linux-gnu"
printf '%s\n' "host=$host" "port=$port" starttls "user=$user" "pass=$password" "$@" '' |
    "$LAB/nullmailer/usr/lib/nullmailer/smtp" 3<"$message.queued"

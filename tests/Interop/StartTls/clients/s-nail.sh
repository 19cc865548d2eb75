#!/bin/sh
# s-nail.sh HOST PORT POLICY CAFILE FROM TO USER PASSWORD MESSAGE: s-nail sends the message of the standard input.
# LAB: where the packages are extracted. It delivers with TLS only.
case $3 in
required) verify=ignore ;;
verify) verify=strict ;;
esac
export HOME=/nonexistent
export LD_LIBRARY_PATH="$LAB/s-nail/usr/lib/x86_64-linux-gnu"
tr -d '\r' | "$LAB/s-nail/usr/bin/s-nail" -:/ -t -S v15-compat -S sendwait -S smtp-use-starttls -S smtp-hostname=client.test \
    -S "mta=smtp://$7:$8@$1:$2" -S "from=$5" -S "tls-verify=$verify" -S tls-ca-no-defaults -S "tls-ca-file=$4" \
    -S ttycharset=iso-8859-1 -S sendcharsets=iso-8859-1 "$6"

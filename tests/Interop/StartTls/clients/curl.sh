#!/bin/sh
# curl.sh HOST PORT POLICY CAFILE FROM TO USER PASSWORD MESSAGE: curl sends the message of the standard input.
# LAB: where the packages are extracted.
case $3 in
opportunistic) set -- "$@" --ssl --insecure ;;
required) set -- "$@" --ssl-reqd --insecure ;;
verify) set -- "$@" --ssl-reqd --cacert "$4" ;;
esac
url=smtp://$1:$2 from=$5 to=$6 login=$7:$8
shift 9
export LD_LIBRARY_PATH="$LAB/curl/usr/lib/x86_64-linux-gnu"
exec "$LAB/curl/usr/bin/curl" --disable --silent --show-error --noproxy '*' --url "$url" --mail-from "$from" --mail-rcpt "$to" \
    --user "$login" --upload-file - "$@"

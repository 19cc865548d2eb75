#!/bin/sh
# net-smtp.sh ARGUMENT...: net-smtp.pl with the modules of the extracted packages. LAB: where these are.
export PERL5LIB="$LAB/net-smtp/usr/share/perl5:$(echo "$LAB"/net-smtp/usr/lib/*/perl5/*)"
export LD_LIBRARY_PATH="$LAB/net-smtp/usr/lib/x86_64-linux-gnu"
exec perl "${0%.sh}.pl" "$@"

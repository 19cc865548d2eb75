#!/bin/sh
# mutt.sh HOST PORT POLICY CAFILE FROM TO USER PASSWORD MESSAGE: mutt sends the message.
# LAB: where the packages are extracted.
# Without a terminal it accepts no certificate but one of the authorities in its file, so it verifies with every policy.
case $3 in
opportunistic) force=no ;;
required | verify) force=yes ;;
esac
home=${9%/*}
tr -d '\r' <"$9" >"$9.draft"
cat >"$9.rc" <<END
set smtp_url="smtp://$7@$1:$2/" smtp_pass="$8"
set ssl_starttls=yes ssl_force_tls=$force ssl_ca_certificates_file="$4" certificate_file=
set from="$5" envelope_from_address="$5" use_envelope_from=yes hostname=client.test
set sleep_time=0 copy=no connect_timeout=10 abort_nosubject=no edit_headers=no charset=iso-8859-1 send_charset=iso-8859-1
END
export HOME="$home" TMPDIR="$home" TERM=dumb
export LD_LIBRARY_PATH="$LAB/mutt/usr/lib/x86_64-linux-gnu"
exec "$LAB/mutt/usr/bin/mutt" -n -F "$9.rc" -H "$9.draft" -- "$6" </dev/null

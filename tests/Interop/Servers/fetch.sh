#!/bin/bash
# fetch.sh FOLDER: the mail servers and clients of tests/Interop, from Debian's packages, into FOLDER/NAME. They are extracted, not
# installed: no conflict with another mail server, no users, no services. What they need and the machine has not comes along.
set -euo pipefail
lab=${1:?the folder for the extracted packages}

fetch() {
    local name=$1; shift
    [ ! -e "$lab/$name/.complete" ] || return 0
    echo "Fetching $name into $lab …"
    local fresh needed; fresh=$(mktemp -d "$lab/.$name.XXXXXX")
    needed=$(apt-get -qq --print-uris install -y --no-install-recommends "$@" | sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p")
    ( cd "$fresh" && apt-get -qq -o APT::Sandbox::User=root download $(printf '%s\n' $needed "$@" | sort -u) && for deb in *.deb; do dpkg -x "$deb" .; done && rm -- *.deb )
    chmod 755 "$fresh"; touch "$fresh/.complete"
    rm -rf "${lab:?}/$name"; mv "$fresh" "$lab/$name"
}

mkdir -p "$lab"
exec 9>"$lab/.lock"; flock 9
fetch postfix postfix
fetch exim exim4-daemon-light
fetch exim-heavy exim4-daemon-heavy # which knows PROXY
fetch opensmtpd opensmtpd
fetch swaks swaks
fetch msmtp msmtp

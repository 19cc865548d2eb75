#!/usr/bin/env bash
# fetch.sh FOLDER         downloads the mail servers and clients of tests/Interop, Debian's packages, and extracts each to FOLDER/NAME;
#                         those for Node.js come from npm, to FOLDER/npm
# fetch.sh FOLDER --size  says how many kilobytes that would download
# They are not installed: no conflict with another mail server, no users, no services. Libraries that the machine lacks come along.
set -euo pipefail
lab=${1:?the folder for the extracted packages}

declare -A packages=(
    [sendmail]="sendmail-bin sendmail-cf m4"
    [sendmail-base]=sendmail-base # Debian's access table
    [postfix]=postfix
    [exim]=exim4-daemon-light
    [exim-heavy]=exim4-daemon-heavy # supports the PROXY protocol
    [opensmtpd]=opensmtpd
    [swaks]=swaks
    [msmtp]=msmtp
    [haproxy]=haproxy
    [redis]=redis-server
    [prometheus]=prometheus # and promtool
    [twisted]=python3-twisted
    [dovecot]=dovecot-submissiond
    [nginx]="nginx libnginx-mod-mail"
    [curl]=curl
    [nullmailer]=nullmailer
    [s-nail]=s-nail
    [mutt]=mutt
    [aiosmtplib]=python3-aiosmtplib
    [net-smtp]="libio-socket-ssl-perl libnet-ssleay-perl libauthen-sasl-perl" # what Perl's Net::SMTP and swaks need for TLS and AUTH
)
# From Debian 13, with the libraries that it is linked with: OpenSMTPD of Debian 12 completes no handshake (its issues 1171 and 1239).
trixie="opensmtpd libc6 libssl3t64 libevent-2.1-7t64 libdb5.3t64 zlib1g libzstd1 libpam0g libaudit1 libcap-ng0 libcrypt1"

# One at a time, because apt resolves conflicts by leaving a server out.
uris() { apt-get -qq --print-uris install -y --no-install-recommends $1 || true; }

# Node.js, and servers and a client for it, in the versions of the lock file; no script of a package is run.
modules=$(cd "$(dirname "$0")/../StartTls/npm" && pwd)

keep() { # NAME: what was extracted is whole
    # The loader ignores LD_LIBRARY_PATH for set-user-id and set-group-id programs, and so would not find the libraries that came along.
    find "$fresh" -type f -perm /6000 -exec chmod ug-s {} +
    chmod 755 "$fresh"; touch "$fresh/.complete"
    rm -rf "${lab:?}/$1"; mv "$fresh" "$lab/$1"
}

size=0 fresh=
mkdir -p "$lab"
exec 9>"$lab/.lock"; flock 9
trap 'rm -rf "$fresh"' EXIT
for name in "${!packages[@]}"; do
    [ ! -e "$lab/$name/.complete" ] || continue
    if [ "${2:-}" = --size ]; then
        size=$((size + $(uris "${packages[$name]}" | awk '{ kilobytes += $3 / 1000 } END { print int(kilobytes) }')))
        continue
    fi
    fresh=$(mktemp -d "$lab/.$name.XXXXXX")
    needed=$(uris "${packages[$name]}" | sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p")
    ( cd "$fresh" && apt-get -qq -o APT::Sandbox::User=root download $(printf '%s\n' $needed ${packages[$name]} | sort -u) && for deb in *.deb; do dpkg -x "$deb" .; done && rm -- *.deb )
    keep "$name"
done
if [ ! -e "$lab/opensmtpd-13/.complete" ]; then
    if [ "${2:-}" = --size ]; then
        size=$((size + 17000))
    else
        fresh=$(mktemp -d "$lab/.opensmtpd-13.XXXXXX")
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | awk '/\/debian\/$/ && !found++')
        mkdir -p "$fresh"/apt/{lists,cache/archives}/partial; touch "$fresh/apt/status"
        echo "deb ${mirror:-http://deb.debian.org/debian/} trixie main" >"$fresh/apt/list"
        trixie() { apt-get -qq -o APT::Sandbox::User=root -o "Dir::Etc::SourceList=$fresh/apt/list" -o Dir::Etc::SourceParts=- -o "Dir::State=$fresh/apt" -o "Dir::State::Status=$fresh/apt/status" -o "Dir::Cache=$fresh/apt/cache" "$@"; }
        trixie update
        ( cd "$fresh" && trixie download $trixie && for deb in *.deb; do dpkg -x "$deb" .; done && rm -r -- *.deb apt )
        keep opensmtpd-13
    fi
fi
if ! cmp -s "$modules/package-lock.json" "$lab/npm/package-lock.json"; then
    # tests/run asks for the size before it installs npm.
    if [ "${2:-}" = --size ]; then
        size=$((size + 60000))
    elif command -v npm >/dev/null; then
        fresh=$(mktemp -d "$lab/.npm.XXXXXX")
        cp "$modules"/package*.json "$fresh/"
        ( cd "$fresh" && npm ci --silent --ignore-scripts --omit=optional --no-audit --no-fund )
        keep npm
    fi
fi
[ "${2:-}" != --size ] || echo "$size"

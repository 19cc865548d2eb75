#!/bin/bash
# ask.sh CLIENT HOST PORT POLICY CAFILE FROM TO USER PASSWORD MESSAGE [COUNT]: asks a client that is already running, and listens on the
# port CLIENT, to send a message, COUNT times on one connection. Starting an interpreter for each message would take minutes.
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 2
shift
[ $# = 10 ] || set -- "$@" 1
(IFS=$'\t' && printf '%s\n' "$*") >&3
read -r code text <&3
printf '%s\n' "$text" >&2
exit "$code"

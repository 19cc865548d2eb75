#!/bin/sh
# private.sh PROGRAM ARGUMENT...: runs a mail server in a mount namespace of its own, with the users, groups and host names of
# tests/Interop/Servers/etc. Its package's installation would have made the users; an extracted package needs them all the same.
top=$(cd "$(dirname "$0")/../../.." && pwd -P)
exec unshare --mount --propagation private /bin/sh -c '
    set -e
    top=$0
    for file in passwd group hosts; do
        [ ! -e "/etc/$file" ] || mount --bind "$top/tests/Interop/Servers/etc/$file" "/etc/$file"
    done

    # Mail servers give up root, and must still reach their programs in a checkout below a folder such as /root (mode 0700).
    # There that folder is shown with the way to the checkout open to all.
    closed=; folder=$top
    while [ "$folder" != / ]; do
        case $(stat -c %A "$folder") in *[!xt]) closed=$folder ;; esac
        folder=$(dirname "$folder")
    done
    if [ -n "$closed" ]; then
        way=$(mktemp -d)
        mount -t tmpfs tmpfs "$way"
        (umask 022 && mkdir -p "$way/work" "$way/top" "$way/upper${top#"$closed"}")
        mount --bind "$top" "$way/top"
        mount -t overlay overlay -o "lowerdir=$closed,upperdir=$way/upper,workdir=$way/work" "$closed"
        # A checkout that is a mount itself is not in that picture.
        [ -e "$top/tests" ] || mount --bind "$way/top" "$top"
        umount "$way/top"
        umount --lazy "$way"
        rmdir "$way"
    fi
    exec "$@"' "$top" "$@"

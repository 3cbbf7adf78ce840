#!/usr/bin/env bash
# Usage: in-sandbox.sh COMMAND [ARGUMENT...]
#
# Runs a command in a throw-away system like the one in which the book's blocks run: an unprivileged user, own process,
# network, mount and IPC namespaces, own /tmp /var /run /etc /root, nothing of the host but a read-only /usr.
#
# Environment:
#   SANDBOX_PATH     programs and directories of programs, separated by ":", copied onto the PATH inside
#                    (default: the scripts, tests/host, and the test instance in target/release or $ENGRAM_BINARY)
#   SANDBOX_FILES    more files, separated by ":", copied to /opt/tests inside
#   SANDBOX_VAR_SIZE bytes of the file system at /var (default 64 MiB)
#
# Exit status: that of the command; 3 if this machine does not allow the sandbox.

set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
root=$(readlink -f -- "$here/../..")

if [ "$#" -eq 0 ] || [ "$1" = --help ] || [ "$1" = -h ]; then
  awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "${BASH_SOURCE[0]}"
  exit 64
fi
if ! command -v bwrap >/dev/null; then
  echo 'in-sandbox.sh: bubblewrap is not installed: sudo apt-get install bubblewrap' >&2
  exit 3
fi

engram="${ENGRAM_BINARY:-$root/target/release/engram}"
path="${SANDBOX_PATH:-$root/scripts:$root/tests/host:$engram}"

# The unprivileged user may not be able to look into the repository, so everything is copied.
staging=$(mktemp -d)
trap 'rm -rf -- "$staging"' EXIT
chmod 0755 "$staging"
mkdir "$staging/bin" "$staging/tests"
IFS=: read -r -a entries <<<"$path"
for entry in "${entries[@]}"; do
  if [ -d "$entry" ]; then
    find "$entry" -maxdepth 1 -type f -exec cp --preserve=mode -t "$staging/bin" -- {} +
  elif [ -f "$entry" ]; then
    cp --preserve=mode -t "$staging/bin" -- "$entry"
  fi
done
IFS=: read -r -a entries <<<"${SANDBOX_FILES:-}"
for entry in ${entries[0]+"${entries[@]}"}; do
  cp -t "$staging/tests" -- "$entry"
done
chmod -R a+rX "$staging"
printf '%s\n' 'root:x:0:0::/root:/bin/bash' 'engram:x:0:0::/root:/bin/bash' >"$staging/passwd"
printf '%s\n' 'root:x:0:' 'engram:x:0:' >"$staging/group"
printf '%s\n' '127.0.0.1 localhost sandbox' '::1 localhost' >"$staging/hosts"
printf '%s\n' 'passwd: files' 'group: files' 'hosts: files' >"$staging/nsswitch.conf"
chmod 0644 "$staging"/passwd "$staging"/group "$staging"/hosts "$staging"/nsswitch.conf

drop=()
if [ "$(id -u)" -eq 0 ]; then
  drop=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all --)
fi
size=67108864

cd /
"${drop[@]}" bwrap \
  --unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try --uid 0 --gid 0 \
  --hostname sandbox --die-with-parent --new-session \
  --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/sbin /sbin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
  --dev /dev --proc /proc \
  --size $size --tmpfs /tmp --size $size --tmpfs /run --size "${SANDBOX_VAR_SIZE:-$size}" --tmpfs /var \
  --size $size --tmpfs /root --size $size --tmpfs /etc \
  --ro-bind-try /etc/alternatives /etc/alternatives --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache \
  --ro-bind "$staging/passwd" /etc/passwd --ro-bind "$staging/group" /etc/group \
  --ro-bind "$staging/hosts" /etc/hosts --ro-bind "$staging/nsswitch.conf" /etc/nsswitch.conf \
  --dir /var/log --dir /var/lib --dir /var/tmp --symlink /run /var/run \
  --ro-bind "$staging/bin" /opt/runbook/bin --ro-bind "$staging/tests" /opt/tests \
  --remount-ro / --chdir /root --clearenv \
  --setenv PATH /opt/runbook/bin:/usr/local/bin:/usr/bin:/usr/sbin --setenv HOME /root --setenv LC_ALL C.UTF-8 \
  --setenv TZ UTC --setenv TERM dumb --setenv PAGER cat --setenv NO_COLOR 1 \
  --setenv ENGRAM_DATA_DIR /var/lib/engram --setenv ENGRAM_BACKUP_DIR /var/backups/engram \
  -- "$@" </dev/null

#!/usr/bin/env bash
# Usage: restore.sh [OPTIONS] FILE|latest
#
# Puts the memory spaces of an archive of backup_full.sh back. What is there now is not deleted but moved to a
# quarantine directory outside the data directory. Spaces that the archive does not hold are left alone.
#
# Options:
#       --space ID        put back this space only; with latest: the newest archive that holds it
#       --stop            stop the server first. Without it a running server is refused
#       --yes             do not ask; needed where there is no terminal
#       --dry-run         say what would be done; change nothing
#       --backup-dir DIR  where latest looks, and where the quarantine lies (ENGRAM_BACKUP_DIR, else /var/backups/engram)
#       --quarantine DIR  another place for what is there now (ENGRAM_QUARANTINE_DIR)
#       --data-dir DIR    the data directory (ENGRAM_DATA_DIR, else the running server's)
#   -h, --help            print this text
#
# The server is not started again: look at the result first.
#
# Exit status:
#   0   restored and verified, or a dry run that could be done
#   1   you did not say yes; nothing was changed
#   2   refused or failed; the message says what was changed
#   64  wrong usage

set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lib_change.sh
source "$here/lib_change.sh"

archive=''
stop=false
quarantine_option="${ENGRAM_QUARANTINE_DIR:-}"

while [ "$#" -gt 0 ]; do
  if change_option "$@"; then shift "$taken"; continue; fi
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    --stop) stop=true; shift; continue ;;
    --quarantine) quarantine_option=$(option_value "$1" "$#" "${2-}") || exit ;;
    -*) usage_error "unknown option $1" ;;
    '') usage_error 'the name of the archive is empty' ;;
    *)
      [ -z "$archive" ] || usage_error "one archive, not two: $archive, $1"
      archive=$1
      shift
      continue
      ;;
  esac
  shift 2
done
[ -n "$archive" ] || usage_error 'which archive? a file or latest'
require_terminal_or_yes

need awk flock jq ps sha256sum tar zstd
umask 077

# ---- where --------------------------------------------------------------------------------------

find_data_dir_to_change
if [ -e "$data_dir" ]; then
  [ -d "$data_dir" ] || fail "$data_dir is not a directory"
  if [ ! -r "$data_dir" ] || [ ! -w "$data_dir" ] || [ ! -x "$data_dir" ]; then
    fail "you may not write to $data_dir" 'run this as the user engram or with sudo'
  fi
elif [ ! -d "$(dirname -- "$data_dir")" ]; then
  fail "$(dirname -- "$data_dir") does not exist" 'is its volume mounted? see findmnt'
fi

backup_dir=$(find_backup_dir "$backup_dir_option")
if [ "$archive" = latest ]; then
  archive=$(newest_backup "$backup_dir" ${space:+"$space"}) ||
    fail "there is no archive${space:+ of space $space} in $backup_dir" 'give a file, or the directory: --backup-dir DIR'
fi
archive=$(realpath -m -- "$archive")

now=$(date -u +%Y%m%dT%H%M%SZ)
quarantine_root=$(realpath -m -- "${quarantine_option:-$backup_dir/quarantine}")
! inside "$data_dir" "$quarantine_root" || fail "$quarantine_root is inside the data directory" 'what lies there becomes a memory space; choose another --quarantine'
quarantine="$quarantine_root/$now-$$"

# ---- what ---------------------------------------------------------------------------------------

verified=0
"$here/verify_backup.sh" --quiet "$archive" || verified=$?
[ "$verified" -le "$EXIT_WARNING" ] || fail "nothing was changed: $archive cannot be used" "choose another: ls $(dirname -- "$archive")"
manifest=$(tar --zstd -x -O -f "$archive" --occurrence=1 manifest.json)

mapfile -t spaces < <(jq -r --arg space "$space" '.spaces[].id | select($space == "" or . == $space)' <<<"$manifest")
[ "${#spaces[@]}" -gt 0 ] || fail "$archive does not hold space $space" "it holds: $(jq -r '[.spaces[].id] | join(", ")' <<<"$manifest")"
for name in "${spaces[@]}"; do
  valid_space_id "$name" || fail "the archive names a space that cannot be one: $name"
  [ ! -L "$data_dir/$name" ] || fail "$data_dir/$name is a symbolic link; links are not followed" "look where it leads: ls -ld $data_dir/$name"
  if [ -e "$data_dir/$name" ] && [ ! -d "$data_dir/$name" ]; then fail "$data_dir/$name is not a directory"; fi
done

mapfile -t servers < <(servers_using "$data_dir")
running=false
if [ "${#servers[@]}" -gt 0 ] || data_dir_is_locked "$data_dir"; then running=true; fi

say "archive:    $archive"
jq -r '"made:       \(.created_at) on \(.host)"' <<<"$manifest"
say "restore to: $data_dir"
jq -r --arg space "$space" '.spaces[] | select($space == "" or .id == $space)
  | "  space \(.id): \(.files) files, \(.bytes) bytes\(if .memories == null then "" else ", \(.memories) memories" end)"' <<<"$manifest"
moved=()
for name in "${spaces[@]}"; do
  if [ -d "$data_dir/$name" ]; then moved+=("$name"); fi
done
if [ "${#moved[@]}" -gt 0 ]; then
  say "what is there now goes to quarantine $quarantine: ${moved[*]}"
fi
for directory in "$data_dir"/*/; do
  name=${directory%/}
  name=${name##*/}
  if [ "$name" != '*' ] && [[ " ${spaces[*]} " != *" $name "* ]]; then say "  space $name stays as it is"; fi
done
say 'All that was stored after the archive was made is then only in the quarantine.'

if "$running" && ! "$stop"; then
  fail "the server runs${servers[0]+ (PID ${servers[*]})}; it would go on writing to the files that are moved away. Nothing was changed" \
    'sudo systemctl stop engram, then this again; or give --stop'
fi
if "$dry_run" && "$running"; then say 'would stop the server first'; fi
go_on_or_exit

# ---- do it --------------------------------------------------------------------------------------

mkdir -p -- "$backup_dir"
if [ ! -d "$data_dir" ]; then
  mkdir -m 0750 -- "$data_dir"
  if [ "$(id -u)" -eq 0 ] && getent passwd engram >/dev/null; then chown engram:engram -- "$data_dir"; fi
fi
exec 9>"$backup_dir/.lock"
flock --nonblock 9 || fail "another backup or restore works in $backup_dir. Nothing was changed" 'wait until it has ended'

if "$running"; then
  say 'stopping the server'
  end_server || fail "$reason. Nothing was changed" "$remedy"
fi
# While we hold the server's own lock, no server can start on a half-restored directory.
[ ! -L "$data_dir/.lock" ] || fail "$data_dir/.lock is a symbolic link. Nothing was changed" "remove it: sudo rm $data_dir/.lock"
exec 8>>"$data_dir/.lock"
if [ "$(id -u)" -eq 0 ]; then chown --reference="$data_dir" -- "$data_dir/.lock"; fi
flock --nonblock 8 || fail "a process holds $data_dir/.lock. Nothing was changed" "see which: sudo lsof $data_dir/.lock"

# The staging directory's name is no space id, and it is on the same file system, so that renaming is atomic.
# One that a killed run has left is only a copy from its archive, and we hold the lock.
rm -rf -- "$data_dir"/.restore.*
staging=$(mktemp -d -- "$data_dir/.restore.XXXXXX") || fail "cannot write to $data_dir. Nothing was changed" "df -h $data_dir"
trap 'rm -rf -- "$staging"' EXIT
trap 'exit 2' INT TERM HUP

wanted=$(jq -r --arg space "$space" '[.spaces[] | select($space == "" or .id == $space) | .bytes] | add // 0' <<<"$manifest")
available=$(df -P -k -- "$data_dir" | awk 'NR == 2 { printf "%.0f\n", $4 * 1024 }')
[ "$available" -gt "$wanted" ] || fail "$(human "$wanted") are needed in $data_dir, $(human "$available") are free. Nothing was changed" 'free some space'

tar --zstd -x -f "$archive" -C "$staging" --no-same-owner --no-same-permissions -- "${spaces[@]}" ||
  fail 'unpacking failed. Nothing was changed' "df -h $data_dir"
check_sums() {
  jq -r --arg space "$space" '.files[] | select($space == "" or (.path | startswith($space + "/"))) | "\(.sha256)  \(.path)"' <<<"$manifest" |
    (cd -- "$1" && sha256sum --check --strict --quiet -)
}
if [ "$(jq '.files | length' <<<"$manifest")" -gt 0 ]; then
  check_sums "$staging" || fail 'what was unpacked is not what the manifest says. Nothing was changed' 'look at the disk: sudo dmesg | tail'
fi
chmod -R u=rwX,go= -- "$staging"
if [ "$(id -u)" -eq 0 ]; then chown -R --reference="$data_dir" -- "$staging"; fi
sync -f -- "$staging"

log() { printf '%s restore.sh: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >>"$backup_dir/restore.log"; }
log "archive $archive, spaces ${spaces[*]}, data directory $data_dir, quarantine $quarantine"

done_spaces=()
for name in "${spaces[@]}"; do
  if [ -d "$data_dir/$name" ]; then
    mkdir -p -- "$quarantine"
    mv -T -- "$data_dir/$name" "$quarantine/$name" || {
      log "failed at $name"
      fail "space $name could not be moved to $quarantine. Restored so far: ${done_spaces[*]-none}" 'ls -ld the two directories; then run this again'
    }
  fi
  mv -T -- "$staging/$name" "$data_dir/$name" || {
    log "failed at $name"
    fail "space $name is in $quarantine, but could not be put back. Restored so far: ${done_spaces[*]-none}" 'run this again'
  }
  done_spaces+=("$name")
done
sync -f -- "$data_dir"

if [ "$(jq '.files | length' <<<"$manifest")" -gt 0 ]; then
  check_sums "$data_dir" || { log 'verification failed'; fail 'the restored files are not what the manifest says' 'look at the disk: sudo dmesg | tail'; }
fi
log 'done'
say "restored and verified: ${done_spaces[*]}"
[ "${#moved[@]}" -eq 0 ] || say "what was there before: $quarantine"
say 'next: sudo systemctl start engram, then diagnose_health.sh'
exit "$EXIT_OK"

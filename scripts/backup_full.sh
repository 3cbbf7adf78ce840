#!/usr/bin/env bash
# Usage: backup_full.sh [OPTIONS]
#
# Writes one archive of all memory spaces, or of one, and verifies it. The server may run.
#
# Options:
#       --space ID        back up this space only
#   -o, --output DIR      where the archive goes    (ENGRAM_BACKUP_DIR, else /var/backups/engram)
#       --data-dir DIR    the data directory        (ENGRAM_DATA_DIR, else the running server's)
#       --url URL         the server, asked for the number of memories (ENGRAM_URL, else http://localhost:7432)
#   -h, --help            print this text
#
# The archive is engram-full-<space|all>-<UTC time>.tar.zst. The newest is found by the time in its name:
# verify_backup.sh latest, restore.sh latest. It holds manifest.json with size and SHA-256 of each file.
#
# What is guaranteed: each file in the archive is a checkpoint, or the beginning of a log file as it was at one moment; nothing that was
# acknowledged before this script started is missing. While the server runs, a record that is just being written
# may be cut at the end of the newest log file of a space; the server drops such a record at start. Engram 0.1.0 does not
# and refuses to start, so stop it before a backup.
# Left out: warm_tier.dat, which the server makes anew at each start; symbolic links; other special files.
#
# Exit status:
#   0   the archive is written and verified
#   1   it is written and verified, but something was left out that a restore may miss (see the warnings)
#   2   no archive was written
#   64  wrong usage

set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"

space=''
output_option=''
data_dir_option=''
url="${ENGRAM_URL:-http://localhost:7432}"

while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    --space) space=$(option_value "$1" "$#" "${2-}") || exit ;;
    -o | --output) output_option=$(option_value "$1" "$#" "${2-}") || exit ;;
    --data-dir) data_dir_option=$(option_value "$1" "$#" "${2-}") || exit ;;
    --url) url=$(option_value "$1" "$#" "${2-}") || exit ;;
    *) usage_error "unknown argument $1" ;;
  esac
  shift 2
done
require_space_id "$space"
[ "$space" != all ] || usage_error 'a space called "all" cannot be backed up alone: its archive would be taken for a full one'

need awk curl flock jq ps sha256sum tar zstd
umask 077

data_dir=$(find_data_dir "$data_dir_option") || fail 'the data directory is not known' 'set ENGRAM_DATA_DIR or give --data-dir'
[ -d "$data_dir" ] || fail "the data directory $data_dir does not exist" 'is its volume mounted? see findmnt'
if [ ! -r "$data_dir" ] || [ ! -x "$data_dir" ]; then
  fail "the data directory $data_dir cannot be read" 'run this as the user engram or with sudo'
fi
backup_dir=$(find_backup_dir "$output_option")
# Any directory in the data directory becomes a memory space.
! inside "$data_dir" "$backup_dir" || fail "$backup_dir is inside the data directory" 'choose a directory elsewhere, best on another disk'
mkdir -p -- "$backup_dir" || fail "cannot make $backup_dir" 'choose another with --output'
if [ ! -w "$backup_dir" ]; then
  fail "cannot write to $backup_dir" 'choose another with --output, or run this with sudo'
fi

exec 9>"$backup_dir/.lock"
flock --nonblock 9 || fail "another backup or restore works in $backup_dir" 'wait until it has ended'

# What a killed run has left; we hold the lock, so no other is at work.
rm -rf -- "$backup_dir"/.backup.*

work=''
trap 'rm -rf -- ${work:+"$work"}' EXIT
trap 'exit 2' INT TERM HUP
work=$(mktemp -d -- "$backup_dir/.backup.XXXXXX")
files="$work/files"
mkdir -- "$files"

# ---- which spaces -------------------------------------------------------------------------------

spaces=()
left_out=()
if [ -n "$space" ]; then
  [ ! -L "$data_dir/$space" ] || fail "$data_dir/$space is a symbolic link" 'back up the directory that it points to by hand'
  [ -d "$data_dir/$space" ] || fail "there is no space $space in $data_dir" "see which there are: ls $data_dir"
  spaces=("$space")
else
  for directory in "$data_dir"/*/; do
    directory=${directory%/}
    name=${directory##*/}
    [ "$name" != '*' ] || continue
    if [ -L "$directory" ]; then
      left_out+=("$name (symbolic link)")
    elif valid_space_id "$name"; then
      spaces+=("$name")
    else
      left_out+=("$name (not a space id)")
    fi
  done
fi
[ "${#spaces[@]}" -gt 0 ] || fail "there is no memory space in $data_dir" 'an empty archive would be no backup; check the data directory'

bytes=0
for name in "${spaces[@]}"; do
  unreadable=$(find -P "$data_dir/$name" ! -readable -print -quit 2>&1) || true
  [ -z "$unreadable" ] || fail "cannot read $unreadable" "repair its permissions first: $(page_url issues/space-isolation directory-permissions)"
  in_space=$(find -P "$data_dir/$name" -type f ! -name warm_tier.dat -printf '%s\n' | awk '{ n += $1 } END { printf "%.0f\n", n }')
  bytes=$((bytes + in_space))
done
available=$(df -P -k -- "$backup_dir" | awk 'NR == 2 { printf "%.0f\n", $4 * 1024 }')
# The copy and the archive lie there together for a moment.
if [ "$available" -lt $((bytes * 2 + 1048576)) ]; then
  fail "$backup_dir has $(human "$available") free; $(human $((bytes * 2 + 1048576))) are needed" 'remove old archives or choose another --output'
fi

# ---- copy ---------------------------------------------------------------------------------------

server_running=false
[ -z "$(servers_using "$data_dir")" ] || server_running=true

for pid in $(servers_using "$data_dir"); do
  if [ "$(deleted_logs "$pid")" -gt 0 ]; then
    left_out+=("what PID $pid writes to log files that it has deleted: $(page_url known-behaviour f1)")
  fi
done

# A size that does not change for a moment is a size between two writes. A file that has rested for ten seconds is not waited for.
settled_size() {
  local before after modified
  read -r after modified <<<"$(stat -c '%s %Y' -- "$1")"
  [ -n "$modified" ] || return 1
  if [ $(($(date +%s) - modified)) -gt 10 ]; then
    printf '%s\n' "$after"
    return
  fi
  for _ in 1 2 3 4 5; do
    before=$after
    sleep 0.02
    after=$(stat -c %s -- "$1") || return
    [ "$before" != "$after" ] || break
  done
  printf '%s\n' "$after"
}

# Consolidation makes a checkpoint of log files and removes them. It does not while we hold its lock.
lock="$data_dir/.consolidation.lock"
if [ -f "$lock" ] && [ -r "$lock" ]; then
  exec 8<"$lock"
  flock --wait 120 8 || fail "another process holds $lock for two minutes" "see which: sudo lsof $lock"
fi

stamp=$(date -u +%Y-%m-%dT%H:%M:%SZ)
for name in "${spaces[@]}"; do
  mkdir -- "$files/$name"
  while IFS= read -r -d '' path; do
    relative=${path#"$data_dir"/}
    if [[ $relative == *[$'\x01'-$'\x1f\\']* ]]; then
      left_out+=("a file of $name with a control character or backslash in its name")
    elif [ -L "$path" ]; then
      left_out+=("$relative (symbolic link)")
    elif [ -d "$path" ]; then
      mkdir -p -- "$files/$relative"
    elif [ "${path##*/}" = warm_tier.dat ]; then
      :
    elif [ -f "$path" ]; then
      if "$server_running"; then
        size=$(settled_size "$path") || fail "$path vanished while it was copied" 'run the backup again'
      else
        size=$(stat -c %s -- "$path")
      fi
      head -c "$size" -- "$path" >"$files/$relative" || fail "cannot read $path" 'look at the disk: sudo dmesg | tail'
      touch -r "$path" -- "$files/$relative"
      copied=$(stat -c %s -- "$files/$relative")
      [ "$copied" -eq "$size" ] || fail "$path became shorter while it was copied" 'run the backup again'
    else
      left_out+=("$relative (special file)")
    fi
  done < <(find -P "$data_dir/$name" -mindepth 1 -print0 | LC_ALL=C sort -z)
done

if [ -f "$lock" ] && [ -r "$lock" ]; then exec 8<&-; fi

# ---- manifest -----------------------------------------------------------------------------------

# The health page lists the spaces that are loaded; asking for another space would load or make it.
counts='{}'
if "$server_running" && answer=$(curl --silent --fail --connect-timeout 2 --max-time 5 "$url/api/v1/system/health"); then
  counts=$(jq -c '[.spaces[]? | {(.space): .memories}] | add // {}' <<<"$answer" 2>/dev/null) || counts='{}'
fi
version=$(timeout 5 engram --version 2>/dev/null) || version=''

(
  cd -- "$files"
  find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 -r sha256sum --
) >"$work/sums"
(
  cd -- "$files"
  find . -type f -printf '%s\t%P\n'
) >"$work/sizes"
printf '%s\n' "${spaces[@]}" >"$work/spaces"
printf '%s\n' ${left_out[0]+"${left_out[@]}"} >"$work/left_out"

jq -n \
  --rawfile sums "$work/sums" --rawfile sizes "$work/sizes" --rawfile spaces "$work/spaces" --rawfile left_out "$work/left_out" \
  --argjson counts "$counts" --argjson running "$server_running" --arg scope "${space:-all}" --arg created "$stamp" \
  --arg host "$(uname -n)" --arg data_dir "$data_dir" --arg version "$version" '
  def lines: split("\n") | map(select(. != ""));
  ([$sizes | lines[] | split("\t") | {(.[1]): (.[0] | tonumber)}] | add // {}) as $size
  | [$sums | lines[] | {path: .[66:], sha256: .[:64]} | . + {size: $size[.path]}] as $files
  | {
      format: "engram-backup/1", scope: $scope, created_at: $created, host: $host, data_dir: $data_dir,
      engram_version: $version, server_running: $running,
      spaces: [$spaces | lines[] | . as $id | {
        id: $id, memories: $counts[$id],
        files: [$files[] | select(.path | startswith($id + "/"))] | length,
        bytes: ([$files[] | select(.path | startswith($id + "/")) | .size] | add // 0)
      }],
      files: $files, left_out: [$left_out | lines[]], excluded: ["warm_tier.dat"]
    }' >"$work/manifest.json"

# ---- archive, verify, name ----------------------------------------------------------------------

part="$work/part.tar.zst"
mv -- "$work/manifest.json" "$files/manifest.json"
tar -C "$files" --format=posix --owner=0 --group=0 --numeric-owner -cf - -- manifest.json "${spaces[@]}" |
  zstd -q -T0 -o "$part" || fail 'the archive could not be written' "is $backup_dir full? df -h $backup_dir"
sync -- "$part"
verified=0
"$here/verify_backup.sh" --quiet "$part" 2>"$work/verify" || verified=$?
if [ "$verified" -gt "$EXIT_WARNING" ]; then
  cat "$work/verify" >&2
  fail 'the archive is not what was written' 'look at the disk: sudo dmesg | tail'
fi

# Two backups in one second would have one name; a name that exists is never written over.
until
  archive="$backup_dir/engram-full-${space:-all}-$(date -u +%Y%m%dT%H%M%SZ).tar.zst"
  ln -T -- "$part" "$archive" 2>/dev/null
do
  # Some file systems know no hard links.
  if [ ! -e "$archive" ] && mv -n -T -- "$part" "$archive" && [ ! -e "$part" ]; then break; fi
  [ -e "$archive" ] || fail "cannot make $archive" "is $backup_dir writable?"
  sleep 0.3
done
sync -- "$backup_dir"

say "backup: $archive"
say "  $(human "$(stat -c %s -- "$archive")") for ${#spaces[@]} space(s), $(wc -l <"$work/sums") files; verified"
if [ "${#left_out[@]}" -gt 0 ]; then
  for name in "${left_out[@]}"; do warn "left out: $name"; done
  exit "$EXIT_WARNING"
fi
exit "$EXIT_OK"

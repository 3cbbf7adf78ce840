#!/usr/bin/env bash
# Usage: verify_backup.sh [OPTIONS] FILE|latest
#
# Checks an archive of backup_full.sh: that it can be read to its end, that it holds exactly the files of its manifest and
# nothing else, and that each has its size and SHA-256. Needs no space on disk and changes nothing.
#
# Options:
#       --space ID        with latest: the newest archive that holds this space
#       --backup-dir DIR  where latest looks  (ENGRAM_BACKUP_DIR, else /var/backups/engram)
#   -q, --quiet           print problems only
#   -h, --help            print this text
#
# Exit status:
#   0   the archive is whole
#   1   it is whole, but something was left out when it was made
#   2   it is damaged, is no such archive, or there is none
#   64  wrong usage

set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"

archive=''
space=''
backup_dir_option=''
quiet=false
while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    -q | --quiet) quiet=true; shift; continue ;;
    --space) space=$(option_value "$1" "$#" "${2-}") || exit ;;
    --backup-dir) backup_dir_option=$(option_value "$1" "$#" "${2-}") || exit ;;
    -*) usage_error "unknown option $1" ;;
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
require_space_id "$space"

need jq sha256sum tar zstd

if [ "$archive" = latest ]; then
  backup_dir=$(find_backup_dir "$backup_dir_option")
  archive=$(newest_backup "$backup_dir" ${space:+"$space"}) ||
    fail "there is no archive${space:+ of space $space} in $backup_dir" 'make one: backup_full.sh; or give the directory: --backup-dir DIR'
fi
[ -e "$archive" ] || fail "$archive does not exist"
[ -f "$archive" ] || fail "$archive is not a regular file"
[ -r "$archive" ] || fail "$archive cannot be read" 'run this with sudo'

work=$(mktemp -d) || fail "cannot make a temporary directory" "free some space in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$work"' EXIT

damaged() { fail "$archive is damaged: $1" "take an older archive: ls $(dirname -- "$archive")"; }

zstd -q -t -- "$archive" 2>"$work/err" || damaged "$(sed -n 1p "$work/err")"

# Names and kinds of what is in it. A link or a path that leads out must never be unpacked.
tar --zstd -t -v --quoting-style=escape --numeric-owner -f "$archive" >"$work/list" 2>"$work/err" || damaged "$(sed -n 1p "$work/err")"
if strange=$(grep -v -m 1 '^[-d]' "$work/list"); then damaged "it holds something that is neither file nor directory: $strange"; fi
tar --zstd -t --quoting-style=escape -f "$archive" >"$work/names"
if strange=$(grep -E -m 1 '^/|(^|/)[.][.](/|$)|[\]' "$work/names"); then damaged "it holds an unsafe name: $strange"; fi
if twice=$(LC_ALL=C sort "$work/names" | uniq -d | sed -n 1p) && [ -n "$twice" ]; then damaged "it holds $twice twice"; fi
[ "$(sed -n 1p "$work/names")" = manifest.json ] || damaged 'it has no manifest; backup_full.sh did not make it'

tar --zstd -x -O -f "$archive" --occurrence=1 manifest.json >"$work/manifest.json" 2>/dev/null || damaged 'its manifest cannot be read'
jq -e '.format == "engram-backup/1" and (.spaces | type) == "array" and (.files | type) == "array"
  and all(.spaces[]; .id | type == "string" and test("^[a-z0-9_-]{3,64}$"))
  and (.spaces | map(.id)) as $ids
  | all(.files[]; (.path | type) == "string" and (.path | split("/")[0]) as $top | ($ids | index($top)) != null)' \
  "$work/manifest.json" >/dev/null 2>&1 || damaged 'its manifest is not of the form engram-backup/1'

# Each file goes through sha256sum as it is unpacked, to nowhere.
# shellcheck disable=SC2016  # tar gives the command to a shell, which expands it.
tar --zstd -x --to-command='printf "%s %s %s\n" "$(sha256sum | cut -c 1-64)" "$TAR_SIZE" "$TAR_FILENAME"' -f "$archive" 2>"$work/err" |
  grep -v ' manifest\.json$' | LC_ALL=C sort >"$work/found" || [ "${PIPESTATUS[0]}" -eq 0 ] || damaged "$(sed -n 1p "$work/err")"
jq -r '.files[] | "\(.sha256) \(.size) \(.path)"' "$work/manifest.json" | LC_ALL=C sort >"$work/wanted"
if ! cmp -s "$work/wanted" "$work/found"; then
  difference=$(LC_ALL=C comm -3 "$work/wanted" "$work/found" | sed -n '1s/.* //p')
  damaged "$difference is not as the manifest says"
fi

left_out=$(jq -r '.left_out[]?' "$work/manifest.json")
if ! "$quiet"; then
  jq -r --arg archive "$archive" '
    "\($archive) is whole",
    "  made \(.created_at) on \(.host), \(if .server_running then "server running" else "server stopped" end), \(.engram_version)",
    (.spaces[] | "  space \(.id): \(.files) files, \(.bytes) bytes, \(if .memories == null then "number of memories not known" else "\(.memories) memories" end)")
  ' "$work/manifest.json"
fi
if [ -n "$left_out" ]; then
  warn "left out when it was made: $left_out"
  exit "$EXIT_WARNING"
fi
exit "$EXIT_OK"

#!/usr/bin/env bash
# Usage: collect_debug_info.sh [OPTIONS]
#
# Collects what support needs to know of an Engram server into one archive, in less than a minute, whether the server is
# well, hangs or is down. Changes nothing, and loads no space.
#
# Options:
#   -o, --output DIR      where the archive goes       (ENGRAM_DEBUG_DIR, else /var/tmp)
#       --url URL         the server's address         (ENGRAM_URL, else http://localhost:7432)
#       --data-dir DIR    the data directory           (ENGRAM_DATA_DIR, else the running server's)
#       --config FILE     the server's configuration   (ENGRAM_CONFIG, else the one that the server reads)
#       --log FILE        this log, not the journal    (ENGRAM_LOG)
#       --lines N         the last N lines of the log  (1000)
#   -h, --help            print this text
#
# The archive is engram-debug-<UTC time>.tar.gz; only its owner may read it. In it, manifest.json says of each part whether
# it was collected, and if not, why; and what was redacted: passwords, keys, tokens and the like in configuration,
# environment, command lines and logs. Memories are not collected. Look through it before you send it nevertheless.
#
# With ENGRAM_PROMETHEUS_URL the state of the alert rules is collected from there.
#
# Exit status:
#   0   everything was collected
#   1   the archive was made, but something could not be collected: see the manifest
#   2   no archive was made
#   64  wrong usage

set -uo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lib_redact.sh
source "$here/lib_redact.sh"
# shellcheck source-path=SCRIPTDIR source=lib_collect.sh
source "$here/lib_collect.sh"

# No part waits longer, and none begins when this much of the minute is over.
readonly PART_SECONDS=5 LAST_BEGIN=40
# No part is longer; of logs the end is kept, of all else the beginning.
readonly PART_BYTES=8388608
readonly MOST_SPACES=8
readonly NEEDED_BYTES=33554432

output_option="${ENGRAM_DEBUG_DIR:-/var/tmp}"
url="${ENGRAM_URL:-http://localhost:7432}"
data_dir_option=''
config="${ENGRAM_CONFIG:-}"
log_file="${ENGRAM_LOG:-}"
lines=1000

while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    -o | --output) output_option=$(option_value "$1" "$#" "${2-}") || exit ;;
    --url) url=$(option_value "$1" "$#" "${2-}") || exit ;;
    --data-dir) data_dir_option=$(option_value "$1" "$#" "${2-}") || exit ;;
    --config) config=$(option_value "$1" "$#" "${2-}") || exit ;;
    --log) log_file=$(option_value "$1" "$#" "${2-}") || exit ;;
    --lines) lines=$(option_value "$1" "$#" "${2-}") || exit ;;
    *) usage_error "unknown argument $1" ;;
  esac
  shift 2
done
[[ $lines =~ ^[0-9]{1,6}$ ]] || usage_error "--lines takes a number, not $lines"

need awk curl gzip jq ps tar
umask 077

# ---- where --------------------------------------------------------------------------------------

output=$(realpath -m -- "$output_option")
data_dir=$(find_data_dir "$data_dir_option") || data_dir=''
if [ -n "$data_dir" ] && inside "$data_dir" "$output"; then
  fail "$output is inside the data directory" 'what lies there becomes a memory space; choose another --output'
fi
[ -d "$output" ] || mkdir -p -- "$output" 2>/dev/null || fail "cannot make $output" 'choose another --output'
[ -w "$output" ] || fail "you may not write to $output" 'choose another --output'
available=$(df -P -k -- "$output" | awk 'NR == 2 { printf "%.0f\n", $4 * 1024 }')
[ "${available:-0}" -ge "$NEEDED_BYTES" ] ||
  fail "$output has $(human "${available:-0}") free; up to $(human "$NEEDED_BYTES") are needed" 'choose another --output'

work=$(mktemp -d -- "$output/.engram-debug.XXXXXX") || fail "cannot write to $output" "df -h $output"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 2' INT TERM HUP
name=engram-debug-$(date -u +%Y%m%dT%H%M%SZ)
while [ -e "$output/$name.tar.gz" ]; do
  sleep 1
  name=engram-debug-$(date -u +%Y%m%dT%H%M%SZ)
done
bundle=$work/$name
mkdir -- "$bundle"

# ---- what ---------------------------------------------------------------------------------------

say "collecting into $output/$name.tar.gz"
mapfile -t pids < <(server_pids)
collect_logs
collect_server
collect_processes
collect_configuration
collect_storage
collect_system
collect_rules
collect health_check.txt 15 "$here/diagnose_health.sh" --url "$url" ${data_dir:+--data-dir "$data_dir"} ${log_file:+--log "$log_file"}

write_manifest || fail 'the manifest could not be written' "df -h $output"
if ! tar -C "$work" --owner=0 --group=0 --numeric-owner -czf "$work/part.tar.gz" -- "$name" || ! gzip -t -- "$work/part.tar.gz"; then
  fail 'the archive could not be written' "df -h $output"
fi
# As readable as the working directory, and never half of it under the final name.
chmod 0600 -- "$work/part.tar.gz"
mv -T -- "$work/part.tar.gz" "$output/$name.tar.gz" || fail "cannot make $output/$name.tar.gz" "df -h $output"

say "debug bundle: $output/$name.tar.gz ($(human "$(stat -c %s -- "$output/$name.tar.gz")"), $SECONDS s)"
jq -r '.redacted[] | "  redacted in \(.part): \(.count) x \(.kind)"' "$bundle/manifest.json"
jq -r '.parts[] | select(.state != "collected") | "  \(.state): \(.part): \(.reason)"' "$bundle/manifest.json"
if jq -e 'any(.parts[]; .state == "failed")' "$bundle/manifest.json" >/dev/null; then exit "$EXIT_WARNING"; fi
exit "$EXIT_OK"

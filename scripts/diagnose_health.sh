#!/usr/bin/env bash
# Usage: diagnose_health.sh [OPTIONS] [FILE]
#
# Makes ten checks of an Engram server and says, for each failure, what to do and which page helps.
# All ten are always made, also when the server is down. Nothing is changed.
#
# Options:
#   -o, --output FILE     also write the report to FILE, whole or not at all
#       --json            print the report as JSON
#       --url URL         the server's address             (ENGRAM_URL, else http://localhost:7432)
#       --data-dir DIR    the data directory               (ENGRAM_DATA_DIR, else the running server's)
#       --grpc-port PORT  where gRPC is                    (ENGRAM_GRPC_PORT, else as configured)
#       --log FILE        read this log, not the journal   (ENGRAM_LOG)
#       --minutes N       how far back errors count        (5)
#   -h, --help            print this text
#
# FILE alone means the same as --output FILE.
#
# What a check can say:
#   ok, warning, critical
#   unknown    it could not be looked at, for example for want of rights; counts as a warning
#   skipped    it does not apply to this server
#
# Exit status; the worst finding decides:
#   0   all is well
#   1   at least one warning
#   2   at least one critical finding
#   64  wrong usage
#
# It asks the server for two pages, one second apart, because Engram 0.1.0 reports itself unhealthy when polled
# faster; for a third if the server counts how long its operations take. With a server that hangs it takes about ten
# seconds. From which values on a check warns stands in lib_checks.sh; the environment may set others.

set -uo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lib_findings.sh
source "$here/lib_findings.sh"
# shellcheck source-path=SCRIPTDIR source=lib_look.sh
source "$here/lib_look.sh"
# shellcheck source-path=SCRIPTDIR source=lib_checks.sh
source "$here/lib_checks.sh"
# shellcheck source-path=SCRIPTDIR source=lib_checks_grpc.sh
source "$here/lib_checks_grpc.sh"
# shellcheck source-path=SCRIPTDIR source=lib_checks_data.sh
source "$here/lib_checks_data.sh"

# ---- arguments ----------------------------------------------------------------------------------

url="${ENGRAM_URL:-http://localhost:7432}"
data_dir_option=''
grpc_port="${ENGRAM_GRPC_PORT:-}"
log_file="${ENGRAM_LOG:-}"
output=''
as_json=false
minutes=5

while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    --json) as_json=true; shift; continue ;;
    -o | --output) output=$(option_value "$1" "$#" "${2-}") || exit ;;
    --url) url=$(option_value "$1" "$#" "${2-}") || exit ;;
    --data-dir) data_dir_option=$(option_value "$1" "$#" "${2-}") || exit ;;
    --grpc-port) grpc_port=$(option_value "$1" "$#" "${2-}") || exit ;;
    --log) log_file=$(option_value "$1" "$#" "${2-}") || exit ;;
    --minutes) minutes=$(option_value "$1" "$#" "${2-}") || exit ;;
    -*) usage_error "unknown option $1" ;;
    *)
      [ -z "$output" ] || usage_error "one report file, not two: $output, $1"
      output=$1
      shift
      continue
      ;;
  esac
  shift 2
done
[[ $minutes =~ ^[0-9]{1,6}$ ]] || usage_error "--minutes takes a number, not $minutes"
[[ $grpc_port =~ ^[0-9]{0,5}$ ]] || usage_error "--grpc-port takes a port number, not $grpc_port"
[[ $url =~ ^https?://[^/]+ ]] || usage_error "--url takes an address such as http://localhost:7432, not $url"
url=${url%/}
[ -z "$output" ] || require_report_file "$output"

need awk curl ps
work=$(mktemp -d) || fail "cannot make a temporary directory" "free some space in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$work" ${report_part:+"$report_part"}' EXIT

# ---- look, judge, print -------------------------------------------------------------------------

stamp=$(date -u +%Y-%m-%dT%H:%M:%SZ)
mapfile -t servers < <(server_pids)
data_dir=$(find_data_dir "$data_dir_option") || data_dir=''

since=$(date -u -d "-$minutes minutes" +%Y-%m-%dT%H:%M:%S)
window="in the last $minutes minutes"
if [ "${#servers[@]}" -gt 0 ]; then
  start=$(started_at "${servers[0]}")
  if [[ $start > $since ]]; then
    since=$start
    window='since the server started'
  fi
fi
ask_the_server

check=1; check_process
check=2; check_health
check=3; check_grpc
check=4; check_storage; check_indices
check=5; check_wal
check=6; check_memory
check=7; check_descriptors
check=8; check_errors
check=9; check_response_time
check=10; check_metrics

exit_status=$(exit_status_of_findings)
if "$as_json"; then report_json "$stamp" "$url" "$data_dir" >"$work/report"; else report_text "$stamp" "$url" >"$work/report"; fi
cat "$work/report"
if [ -n "$output" ] && ! write_report "$work/report" "$output" && [ "$exit_status" -lt "$EXIT_WARNING" ]; then
  exit_status=$EXIT_WARNING
fi
exit "$exit_status"

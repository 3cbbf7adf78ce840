#!/usr/bin/env bash
# Usage: analyze_logs.sh [OPTIONS] [FILE...]
#        analyze_logs.sh --classify
#
# Sorts the warnings and errors of Engram's log into the seven families of the runbook's catalogue, counts them, and
# says which pages help. Nothing is changed.
#
# FILE is a log; several are read together. Names that end in .gz, .xz and .zst are unpacked, and - is standard input.
# Their order does not matter: rotated logs can be given as engram.log*.
# Without FILE, the journal of the service is read; or standard input, if that is a pipe or a file and --since is not
# given.
#
# Options:
#       --since TIME   leave out older lines, for example '2 hours ago' or 2026-11-25T00:30:00Z (times are UTC)
#                      (journal: '1 hour ago'; files and standard input: everything)
#       --json         print the report as JSON
#   -o, --output FILE  also write the report to FILE, whole or not at all
#       --classify     for programs: read lines from standard input, and print for each the number of its family in a
#                      line of its own. 0 is for what is in no family, no warning and no error. Lines that belong to
#                      one before them, such as causes, get its number. No report is made, the exit status is 0
#   -h, --help         print this text
#
# Colours, carriage returns, and what the journal and syslog put before a line are no part of it. Only lines of level
# WARN and ERROR count, and what a process says when it ends, such as "Error: …"; the causes below an error belong to it.
# What each pattern means stands in log_patterns.tsv, beside this script.
#
# Exit status:
#   0   no warning and no error; a log without lines is such a log
#   1   warnings, or errors that are not critical
#   2   critical errors, or the log cannot be read
#   64  wrong usage

set -uo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"

since='' output='' format=text files=()
given=("$@")
while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    --json) format=json ;;
    --classify)
      [ "${#given[@]}" -eq 1 ] || usage_error '--classify reads standard input, and takes no other option'
      format=classify files=(-)
      ;;
    --since=*) since=$(option_value --since 2 "${1#*=}") || exit ;;
    --since) since=$(option_value "$1" "$#" "${2-}") || exit; shift ;;
    -o | --output) output=$(option_value "$1" "$#" "${2-}") || exit; shift ;;
    --) shift; files+=("$@"); break ;;
    -) files+=(-) ;;
    -*) usage_error "unknown option $1" ;;
    '') usage_error 'the name of a log is empty' ;;
    *) files+=("$1") ;;
  esac
  shift
done

# journalctl's own words for "since" and those of date are nearly the same; what date does not know is wrong usage.
since_utc=''
if [ -n "$since" ]; then
  since_utc=$(TZ=UTC0 date -d "$since" +%Y-%m-%dT%H:%M:%S 2>/dev/null) ||
    usage_error "--since takes a time such as '1 hour ago', not $since"
fi
[ -z "$output" ] || require_report_file "$output"
need awk
for file in "$here/analyze_logs.awk" "$here/log_patterns.tsv"; do
  [ -r "$file" ] || fail "$file is missing" 'install it beside this script'
done

# Without a name: a pipe or file at standard input, else the journal, else the usual file.
if [ "${#files[@]}" -eq 0 ] && [ -z "$since" ] && { [ -p /dev/stdin ] || [ -f /dev/stdin ]; }; then
  files=(-)
elif [ "${#files[@]}" -eq 0 ] && ! have journalctl; then
  for file in /var/log/engram.log /var/log/engram/engram.log; do
    [ ! -f "$file" ] || files+=("$file")
  done
  [ "${#files[@]}" -gt 0 ] || fail 'there is no journalctl, and no log in /var/log' 'name the log: analyze_logs.sh FILE'
fi

n_stdin=0 names=''
for file in ${files[0]+"${files[@]}"}; do
  if [ "$file" = - ]; then
    n_stdin=$((n_stdin + 1))
    names+=', standard input'
    continue
  fi
  [ -e "$file" ] || fail "$file does not exist" 'name a log file, or none for the journal; a time is given with --since'
  [ ! -d "$file" ] || fail "$file is a directory" 'name the log file in it'
  [ -r "$file" ] || fail "$file cannot be read: Permission denied" 'run this with sudo'
  case $file in
    *.gz) need gzip ;;
    *.xz) need xz ;;
    *.zst) need zstd ;;
  esac
  names+=", $file"
done
[ "$n_stdin" -le 1 ] || usage_error 'standard input can be read once'

work=$(mktemp -d) || fail 'cannot make a temporary directory' "free some space in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$work" ${report_part:+"$report_part"}' EXIT

# One log. Of several each must end with a line end, or its last line and the next log's first would be one.
read_file() {
  case $1 in
    -) cat ;;
    *.gz) gzip -dc -- "$1" ;;
    *.xz) xz -dc -- "$1" ;;
    *.zst) zstd -dcq -- "$1" ;;
    *) cat -- "$1" ;;
  esac
}

read_log() {
  local file
  if [ "${#files[@]}" -eq 1 ]; then
    read_file "${files[0]}"
  elif [ "${#files[@]}" -gt 1 ]; then
    for file in "${files[@]}"; do
      read_file "$file" | sed "\$a\\" || return
    done
  else
    # Times are in front of lines that have none of their own, such as "Error: …".
    journalctl -u engram --no-pager --utc -a -o short-iso --since "$journal_since" 2>"$work/journal.err" |
      awk '!/^-- /'
  fi
}

journal_since=''
if [ "${#files[@]}" -gt 0 ]; then
  source_name=${names#, }
  range=${since:+since $since_utc UTC}
else
  journal_since=$(TZ=UTC0 date -d "${since:-1 hour ago}" '+%Y-%m-%d %H:%M:%S UTC')
  source_name='journalctl -u engram'
  range="since ${journal_since% UTC} UTC"
fi

if [ "$format" = classify ]; then
  LC_ALL=C awk -v patterns="$here/log_patterns.tsv" -v format=classify -f "$here/analyze_logs.awk" ||
    fail 'the lines could not be classified' 'see the message above'
  exit "$EXIT_OK"
fi

read_log | LC_ALL=C awk -v patterns="$here/log_patterns.tsv" -v since="$since_utc" -v url="${RUNBOOK_URL%/}" \
  -v format="$format" -v work="$work" -v source="$source_name" -v range="${range:-everything}" \
  -v now="$(date -u +%Y-%m-%dT%H:%M:%SZ)" -f "$here/analyze_logs.awk" >"$work/report"
ends=("${PIPESTATUS[@]}")
if [ "${ends[0]}" -ne 0 ] || grep -qi 'insufficient permissions\|not seeing messages' "$work/journal.err" 2>/dev/null; then
  [ ! -s "$work/journal.err" ] || cat "$work/journal.err" >&2
  fail "$source_name could not be read to its end" 'run this with sudo, or name the log: analyze_logs.sh FILE'
fi
[ "${ends[1]}" -le 2 ] || fail 'the log could not be analysed' "free some space in ${TMPDIR:-/tmp}, and see the message above"
exit_status=${ends[1]}

cat "$work/report"
if [ -n "$output" ] && ! write_report "$work/report" "$output" && [ "$exit_status" -lt "$EXIT_WARNING" ]; then
  exit_status=$EXIT_WARNING
fi
exit "$exit_status"

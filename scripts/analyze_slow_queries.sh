#!/usr/bin/env bash
# Usage: analyze_slow_queries.sh [OPTIONS] [THRESHOLD_MS] [SINCE]
#
# Says which operations of an Engram server are slow: for each operation how often it ran, its estimated 50th, 95th
# and 99th percentile, and which share took longer than THRESHOLD_MS (100). Then the lines of the log that tell a duration.
# An operation is slow if its 99th percentile is over the threshold. For each a cause and a page are named.
#
# The numbers are the server's own, from engram_memory_operation_duration_seconds; no Prometheus is needed. They are
# estimates: a histogram knows only between which two bounds a duration lies.
#
# SINCE:
#   start    since the server was started (the default): the server counts nothing else
#   window   only what happens from now on, for --window seconds
#   1h, 30m, 90s, 2d
#            with --prometheus exactly that long; else since the start of the server, and a warning if that is longer ago.
#            The log is read that far back in any case.
#
# Options:
#       --url URL          the server's address              (ENGRAM_URL, else http://localhost:7432)
#       --prometheus URL   ask this Prometheus instead       (ENGRAM_PROMETHEUS_URL)
#       --window SECONDS   how long a window is              (10)
#       --log FILE         read this log, not the journal; - is standard input   (ENGRAM_LOG)
#       --json             print the report as JSON
#   -h, --help             print this text
#
# Exit status:
#   0   no operation is slow
#   1   one is, or the log tells of a duration over the threshold
#   2   durations could not be had: no server, no Prometheus, or a server that does not measure them
#   64  wrong usage

set -uo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# Numbers with a point, whatever the language of the operator is.
export LC_ALL=C

readonly METRIC=engram_memory_operation_duration_seconds

# ---- arguments ----------------------------------------------------------------------------------

url="${ENGRAM_URL:-http://localhost:7432}"
prometheus="${ENGRAM_PROMETHEUS_URL:-}"
log_file="${ENGRAM_LOG:-}"
window=10 as_json=false
positional=()

while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    --json) as_json=true; shift; continue ;;
    --url) url=$(option_value "$1" "$#" "${2-}") || exit ;;
    --prometheus) prometheus=$(option_value "$1" "$#" "${2-}") || exit ;;
    --window) window=$(option_value "$1" "$#" "${2-}") || exit ;;
    --log)
      if [ "${2-}" = - ]; then log_file=-; else log_file=$(option_value "$1" "$#" "${2-}") || exit; fi
      ;;
    -*) usage_error "unknown option $1" ;;
    *) positional+=("$1"); shift; continue ;;
  esac
  shift 2
done
[ "${#positional[@]}" -le 2 ] || usage_error "a threshold and a time, not ${#positional[@]} words: ${positional[*]}"
threshold=${positional[0]:-100}
since=${positional[1]:-start}
if [[ ! $threshold =~ ^[0-9]{1,7}(\.[0-9]{1,3})?$ ]] || [[ $threshold =~ ^[0.]+$ ]]; then
  usage_error "THRESHOLD_MS is a number over 0, not $threshold"
fi
[[ $window =~ ^[1-9][0-9]{0,3}$ ]] || usage_error "--window takes 1 to 9999 seconds, not $window"
since_seconds=''
case $since in
  start | window) ;;
  *)
    [[ $since =~ ^([1-9][0-9]{0,5})([smhd])$ ]] || usage_error "SINCE is start, window, or a time such as 90s, 30m, 1h, 2d; not $since"
    case ${BASH_REMATCH[2]} in s) unit=1 ;; m) unit=60 ;; h) unit=3600 ;; d) unit=86400 ;; esac
    since_seconds=$((BASH_REMATCH[1] * unit))
    ;;
esac
for address in "$url" ${prometheus:+"$prometheus"}; do
  [[ $address =~ ^https?://[^/]+ ]] || usage_error "an address looks like http://localhost:7432, not $address"
done
url=${url%/} prometheus=${prometheus%/}
if [ -n "$prometheus" ] && [ -z "$since_seconds" ]; then
  [ "$since" = start ] || usage_error 'a window is measured at the server, not at Prometheus; give a time such as 1h'
  since=1h since_seconds=3600
fi

need awk curl sort
[ -z "$prometheus" ] || need jq
work=$(mktemp -d) || fail "cannot make a temporary directory" "free some space in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$work"' EXIT

# ---- the numbers --------------------------------------------------------------------------------

notes=()
absent=''

# scrape NAME: lines "OPERATION BOUND COUNT" of the histogram, BOUND also "sum", into $work/NAME; all labels but these are added up.
scrape() {
  local code
  code=$(curl --disable --silent --show-error --output "$work/page" --write-out '%{http_code}' --connect-timeout 2 --max-time 10 \
    --max-filesize 50000000 "$url/metrics/prometheus" 2>"$work/curl.err") || {
    absent="$url/metrics/prometheus does not answer: $(sed 's/^curl: ([0-9]*) //' "$work/curl.err")"
    return 1
  }
  if [ "$code" != 200 ]; then
    absent="$url/metrics/prometheus answers $code"
    return 1
  fi
  awk -v metric="$METRIC" '
    function label(name) { return match($0, name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3) : "all" }
    index($0, metric "_bucket{") == 1 { value[label("operation") " " label("le")] += $NF }
    index($0, metric "_sum") == 1 { value[label("operation") " sum"] += $NF }
    END { for (key in value) print key, value[key] }' "$work/page" >"$work/$1"
}

scrape_or_say_why() {
  scrape "$1" || return 1
  if ! grep -q "^# TYPE $METRIC \|^${METRIC}_count" "$work/page"; then
    absent="this server does not measure its operations: it has no $METRIC; engram 0.1.0 does not ($(page_url known-behaviour f7))"
    return 1
  fi
}

# When the server of the last scrape was started, in seconds since 1970; empty if it does not tell.
start_time() {
  awk '$1 == "process_start_time_seconds" { printf "%d", $2 }' "$work/page"
}

from_server() {
  local started age
  if [ "$since" != window ]; then
    scrape_or_say_why numbers || return 1
    started=$(start_time)
    source_text="$url, since its start"
    [ -n "$started" ] || return 0
    age=$(($(date +%s) - started))
    source_text+=" $age s ago"
    if [ -n "$since_seconds" ] && [ "$age" -gt "$since_seconds" ]; then
      notes+=("the server counts since its start, $age s ago; only the last $since: --prometheus URL, or measure from now on: analyze_slow_queries.sh $threshold window")
    fi
    return 0
  fi
  scrape_or_say_why before || return 1
  started=$(start_time)
  "$as_json" || say "Measuring for $window s"
  sleep "$window"
  scrape_or_say_why after || return 1
  source_text="$url, the last $window s"
  # A server that was started anew has no sample of what ran only before, or a smaller one.
  if ! awk 'FILENAME == ARGV[1] { before[$1 " " $2] = $3; next }
      { key = $1 " " $2; d = $3 - before[key]; delete before[key]; if (d < 0) { lost = 1; exit }; print $1, $2, d }
      END { for (key in before) lost = 1; exit lost }' "$work/before" "$work/after" >"$work/numbers" ||
    [ "$started" != "$(start_time)" ]; then
    absent='the server was restarted within the window'
    return 1
  fi
}

# ask QUERY: the answer's series into $work/answer.
ask() {
  if ! curl --disable --silent --show-error --get --connect-timeout 2 --max-time 30 --output "$work/answer" \
    --data-urlencode "query=$1" "$prometheus/api/v1/query" 2>"$work/curl.err"; then
    absent="$prometheus does not answer: $(sed 's/^curl: ([0-9]*) //' "$work/curl.err")"
    return 1
  fi
  if [ "$(jq -r '.status? // empty' "$work/answer" 2>/dev/null)" != success ]; then
    absent="$prometheus refuses the query: $(jq -r '.error? // empty' "$work/answer" 2>/dev/null | cut -c 1-200)"
    return 1
  fi
}

from_prometheus() {
  source_text="$prometheus, the last $since"
  ask "sum by (operation, le) (increase(${METRIC}_bucket[$since]))" || return 1
  jq -r '.data.result[] | select(.value[1] != "NaN") | "\(.metric.operation // "all") \(.metric.le) \(.value[1])"' "$work/answer" >"$work/numbers"
  if [ ! -s "$work/numbers" ]; then
    absent="$prometheus has no ${METRIC}_bucket within $since: is the server scraped? engram 0.1.0 does not have it ($(page_url known-behaviour f7))"
    return 1
  fi
  ask "sum by (operation) (increase(${METRIC}_sum[$since]))" || return 1
  jq -r '.data.result[] | select(.value[1] != "NaN") | "\(.metric.operation // "all") sum \(.value[1])"' "$work/answer" >>"$work/numbers"
}

# One line for each operation that ran: OPERATION COUNT MEAN P50 P95 P99 SHARE SLOW, in ms and percent. ">N" is over the last bound.
# As histogram_quantile does: between two bounds the durations are taken to lie evenly.
estimate() {
  awk -v threshold="$threshold" '
    $2 == "sum" { sum[$1] = $3; next }
    $2 == "+Inf" { total[$1] = $3; next }
    { n[$1]++; bound[$1, n[$1]] = $2 + 0; count[$1, n[$1]] = $3 }
    function order(op,    i, j, b, c) {
      for (i = 2; i <= n[op]; i++) {
        b = bound[op, i]; c = count[op, i]
        for (j = i - 1; j >= 1 && bound[op, j] > b; j--) { bound[op, j + 1] = bound[op, j]; count[op, j + 1] = count[op, j] }
        bound[op, j + 1] = b; count[op, j + 1] = c
      }
    }
    function quantile(op, q,    rank, i, low, below) {
      rank = q * total[op]; low = 0; below = 0
      for (i = 1; i <= n[op]; i++) {
        if (count[op, i] >= rank && count[op, i] > below) return low + (bound[op, i] - low) * (rank - below) / (count[op, i] - below)
        low = bound[op, i]; below = count[op, i]
      }
      return -low
    }
    function under(op, t,    i, low, below) {
      low = 0; below = 0
      for (i = 1; i <= n[op]; i++) {
        if (t <= bound[op, i]) return below + (count[op, i] - below) * (t - low) / (bound[op, i] - low)
        low = bound[op, i]; below = count[op, i]
      }
      return below
    }
    function ms(seconds) { return seconds < 0 ? sprintf(">%.0f", -seconds * 1000) : sprintf("%.2f", seconds * 1000) }
    END {
      for (op in total) {
        if (total[op] < 0.5) continue
        order(op)
        p99 = quantile(op, 0.99)
        over = 100 * (total[op] - under(op, threshold / 1000)) / total[op]
        slow = (p99 < 0 ? (-p99 * 1000 >= threshold || over > 1) : p99 * 1000 > threshold)
        printf "%s %.0f %.2f %s %s %s %.2f %s\n", op, total[op], 1000 * sum[op] / total[op], ms(quantile(op, 0.5)), \
          ms(quantile(op, 0.95)), ms(p99), (over < 0 ? 0 : over), (slow ? "SLOW" : "ok")
      }
    }' "$work/numbers" | LC_ALL=C sort >"$work/operations"
}

# ---- the log ------------------------------------------------------------------------------------

# The log into $work/log; log_source says from where, or why not.
read_log() {
  local path from="${since_seconds:-86400}"
  if [ "$log_file" = - ]; then
    cat >"$work/log.all"
    log_source='standard input'
  elif [ -n "$log_file" ]; then
    if ! cat -- "$log_file" >"$work/log.all" 2>/dev/null; then
      log_source="N/A: $log_file cannot be read"
      return
    fi
    log_source=$log_file
  elif have journalctl && timeout 20 journalctl -u engram --no-pager -o cat --since "$from seconds ago" >"$work/log.all" 2>/dev/null &&
    [ -s "$work/log.all" ]; then
    log_source='journalctl -u engram'
  else
    log_source='N/A: no journal of the unit engram, or you may not read it; name a file: --log FILE'
    for path in /var/log/engram.log /var/log/engram/engram.log; do
      if cat -- "$path" >"$work/log.all" 2>/dev/null; then
        log_source=$path
        break
      fi
    done
  fi
}

# One line for each kind of message that tells a duration: COUNT OVER MAX_MS LEVEL MESSAGE, separated by tabs.
durations() {
  strip_colours <"$work/log.all" | awk -v threshold="$threshold" -v cut="$cut" '
    /streaming metrics snapshot/ { next }
    {
      if (match($0, /[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]/) && substr($0, RSTART, RLENGTH) < cut) next
      if (match($0, /(took|after|in|within) [0-9.]+ ?(ns|us|µs|ms|s)([^a-z]|$)/)) found = substr($0, RSTART, RLENGTH)
      else if (match($0, /(duration|elapsed|latency|took)(_ms)?=[0-9.]+(ns|us|µs|ms|s)?/)) {
        found = substr($0, RSTART, RLENGTH); if (found ~ /_ms=/) found = found "ms"; sub(/=/, " ", found)
      } else next
      sub(/^[a-z_]+ /, "", found)
      value = found + 0
      if (found ~ /ns/) value /= 1000000
      else if (found ~ /us|µs/) value /= 1000
      else if (found !~ /ms/) value *= 1000
      message = $0
      sub(/^.*[0-9]Z +/, "", message)
      level = message; sub(/ .*/, "", level)
      sub(/^[A-Z]+ +/, "", message); sub(/^[a-z_:0-9]+: +/, "", message)
      gsub(/\047[^\047]*\047|"[^"]*"/, "…", message); gsub(/=[^ ]+/, "=…", message); gsub(/[0-9][0-9.]*/, "N", message)
      key = substr(message, 1, 120)
      count[key]++; levels[key] = level
      if (value > max[key]) max[key] = value
      if (value > threshold) over[key]++
    }
    END { for (key in count) printf "%d\t%d\t%.1f\t%s\t%s\n", count[key], over[key], max[key], levels[key], key }' |
    sort -t "$(printf '\t')" -k2,2nr -k3,3nr | awk 'NR <= 20' >"$work/durations"
}

# ---- what it means ------------------------------------------------------------------------------

r_cause=() r_action=() r_page=()

# recommend CAUSE ACTION PAGE
recommend() {
  r_cause+=("$1") r_action+=("$2") r_page+=("$3")
}

slow_among() {
  awk -v wanted=" $* " '$8 == "SLOW" && index(wanted, " " $1 " ") { found = 1 } END { exit !found }' "$work/operations"
}

ran_among() {
  awk -v wanted=" $* " 'index(wanted, " " $1 " ") { found = 1 } END { exit !found }' "$work/operations"
}

readonly WRITES='remember create' CUES='recall search query recognize' READS='get list'

# Which indices are not in use, as the server's health says; empty if all are, or if it does not tell.
broken_indices() {
  have jq || return 0
  curl --disable --silent --max-time 5 "$url/api/v1/system/health" 2>/dev/null |
    jq -r '[.indices[]? | select(.status? // "healthy" | . != "healthy" and . != "ready") | .space? // .name? // "?"] | unique | join(", ")' 2>/dev/null
}

judge_operations() {
  local broken=''
  if slow_among "$CUES" && [ -z "$prometheus" ]; then broken=$(broken_indices); fi
  if [ -n "$broken" ]; then
    recommend "the index of these spaces is not used, every memory is looked at: $broken" \
      "engram rebuild-indices --space all" "$(page_url issues/index-corruption rebuild)"
  elif slow_among "$WRITES" && slow_among "$CUES $READS"; then
    recommend 'storing and reading are slow: the whole server is, so look at processors and memory first' \
      'profile_performance.sh 60' "$(page_url issues/high-latency cpu-saturation)"
  elif slow_among "$WRITES"; then
    recommend "$(ran_among "$CUES $READS" && echo 'only storing is slow' || echo 'storing is slow, and nothing else was asked for'): each write waits for the disk" \
      'profile_performance.sh 60; see io.txt' "$(page_url issues/high-latency disk-bottleneck)"
  elif slow_among "$CUES" && ! slow_among "$READS"; then
    recommend 'only finding by words is slow: an index is missing, or the spaces have outgrown it' \
      "curl -s $url/api/v1/system/health | jq .indices" "$(page_url issues/high-latency index-missing)"
  elif slow_among "$READS $CUES"; then
    recommend 'only reading is slow: memories come from a file and not from the hot tier' \
      "curl -s '$url/api/v1/memories?limit=1' | jq .tier_counts" "$(page_url issues/high-latency hot-tier-too-small)"
  fi
  if awk -v known=" $WRITES $CUES $READS " '$8 == "SLOW" && !index(known, " " $1 " ") { found = 1 } END { exit !found }' "$work/operations"; then
    recommend 'another operation is slow' 'profile_performance.sh 60' "$(page_url issues/high-latency diagnosis)"
  fi
}

# Reading the log at a start is no query.
slow_in_log() {
  awk -F '\t' '$2 > 0 && $5 !~ /[Rr]ecovery|replay/ { found = 1 } END { exit !found }' "$work/durations"
}

judge_log() {
  if awk -F '\t' '$2 > 0 && $5 ~ /^WAL batch write/ { found = 1 } END { exit !found }' "$work/durations"; then
    recommend 'the log tells of slow writes to the write-ahead log: the disk is slow or busy' \
      'profile_performance.sh 60; see io.txt' "$(page_url issues/high-latency disk-bottleneck)"
  elif slow_in_log; then
    recommend 'the log tells of a duration over the threshold' 'see the lines above' "$(page_url issues/high-latency diagnosis)"
  fi
}

# ---- the report ---------------------------------------------------------------------------------

report_text() {
  local i
  printf 'Slow operations of Engram, %s, over %s ms\nNumbers: %s\n\n' "$stamp" "$threshold" "$source_text"
  if [ -n "$absent" ]; then
    printf 'N/A: %s\n   page: %s\n' "$absent" "$(page_url issues/high-latency diagnosis)"
  elif [ ! -s "$work/operations" ]; then
    printf 'No operation has ended in this time.\n'
  else
    printf '%-14s %9s %9s %9s %9s %9s  %s\n' operation count 'mean ms' 'P50 ms' 'P95 ms' 'P99 ms' "over $threshold ms"
    awk '{ printf "%-14s %9s %9s %9s %9s %9s  %6.2f %%%s\n", $1, $2, $3, $4, $5, $6, $7, ($8 == "SLOW" ? "  SLOW" : "") }' "$work/operations"
  fi
  for i in ${notes[0]+"${notes[@]}"}; do printf 'Note: %s\n' "$i"; done
  printf '\nLog: %s\n' "$log_source"
  if [ -s "$work/durations" ]; then
    awk -F '\t' -v t="$threshold" '{ printf "  %6d lines, %d over %s ms, slowest %.1f ms  %-5s %s\n", $1, $2, t, $3, $4, $5 }' "$work/durations"
  elif [[ $log_source != N/A* ]]; then
    printf '  no line tells a duration\n'
  fi
  printf '\n'
  for i in "${!r_cause[@]}"; do
    printf 'SLOW     %s\n     do: %s\n   page: %s\n' "${r_cause[i]}" "${r_action[i]}" "${r_page[i]}"
  done
  case $exit_status in
    "$EXIT_OK") printf 'No operation is slow: every 99th percentile is within %s ms.\n' "$threshold" ;;
    "$EXIT_CRITICAL") printf 'Whether operations are slow cannot be said. You can measure from outside: benchmark_deployment.sh 30 4\n' ;;
  esac
}

number_or_text() {
  if [[ $1 =~ ^[0-9.]+$ ]]; then printf '%s' "$1"; else json_string "$1"; fi
}

report_json() {
  local i first=true operation count mean p50 p95 p99 over slow lines most level message
  printf '{"timestamp":%s,"threshold_ms":%s,"source":%s,"unavailable":%s,"exit_status":%d,"operations":[' \
    "$(json_string "$stamp")" "$threshold" "$(json_string "$source_text")" \
    "$(if [ -n "$absent" ]; then json_string "$absent"; else printf null; fi)" "$exit_status"
  while read -r operation count mean p50 p95 p99 over slow; do
    "$first" || printf ','
    first=false
    printf '{"operation":%s,"count":%s,"mean_ms":%s,"p50_ms":%s,"p95_ms":%s,"p99_ms":%s,"over_percent":%s,"slow":%s}' \
      "$(json_string "$operation")" "$count" "$mean" "$(number_or_text "$p50")" "$(number_or_text "$p95")" "$(number_or_text "$p99")" \
      "$over" "$([ "$slow" = SLOW ] && echo true || echo false)"
  done <"$work/operations"
  printf '],"log":{"source":%s,"durations":[' "$(json_string "$log_source")"
  first=true
  while IFS=$'\t' read -r lines over most level message; do
    "$first" || printf ','
    first=false
    printf '{"lines":%s,"over":%s,"slowest_ms":%s,"level":%s,"message":%s}' "$lines" "$over" "$most" \
      "$(json_string "$level")" "$(json_string "$message")"
  done <"$work/durations"
  printf ']},"recommendations":['
  first=true
  for i in "${!r_cause[@]}"; do
    "$first" || printf ','
    first=false
    printf '{"cause":%s,"action":%s,"page":%s}' "$(json_string "${r_cause[i]}")" "$(json_string "${r_action[i]}")" "$(json_string "${r_page[i]}")"
  done
  printf ']}\n'
}

# ---- look, judge, print -------------------------------------------------------------------------

stamp=$(date -u +%Y-%m-%dT%H:%M:%SZ)
source_text=$url
: >"$work/operations"
: >"$work/durations"
if [ -n "$prometheus" ]; then
  if from_prometheus; then estimate; fi
else
  if from_server; then estimate; fi
fi
cut=0
[ -z "$since_seconds" ] || cut=$(date -u -d "-$since_seconds seconds" +%Y-%m-%dT%H:%M:%S)
[ "$since" != window ] || cut=$(date -u -d "-$window seconds" +%Y-%m-%dT%H:%M:%S)
log_source=''
read_log
[[ $log_source == N/A* ]] || durations
judge_operations
judge_log

exit_status=$EXIT_OK
if grep -q ' SLOW$' "$work/operations" || slow_in_log; then
  exit_status=$EXIT_WARNING
elif [ -n "$absent" ]; then
  exit_status=$EXIT_CRITICAL
fi
if "$as_json"; then report_json; else report_text; fi
exit "$exit_status"

#!/usr/bin/env bash
# Usage: benchmark_deployment.sh [OPTIONS] [SECONDS] [CONCURRENCY]
#
# Measures how long an Engram server takes to store and to recall, under load: CONCURRENCY clients, each of which
# stores and recalls in turn, for SECONDS. Prints the 50th, 95th and 99th percentile of both, and the error rate.
# Without arguments: 30 seconds, 4 clients. At most 3600 seconds and 64 clients.
#
# This is real load, and real memories. They go into a memory space of their own, bench_<time>, never into yours.
# The API cannot delete, so that space stays behind; the report says how to remove it. Engram 0.1.0 maps 3.1 GB for it.
#
# Options:
#   -o, --output DIR      where the report goes              (./benchmark-<time>, made if it is missing)
#       --url URL         the server's address               (ENGRAM_URL, else http://localhost:7432)
#       --space ID        a space to use again; its name must begin with bench_
#       --target-ms N     the 99th percentile that is wanted (100)
#       --max-stores N    memories stored in all; then recalls only (10000; never more than a tenth of the free disk
#                         takes, if the data directory is on this host)
#       --timeout SECONDS when a request counts as failed    (10)
#       --json            print the report as JSON; the file stays text
#   -h, --help            print this text
#
# The report is DIR/benchmark_report.txt, written whole or not at all; DIR/latencies.tsv has every request.
# Ctrl-C ends all clients and leaves no file behind, but the space.
#
# Exit status:
#   0   both 99th percentiles are within the target
#   1   one is over it, or the server counts fewer memories than it has acknowledged
#   2   nothing could be measured, or more than 1 % of the requests failed
#   64  wrong usage

set -uo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# Numbers with a point, whatever the language of the operator is.
export LC_ALL=C

# More failures than this, in percent, and the latencies of the rest mean nothing.
readonly MAX_ERRORS=1
# A memory takes about this much of a disk: 3.3 KB of log, twice, and its index entries.
readonly BYTES_OF_A_MEMORY=8192

# ---- arguments ----------------------------------------------------------------------------------

url="${ENGRAM_URL:-http://localhost:7432}"
output='' space='' target=100 max_stores=10000 patience=10 as_json=false
numbers=()

while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    --json) as_json=true; shift; continue ;;
    -o | --output) output=$(option_value "$1" "$#" "${2-}") || exit ;;
    --url) url=$(option_value "$1" "$#" "${2-}") || exit ;;
    --space) space=$(option_value "$1" "$#" "${2-}") || exit ;;
    --target-ms) target=$(option_value "$1" "$#" "${2-}") || exit ;;
    --max-stores) max_stores=$(option_value "$1" "$#" "${2-}") || exit ;;
    --timeout) patience=$(option_value "$1" "$#" "${2-}") || exit ;;
    -*) usage_error "unknown option $1" ;;
    *) numbers+=("$1"); shift; continue ;;
  esac
  shift 2
done

# whole NAME VALUE LOWEST HIGHEST
whole() {
  if [[ ! $2 =~ ^[1-9][0-9]{0,6}$ ]] || [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
    usage_error "$1 takes a whole number from $3 to $4, not $2"
  fi
}

[ "${#numbers[@]}" -le 2 ] || usage_error "two numbers, not ${#numbers[@]}: ${numbers[*]}"
seconds=${numbers[0]:-30}
concurrency=${numbers[1]:-4}
whole SECONDS "$seconds" 1 3600
whole CONCURRENCY "$concurrency" 1 64
whole --target-ms "$target" 1 3600000
whole --max-stores "$max_stores" 1 1000000
whole --timeout "$patience" 1 300
[[ $url =~ ^https?://[^/\"[:space:]]+ ]] || usage_error "--url takes an address such as http://localhost:7432, not $url"
url=${url%/}
stamp=$(date -u +%Y%m%dT%H%M%SZ)
if [ -n "$space" ]; then
  valid_space_id "$space" || usage_error "--space takes 3 to 64 of a-z, 0-9, _ and -, not $space"
  [[ $space == bench_* ]] || usage_error "a benchmark fills its space with rubbish, so its name must begin with bench_: not $space"
else
  space=$(printf 'bench_%s_%d' "$stamp" "$$" | tr '[:upper:]' '[:lower:]')
fi
output=${output:-./benchmark-$stamp}

need awk curl timeout sort

# ---- what is cleaned up -------------------------------------------------------------------------

workers=()
work=$(mktemp -d) || fail "cannot make a temporary directory" "free some space in ${TMPDIR:-/tmp}"
made_output=false
# shellcheck disable=SC2317  # A trap calls it.
finish() {
  local worker
  for worker in ${workers[0]+"${workers[@]}"}; do
    kill -TERM "$worker" 2>/dev/null
  done
  wait
  rm -rf -- "$work"
  if "$made_output"; then rmdir -- "$output" 2>/dev/null; fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ ! -d "$output" ]; then
  mkdir -- "$output" 2>/dev/null || fail "cannot make the directory $output" "choose another one with --output DIR"
  made_output=true
fi
[ -w "$output" ] || fail "cannot write into $output" "choose another directory with --output DIR"

# ---- the load -----------------------------------------------------------------------------------

# A client's next requests as a configuration of curl, so that one curl sends them all over one connection and its own
# start is not measured. requests WORKER FIRST COUNT STORES QUOTA: of the requests FIRST to FIRST+COUNT-1, those that are
# even store, as long as STORES are left, and the others recall one of this client's first QUOTA memories.
# Memory number n of all clients has an embedding on two of the 768 axes, another pair for each n. So two memories
# resemble each other by half at most: Engram 0.1.0 drops, with status 201, what resembles another one by 0.95.
requests() {
  awk -v worker="$1" -v first="$2" -v count="$3" -v stores="$4" -v workers="$concurrency" -v run="$stamp" \
    -v limit="$5" -v url="$url" -v space="$space" -v patience="$patience" -v offset="$RANDOM" '
    function embedding(n,    i, distance, a, b, text) {
      a = n % 768; distance = 1 + int(n / 768) % 383; b = (a + distance) % 768
      for (i = 0; i < 768; i++) text = text (i ? "," : "") ((i == a || i == b) ? "0.7071" : "0")
      return text
    }
    function common(kind) {
      print "header = \"X-Memory-Space: " space "\""
      print "connect-timeout = 2"
      print "max-time = " patience
      print "output = \"/dev/null\""
      # Standard error is not buffered: nothing is lost if curl has to be ended.
      print "write-out = \"%{stderr}" kind " %{http_code} %{time_total}\\n\""
    }
    BEGIN {
      for (i = first; i < first + count; i++) {
        if (i > first) print "next"
        n = int(i / 2) * workers + worker
        if (i % 2 == 0 && stores > 0) {
          stores--
          print "url = \"" url "/api/v1/memories/remember\""
          print "header = \"Content-Type: application/json\""
          print "data = \"{\\\"id\\\":\\\"bench_" run "_" n "\\\",\\\"content\\\":\\\"Benchmark run" run " number" n \
            ", written by client" worker ".\\\",\\\"confidence\\\":0.9,\\\"embedding\\\":[" embedding(n) "]}\""
          common("store")
        } else {
          known = int(i / 2); if (known > limit && limit > 0) known = limit
          wanted = (known > 0 ? (i * 7919 + offset) % known : 0) * workers + worker
          print "url = \"" url "/api/v1/memories/recall?query=number" wanted "&limit=10\""
          common("recall")
        }
      }
    }'
}

# A client: batches of about a second each, until the time is over.
worker() {
  local number=$1 quota=$2 batch=4 first=0 stored=0 child='' before='' now='' answered failed left ended
  trap 'test -z "$child" || kill -TERM "$child" 2>/dev/null; wait; exit 0' TERM
  local out="$work/out.$number"
  : >"$out"
  now=$(date +%s%N)
  while [ "$now" -lt "$deadline" ]; do
    before=$now
    requests "$number" "$first" "$batch" "$((quota - stored))" "$quota" >"$work/config.$number" || return
    left=$(((deadline - now) / 1000000000 + 1 + patience))
    # If the server hangs, no more than the requests that are under way at the end are waited for.
    timeout --foreground "$left" curl --disable --silent --config "$work/config.$number" >/dev/null 2>"$work/batch.$number" &
    child=$!
    ended=0
    wait "$child" || ended=$?
    child=''
    if [ "$ended" -eq 124 ]; then
      # The request under way is the only one of this batch that was sent and has no line yet.
      awk -v waited="$patience" '{ last = $1 } END { print (last == "store" ? "recall" : "store"), "000", waited }' \
        "$work/batch.$number" >"$work/cut.$number"
      cat "$work/cut.$number" >>"$work/batch.$number"
    fi
    cat "$work/batch.$number" >>"$out"
    read -r answered failed < <(awk 'NF == 3 { n++ } $2 == "000" { bad++ } END { print n + 0, bad + 0 }' "$work/batch.$number")
    stored=$((stored + (answered + 1) / 2))
    [ "$stored" -le "$quota" ] || stored=$quota
    first=$((first + batch))
    # A server that is gone refuses thousands of connections a second: that would be no measurement, but noise.
    [ "$failed" -lt "$batch" ] || sleep 0.5
    now=$(date +%s%N)
    batch=$(awk -v n="$answered" -v took="$((now - before))" -v left="$((deadline - now))" 'BEGIN {
      if (left > 1e9) left = 1e9
      n = int(n * left / (took + 1) / 2) * 2
      print (n < 2 ? 2 : n > 500 ? 500 : n) }')
  done
}

# ---- what came of it ----------------------------------------------------------------------------

# percentiles KIND: count, ok, then P50, P95, P99 and the slowest in ms, over the requests that succeeded.
percentiles() {
  awk -v kind="$1" '$1 == kind { all++ } $1 == kind && $2 ~ /^2/ { print $3 > "/dev/stderr" } END { print all + 0 }' \
    "$work/latencies" 2>"$work/ok"
  LC_ALL=C sort -n "$work/ok" | awk '
    function rank(p,    i) { i = int(NR * p); if (i < NR * p) i++; return value[i < 1 ? 1 : i] * 1000 }
    { value[NR] = $1 }
    END { if (NR == 0) { print 0, "-", "-", "-", "-"; exit }
      printf "%d %.2f %.2f %.2f %.2f\n", NR, rank(0.5), rank(0.95), rank(0.99), value[NR] * 1000 }'
}

# What a failure's status means to an operator: STATUS -> text and page.
explain() {
  case $1 in
    000) say "no answer within $patience s, or no connection: $(page_url issues/wont-start diagnosis)" ;;
    401 | 403) say "the server asks for an API key, which this script does not send" ;;
    404) say "the server does not have this route: is it Engram? $url" ;;
    503) say "the server is read-only, or says that it is unwell: curl -s $url/api/v1/system/health | jq .checks" ;;
    507) say "its disk is full: $(page_url issues/wal-lag disk-full)" ;;
    5??) say "the server failed; read its log: journalctl -u engram -n 100, $(page_url common-issues errors)" ;;
    *) say "the server refused the request" ;;
  esac
}

over() { [ "$1" != - ] && awk -v value="$1" -v target="$target" 'BEGIN { exit !(value > target) }'; }

report_operation() {
  printf '\n%s: %d requests, %d ok, %d failed, %s ok a second\n' "$1" "$2" "$3" "$(($2 - $3))" \
    "$(awk -v n="$3" -v t="$took" 'BEGIN { printf "%.1f", n / t }')"
  if [ "$4" = - ]; then
    printf '  Latency: N/A: no request succeeded\n'
    return
  fi
  printf '  P50 Latency (%s): %s ms\n  P95 Latency (%s): %s ms\n  P99 Latency (%s): %s ms\n  slowest (%s): %s ms\n' \
    "$1" "$4" "$1" "$5" "$1" "$6" "$1" "$7"
}

report_text() {
  local code count
  printf 'Engram benchmark, %s, host %s, %s\n' "$stamp" "$(uname -n)" "$url"
  printf 'Load: %d clients for %s s; each stores and recalls in turn' "$concurrency" "$took"
  if [ "$all_stores" -ge "$max_stores" ]; then
    printf '; after %d memories it only recalled' "$max_stores"
  fi
  printf '\n'
  # shellcheck disable=SC2086  # Numbers without blanks.
  report_operation store $store
  # shellcheck disable=SC2086
  report_operation recall $recall
  printf '\nError rate: %s %% (%d of %d)\n' "$error_rate" "$errors" "$all"
  while read -r count code; do
    [ -n "$code" ] || continue
    printf '  %d × status %s: %s\n' "$count" "$code" "$(explain "$code")"
  done < <(awk '$2 !~ /^2/ { n[$2]++ } END { for (code in n) print n[code], code }' "$work/latencies" | sort -rn)
  printf 'Memories: %d acknowledged, %s\n' "$stored_ok" "$counted_text"
  printf 'Target: 99th percentile of %d ms: %s\n' "$target" "$target_text"
  if [ "$exit_status" -eq "$EXIT_WARNING" ] && [ "$target_text" != met ]; then
    printf '  do: analyze_slow_queries.sh %d, then profile_performance.sh 60 while it is slow\n  page: %s\n' \
      "$target" "$(page_url issues/high-latency diagnosis)"
  fi
  printf '\nThe space %s stays behind: the API cannot delete. To remove it, with the server stopped, move its directory\n' "$space"
  printf 'out of the data directory%s.\n' "${data_dir:+: sudo systemctl stop engram; sudo mv $data_dir/$space /var/tmp/; sudo systemctl start engram}"
}

json_operation() {
  printf '{"requests":%d,"ok":%d' "$1" "$2"
  [ "$3" = - ] || printf ',"p50_ms":%s,"p95_ms":%s,"p99_ms":%s,"slowest_ms":%s' "$3" "$4" "$5" "$6"
  printf '}'
}

report_json() {
  printf '{"timestamp":%s,"host":%s,"url":%s,"space":%s,"clients":%d,"seconds":%s,"target_ms":%d,"exit_status":%d,' \
    "$(json_string "$stamp")" "$(json_string "$(uname -n)")" "$(json_string "$url")" "$(json_string "$space")" \
    "$concurrency" "$took" "$target" "$exit_status"
  # shellcheck disable=SC2086
  printf '"store":%s,"recall":%s,"errors":%d,"error_percent":%s,"acknowledged":%d,"counted":%s,"report":%s}\n' \
    "$(json_operation $store)" "$(json_operation $recall)" "$errors" "$error_rate" "$stored_ok" "${counted:-null}" \
    "$(json_string "$output/benchmark_report.txt")"
}

# How many memories the server says the space has; empty if it does not tell.
count_memories() {
  curl --disable --silent --max-time 10 --header "X-Memory-Space: $space" "$url/api/v1/memories?tier=all&limit=1" |
    sed -n 's/.*"tier_counts":{[^}]*"total":\([0-9]*\).*/\1/p'
}

# ---- run, judge, print --------------------------------------------------------------------------

answer=$(curl --disable --silent --output /dev/null --write-out '%{http_code}' --connect-timeout 2 --max-time 5 "$url/health/alive") || true
[ "$answer" = 200 ] || fail "no Engram server answers at $url (status $answer)" \
  "sudo systemctl status engram; $(page_url issues/wont-start diagnosis)"

data_dir=''
if [[ $url =~ ^https?://(localhost|127\.|\[::1\]) ]]; then data_dir=$(find_data_dir '') || data_dir=''; fi
if [ -d "$data_dir" ]; then
  free=$(df --output=avail -B1 -- "$data_dir" 2>/dev/null | tail -n 1)
  if [[ $free =~ ^[[:space:]]*[0-9]+$ ]] && [ $((free / 10 / BYTES_OF_A_MEMORY)) -lt "$max_stores" ]; then
    max_stores=$((free / 10 / BYTES_OF_A_MEMORY))
    [ "$max_stores" -ge "$concurrency" ] || fail "the disk of $data_dir is too full for a benchmark: $(human "$free") free" \
      "see $(page_url issues/wal-lag disk-full)"
    warn "at most $max_stores memories are stored: a tenth of what is free on the disk of $data_dir"
  fi
fi
# Engram 0.1.0 needs seconds to make a space, which is no latency of a store.
curl --disable --silent --output /dev/null --max-time 60 --header 'Content-Type: application/json' \
  --data "{\"id\":\"$space\"}" "$url/api/v1/spaces" || fail "the space $space could not be made at $url" \
  "see $(page_url issues/space-isolation space-not-created)"
before=$(count_memories)

"$as_json" || say "Benchmark of $url: $concurrency clients, $seconds s, into the space $space, which stays behind (the API cannot delete)"
started=$(date +%s%N)
deadline=$((started + seconds * 1000000000))
for ((number = 0; number < concurrency; number++)); do
  worker "$number" $((max_stores / concurrency + (number < max_stores % concurrency))) &
  workers+=("$!")
done
wait "${workers[@]}"
workers=()
took=$(awk -v ns=$(($(date +%s%N) - started)) 'BEGIN { printf "%.1f", ns / 1e9 }')

cat "$work"/out.* 2>/dev/null | awk 'NF == 3' >"$work/latencies"
store=$(percentiles store | tr '\n' ' ')
recall=$(percentiles recall | tr '\n' ' ')
all=$(wc -l <"$work/latencies")
[ "$all" -gt 0 ] || fail "no request has ended within $seconds s" "see $(page_url issues/wont-start diagnosis)"
errors=$(awk '$2 !~ /^2/ { n++ } END { print n + 0 }' "$work/latencies")
error_rate=$(awk -v e="$errors" -v n="$all" 'BEGIN { printf "%.2f", e * 100 / n }')
read -r all_stores stored_ok _ _ p99_store _ <<<"$store"
read -r _ _ _ _ p99_recall _ <<<"$recall"

exit_status=$EXIT_OK
target_text=met
if over "$p99_store" || over "$p99_recall"; then
  target_text='missed' exit_status=$EXIT_WARNING
elif [ "$p99_store" = - ] || [ "$p99_recall" = - ]; then
  target_text='N/A: not both operations succeeded' exit_status=$EXIT_CRITICAL
fi
counted=$(count_memories)
if [ -z "$counted" ]; then
  counted_text='N/A counted: this server does not tell tier_counts'
elif [ $((counted - ${before:-0})) -ge "$stored_ok" ]; then
  counted_text="$((counted - ${before:-0})) counted in the space"
else
  counted_text="but only $((counted - ${before:-0})) counted in the space: acknowledged memories are missing; $(page_url known-behaviour)"
  exit_status=$EXIT_WARNING
fi
if awk -v rate="$error_rate" -v most="$MAX_ERRORS" 'BEGIN { exit !(rate > most) }'; then
  exit_status=$EXIT_CRITICAL
fi

report_text >"$work/report"
if ! cp -- "$work/latencies" "$output/latencies.tsv" || ! cp -- "$work/report" "$output/.benchmark_report.part" ||
  ! mv -f -- "$output/.benchmark_report.part" "$output/benchmark_report.txt"; then
  rm -f -- "$output/.benchmark_report.part"
  warn "the report could not be written to $output"
  exit_status=$EXIT_CRITICAL
fi
made_output=false
if "$as_json"; then report_json; else cat "$work/report"; say "Report: $output/benchmark_report.txt"; fi
exit "$exit_status"

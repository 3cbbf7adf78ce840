#!/usr/bin/env bash
# Usage: profile_performance.sh [OPTIONS] [SECONDS]
#
# Watches a running Engram server for SECONDS (60) and says what it spends its time on: computing, waiting for a
# processor, waiting for a disk, or nothing of these; and whether its memory grows. Each finding names a page.
# It reads /proc once a second and asks /health/alive; nothing is changed. With the rights of another user than the
# server's, some values are N/A: run it with sudo.
#
# Options:
#   -o, --output DIR   where the files go                (./profile-<time>, made if it is missing)
#       --pid PID      the server, if several run
#       --url URL      the server's address              (ENGRAM_URL, else http://localhost:7432)
#       --no-perf      do not sample functions with perf, even if that is installed and allowed
#       --json         print the summary as JSON; the files stay text
#   -h, --help         print this text
#
# The files: summary.txt (what is printed), cpu.txt, memory_usage.txt, io.txt, descriptors.txt, latency.txt,
# operations.txt, perf.txt (only if perf could sample), samples.tsv (every value of every second).
# Ctrl-C ends the watching early; what was seen until then is reported.
#
# Exit status; the worst finding decides:
#   0   nothing stands out
#   1   something does
#   2   no server runs, it has ended meanwhile, or the files could not be written
#   64  wrong usage

set -uo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lib_profile.sh
source "$here/lib_profile.sh"
# Numbers with a point, whatever the language of the operator is.
export LC_ALL=C

# From these values on, something stands out. The environment may set others.
readonly CPU_HIGH="${ENGRAM_CPU_HIGH:-80}"                # percent of the processors that the server may use
readonly MACHINE_HIGH="${ENGRAM_MACHINE_HIGH:-90}"        # percent of all processors
readonly CPU_WAIT_HIGH="${ENGRAM_CPU_WAIT_HIGH:-30}"      # percent of the time that threads want to run
readonly DISK_WAIT_HIGH="${ENGRAM_DISK_WAIT_HIGH:-10}"    # percent of the samples with a thread that waits for a disk
readonly DISK_BUSY_HIGH="${ENGRAM_DISK_BUSY_HIGH:-90}"    # percent of the time that the disk works
readonly DISK_FULL="${ENGRAM_DISK_CRITICAL:-90}"          # percent
readonly GROWTH_HIGH_MB="${ENGRAM_GROWTH_HIGH_MB:-10}"    # MB a minute
readonly DESCRIPTORS_HIGH="${ENGRAM_DESCRIPTORS_CRITICAL:-80}"
readonly SLOW_MS="${ENGRAM_SLOW_MS:-100}"

# ---- arguments ----------------------------------------------------------------------------------

url="${ENGRAM_URL:-http://localhost:7432}"
output='' pid='' with_perf=true as_json=false seconds=''

while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    --json) as_json=true; shift; continue ;;
    --no-perf) with_perf=false; shift; continue ;;
    -o | --output) output=$(option_value "$1" "$#" "${2-}") || exit ;;
    --pid) pid=$(option_value "$1" "$#" "${2-}") || exit ;;
    --url) url=$(option_value "$1" "$#" "${2-}") || exit ;;
    -*) usage_error "unknown option $1" ;;
    *)
      [ -z "$seconds" ] || usage_error "one number of seconds, not two: $seconds, $1"
      seconds=$1
      shift
      continue
      ;;
  esac
  shift 2
done
seconds=${seconds:-60}
if [[ ! $seconds =~ ^[1-9][0-9]{0,4}$ ]] || [ "$seconds" -lt 2 ] || [ "$seconds" -gt 86400 ]; then
  usage_error "SECONDS is a whole number from 2 to 86400, not $seconds"
fi
[[ $pid =~ ^[0-9]{0,9}$ ]] || usage_error "--pid takes a process number, not $pid"
[[ $url =~ ^https?://[^/]+ ]] || usage_error "--url takes an address such as http://localhost:7432, not $url"
url=${url%/}
stamp=$(date -u +%Y%m%dT%H%M%SZ)
output=${output:-./profile-$stamp}

need awk curl grep ps

work=$(mktemp -d) || fail "cannot make a temporary directory" "free some space in ${TMPDIR:-/tmp}"
perf_pid='' interrupted=0 made_output=false
# shellcheck disable=SC2317  # A trap calls it.
finish() {
  [ -z "$perf_pid" ] || kill -TERM "$perf_pid" 2>/dev/null
  wait
  rm -rf -- "$work"
  if "$made_output"; then rmdir -- "$output" 2>/dev/null; fi
}
trap finish EXIT
trap 'interrupted=130' INT
trap 'interrupted=143' TERM HUP

# ---- the server ---------------------------------------------------------------------------------

if [ -z "$pid" ]; then
  mapfile -t servers < <(server_pids)
  case ${#servers[@]} in
    0) fail 'no Engram server is running' "sudo systemctl start engram; $(page_url issues/wont-start diagnosis)" ;;
    1) pid=${servers[0]} ;;
    *) fail "${#servers[@]} servers run: ${servers[*]}" "choose one with --pid; two on one data directory lose data: $(page_url known-behaviour f4)" ;;
  esac
fi
[ -r "/proc/$pid/stat" ] || fail "there is no process $pid" "see: pgrep -a engram"
if [ ! -d "$output" ]; then
  mkdir -- "$output" 2>/dev/null || fail "cannot make the directory $output" "choose another one with --output DIR"
  made_output=true
fi
[ -w "$output" ] || fail "cannot write into $output" "choose another directory with --output DIR"

hertz=$(getconf CLK_TCK)
data_dir=$(data_dir_of "$pid") || data_dir=''

# The name of the disk under a directory, as /proc/diskstats has it; fails where there is none, as on a tmpfs.
disk_of() {
  local device
  [ -d "$1" ] || return 1
  device=$(stat -c %d -- "$1" 2>/dev/null) || return 1
  awk -v major=$((device >> 8 & 0xfff)) -v minor=$((device & 0xff | device >> 12 & 0xfff00)) \
    '$1 == major && $2 == minor { print $3; found = 1 } END { exit !found }' /proc/diskstats 2>/dev/null
}
disk=$(disk_of "$data_dir") || disk=''

# The file in which the kernel counts how often the processes of the server's group were held back.
quota_file() {
  local path
  path=$(sed -n 's/^0:://p' "/proc/$pid/cgroup" 2>/dev/null)
  [ -r "/sys/fs/cgroup$path/cpu.stat" ] && { printf '%s\n' "/sys/fs/cgroup$path/cpu.stat"; return 0; }
  path=$(sed -n 's/^[0-9]*:[a-z,]*\bcpu\b[a-z,]*://p' "/proc/$pid/cgroup" 2>/dev/null)
  [ -r "/sys/fs/cgroup/cpu$path/cpu.stat" ] && printf '%s\n' "/sys/fs/cgroup/cpu$path/cpu.stat"
}
quota=$(quota_file) || quota=''

# Nanoseconds for which the quota has held the server back; empty if the kernel does not tell.
held_back() {
  [ -n "$quota" ] && awk '$1 == "throttled_usec" { print $2 * 1000 } $1 == "throttled_time" { print $2 }' "$quota" 2>/dev/null
}

# ---- findings -----------------------------------------------------------------------------------

f_status=() f_message=() f_action=() f_page=()

# finding STATUS MESSAGE ACTION PAGE
finding() {
  f_status+=("$1") f_message+=("$2") f_action+=("$3") f_page+=("$4")
}

# at_least VALUE LIMIT: a value that is not known is not high.
at_least() {
  [ "$1" != - ] && awk -v value="$1" -v limit="$2" 'BEGIN { exit !(value >= limit) }'
}

# Why this server gets less of the processors than others.
handicap() {
  [ "${fact[nice]}" -le 0 ] || printf '; it runs with nice %s' "${fact[nice]}"
  [ "$allowed" -ge "$processors" ] || printf '; it may use only %d of %d processors' "$allowed" "$processors"
}

judge_cpu() {
  local others page
  others=$(busiest | head -n 2 | paste -s -d , | sed 's/,/, /g')
  page=$(page_url issues/high-latency cpu-saturation)
  if [ -n "$held_ns" ] && at_least "$(awk -v a="$held_ns" -v s="$took" 'BEGIN { print a / 1e7 / s }')" 5; then
    finding warning "CPU: the quota of its control group held the server back for $((held_ns / 1000000)) ms of $took s" \
      'raise CPUQuota in the unit: systemctl edit engram' "$page"
  elif at_least "${fact[server_share]}" "$CPU_HIGH"; then
    finding warning "CPU: the server itself uses ${fact[server_cpu]} % of $allowed × 100 %, most of it in thread ${fact[thread_name]} (${fact[thread_cpu]} %)$(handicap)" \
      "see cpu.txt and operations.txt: which operation, how many" "$page"
  elif at_least "${fact[cpu_wait]}" "$CPU_WAIT_HIGH" && at_least "${fact[cpu_wait_ms]}" 50; then
    finding warning "CPU: the server's threads wait for a processor, together ${fact[cpu_wait_ms]} ms of each second; the machine is busy to ${fact[machine_busy]} %${others:+, most by $others}$(handicap)" \
      "see who takes it: ps -eo pid,ni,pcpu,args --sort=-pcpu | head" "$page"
  elif at_least "${fact[machine_busy]}" "$MACHINE_HIGH"; then
    finding warning "CPU: the machine is busy to ${fact[machine_busy]} %, the server uses ${fact[server_cpu]} % of a processor${others:+; most by $others}$(handicap)" \
      "see who takes it: ps -eo pid,ni,pcpu,args --sort=-pcpu | head" "$page"
  elif at_least "${fact[thread_cpu]}" 90; then
    finding warning "CPU: one thread, ${fact[thread_name]}, uses a whole processor (${fact[thread_cpu]} %)" \
      "see cpu.txt and operations.txt: which operation, how many" "$page"
  fi
  if at_least "${fact[stolen]}" 10; then
    finding warning "CPU: other virtual machines of the host take ${fact[stolen]} % of the processors" \
      'ask those who run the host' "$page"
  fi
}

judge_memory() {
  local total percent growth_mb=$((fact[growth] / 1024))
  total=$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)
  percent=$((fact[anonymous] * 100 / total))
  if [ "$percent" -ge 80 ]; then
    finding warning "memory: $((fact[anonymous] / 1024)) MB of its own, $percent % of this machine" \
      'make the hot tier smaller, or the machine larger' "$(page_url issues/high-memory hot-tier-too-large)"
  fi
  # A short look sees the warming up, so it must have grown by as much already, and by a twentieth of the whole.
  if [ "$growth_mb" -ge "$GROWTH_HIGH_MB" ] && [ $((fact[anonymous] - fact[anonymous_first])) -ge $((GROWTH_HIGH_MB * 1024)) ] &&
    [ $(((fact[anonymous] - fact[anonymous_first]) * 20)) -ge "${fact[anonymous]}" ]; then
    finding warning "memory: grows by $growth_mb MB a minute (RssAnon, from $((fact[anonymous_first] / 1024)) to $((fact[anonymous] / 1024)) MB)" \
      'watch it for longer: profile_performance.sh 600; memories that are stored meanwhile need memory, too' \
      "$(page_url issues/high-memory memory-leak)"
  fi
  if [ "${fact[swapped]}" != - ] && [ "${fact[swapped]}" -gt 10240 ]; then
    finding warning "memory: $((fact[swapped] / 1024)) MB of the server are swapped out: each page that is needed waits for a disk" \
      'find room: free -m; ps -eo pid,rss,args --sort=-rss | head' "$(page_url issues/high-memory hot-tier-too-large)"
  fi
}

judge_io() {
  local used page
  page=$(page_url issues/high-latency disk-bottleneck)
  if at_least "${fact[disk_wait]}" "$DISK_WAIT_HIGH"; then
    finding warning "I/O: in ${fact[disk_wait]} % of the samples a thread of the server waited for a disk${disk:+ ($disk, busy to ${fact[disk_busy]} %)}" \
      "see who uses it: sudo iotop -o; is the data directory on a network disk? findmnt -T ${data_dir:-DIR}" "$page"
  elif at_least "${fact[disk_busy]}" "$DISK_BUSY_HIGH"; then
    finding warning "I/O: the disk $disk works ${fact[disk_busy]} % of the time; the server writes ${fact[written]} bytes a second" \
      "see who uses it: sudo iotop -o" "$page"
  elif at_least "${fact[iowait]}" 20; then
    finding warning "I/O: the processors of this machine wait for a disk ${fact[iowait]} % of the time" \
      "see who uses it: sudo iotop -o" "$page"
  fi
  used=$(df --output=pcent -- "$data_dir" 2>/dev/null | tail -n 1 | tr -dc 0-9)
  if [ -n "$used" ] && [ "$used" -ge "$DISK_FULL" ]; then
    finding warning "I/O: the disk of $data_dir is $used % full" 'free some space, or grow the volume' \
      "$(page_url issues/wal-lag disk-full)"
  fi
}

judge_rest() {
  if [ "${fact[stopped]}" -gt 0 ]; then
    finding warning "the server is stopped by a signal in ${fact[stopped]} % of the samples" "sudo kill -CONT $pid" \
      "$(page_url issues/wont-start diagnosis)"
  fi
  if [ "${fact[descriptors]}" != - ] && [[ $limit =~ ^[0-9]+$ ]] && [ $((fact[descriptors] * 100)) -ge $((limit * DESCRIPTORS_HIGH)) ]; then
    finding warning "descriptors: ${fact[descriptors]} of $limit are open" 'raise LimitNOFILE in the unit: systemctl edit engram' \
      "$(page_url issues/high-memory too-many-open-files)"
  fi
  if [ "${fact[silent]}" -gt 0 ]; then
    finding warning "latency: $url/health/alive gave no answer within 2 s, or not 200, ${fact[silent]} of ${fact[samples]} times" \
      'is it the right address? see --url; then: diagnose_health.sh' "$(page_url issues/high-latency diagnosis)"
  elif at_least "${fact[slowest]}" "$SLOW_MS"; then
    finding warning "latency: $url/health/alive took up to ${fact[slowest]} ms, and it only has to answer" \
      'compare with the findings above; then: analyze_slow_queries.sh' "$(page_url issues/high-latency diagnosis)"
  fi
}

# ---- the report ---------------------------------------------------------------------------------

# known VALUE UNIT: the value, or N/A.
known() {
  if [ "$1" = - ]; then printf 'N/A'; else printf '%s%s' "$1" "${2-}"; fi
}

report_text() {
  local i disk_text="N/A: no block device under ${data_dir:-the data directory, which is not known}"
  [ -z "$disk" ] || disk_text="$disk busy $(known "${fact[disk_busy]}" ' %')"
  printf 'Engram profile, %s, host %s, process %s, %s s, %d samples\n\n' "$stamp" "$(uname -n)" "$pid" "$took" "${fact[samples]}"
  printf 'CPU          server %s %% of %d × 100 %%, machine %s %% busy, stolen %s, load %s, its threads wait for a CPU %s of each second\n' \
    "${fact[server_cpu]}" "$allowed" "${fact[machine_busy]}" "$(known "${fact[stolen]}" ' %')" "${fact[load]}" "$(known "${fact[cpu_wait_ms]}" ' ms')"
  printf 'threads      busiest: %s %s %%; switches a second: %s voluntary, %s forced\n' \
    "${fact[thread_name]}" "${fact[thread_cpu]}" "${fact[voluntary]}" "${fact[forced]}"
  printf 'memory       %d MB of its own, %d MB mapped, %s kB swapped out; grows by %d kB a minute\n' \
    $((fact[anonymous] / 1024)) $((fact[mapped] / 1024)) "$(known "${fact[swapped]}")" "${fact[growth]}"
  printf 'I/O          reads %s, writes %s; waits for a disk in %s %% of the samples; disk %s\n' \
    "$(known "${fact[read]}" ' B/s')" "$(known "${fact[written]}" ' B/s')" "${fact[disk_wait]}" \
    "$disk_text"
  printf 'pressure     some task waited: CPU %s, I/O %s, memory %s of the time (whole machine)\n' \
    "$(known "${fact[pressure_cpu]}" ' %')" "$(known "${fact[pressure_io]}" ' %')" "$(known "${fact[pressure_memory]}" ' %')"
  printf 'descriptors  %s open at most, limit %s\n' "$(known "${fact[descriptors]}")" "$limit"
  printf 'latency      slowest answer of /health/alive: %s\n' "$(known "${fact[slowest]}" ' ms')"
  sed -n '3,$s/^/operation    /p' "$work/out/operations.txt"
  [ "${fact[read]}" != - ] || printf 'N/A: you may not read /proc/%s/io: run this with sudo\n' "$pid"
  printf 'perf         %s\n\n' "$perf_text"
  for i in "${!f_status[@]}"; do
    printf '%-8s %s\n     do: %s\n   page: %s\n' "${f_status[i]^^}" "${f_message[i]}" "${f_action[i]}" "${f_page[i]}"
  done
  [ "${#f_status[@]}" -gt 0 ] || printf 'Nothing stands out: not the processors, the memory, the disk or the descriptors.\n'
}

report_json() {
  local name first=true i
  printf '{"timestamp":%s,"host":%s,"pid":%d,"seconds":%s,"directory":%s,"exit_status":%d,"facts":{' \
    "$(json_string "$stamp")" "$(json_string "$(uname -n)")" "$pid" "$took" "$(json_string "$output")" "$exit_status"
  for name in "${!fact[@]}"; do
    "$first" || printf ','
    first=false
    if [ "${fact[$name]}" = - ]; then
      printf '"%s":null' "$name"
    elif [[ ${fact[$name]} =~ ^-?[0-9]+(\.[0-9]+)?$ ]]; then
      printf '"%s":%s' "$name" "${fact[$name]}"
    else
      printf '"%s":%s' "$name" "$(json_string "${fact[$name]}")"
    fi
  done
  printf '},"findings":['
  first=true
  for i in "${!f_status[@]}"; do
    "$first" || printf ','
    first=false
    printf '{"status":%s,"message":%s,"action":%s,"page":%s}' "$(json_string "${f_status[i]}")" \
      "$(json_string "${f_message[i]}")" "$(json_string "${f_action[i]}")" "$(json_string "${f_page[i]}")"
  done
  printf ']}\n'
}

# ---- look, judge, print -------------------------------------------------------------------------

mkdir "$work/out"
processors=$(nproc --all 2>/dev/null || getconf _NPROCESSORS_ONLN)
allowed=$(awk '/^Cpus_allowed_list:/ { n = split($2, part, ","); for (i = 1; i <= n; i++) {
  if (split(part[i], end, "-") == 2) count += end[2] - end[1] + 1; else count++ } print count }' "/proc/$pid/status")
# A kernel may allow more processors than there are.
if [ "${allowed:-0}" -lt 1 ] || [ "$allowed" -gt "$processors" ]; then allowed=$processors; fi
limit=$(awk '/^Max open files/ { print $4 }' "/proc/$pid/limits" 2>/dev/null)
limit=${limit:-N/A}

perf_text='not used: --no-perf'
if "$with_perf"; then
  perf_text='N/A: perf is not installed'
  if have perf; then
    perf record --quiet --freq 99 --pid "$pid" --output "$work/perf.data" -- sleep "$seconds" >/dev/null 2>"$work/perf.err" &
    perf_pid=$!
  fi
fi

"$as_json" || say "Watching process $pid for $seconds s; Ctrl-C ends it early"
held_ns=$(held_back)
all_processes begin
operations begin
began=$(date +%s%N)
ended=false
for ((second = 0; second <= seconds; second++)); do
  if ! sample; then
    # Ctrl-C ends the programs of the sample, too.
    [ "$interrupted" -ne 0 ] || ended=true
    break
  fi
  if [ "$interrupted" -ne 0 ] || [ "$second" -ge "$seconds" ]; then break; fi
  pause=$((began + (second + 1) * 1000000000 - $(date +%s%N)))
  if [ "$pause" -gt 0 ]; then
    sleep "$((pause / 1000000000)).$(printf '%09d' $((pause % 1000000000)))"
  fi
done
took=$(awk -v ns=$(($(date +%s%N) - began)) 'BEGIN { printf "%.1f", ns / 1e9 }')
all_processes end
operations end
if [ -n "$held_ns" ]; then held_ns=$(($(held_back) - held_ns)); fi

if [ -n "$perf_pid" ]; then
  [ "$interrupted" -eq 0 ] || kill -TERM "$perf_pid" 2>/dev/null
  wait "$perf_pid"
  perf_pid=''
  if [ -s "$work/perf.data" ] && timeout 30 perf report --stdio --no-children --input "$work/perf.data" 2>/dev/null |
    grep -v '^#' | awk 'NF && ++n <= 60' >"$work/out/perf.txt" && [ -s "$work/out/perf.txt" ]; then
    perf_text="most time in: $(awk 'NR == 1 { $2 = ""; print }' "$work/out/perf.txt"); see perf.txt"
  else
    perf_text="N/A: $(sed -n '/[^ ]/{s/^[[:space:]]*//;p;q}' "$work/perf.err" | cut -c 1-120)"
    [ "$perf_text" != 'N/A: ' ] || perf_text='N/A: the server did not run on a processor when perf looked'
    rm -f "$work/out/perf.txt"
  fi
fi

declare -A fact=()
if ! analyse; then
  fail "process $pid could be seen only once; it has ended" "sudo systemctl status engram; $(page_url issues/wont-start diagnosis)"
fi
while IFS='=' read -r name value; do fact[$name]=$value; done <"$work/facts"
tables
judge_cpu
judge_memory
judge_io
judge_rest
exit_status=$EXIT_OK
[ "${#f_status[@]}" -eq 0 ] || exit_status=$EXIT_WARNING
if "$ended"; then
  finding critical "the server ended after $took s of $seconds" 'sudo systemctl status engram; journalctl -u engram -n 40' \
    "$(page_url issues/wont-start diagnosis)"
  exit_status=$EXIT_CRITICAL
fi
report_text >"$work/out/summary.txt"
if ! cp -- "$work/out"/* "$output/"; then
  warn "the files could not be written to $output"
  exit_status=$EXIT_CRITICAL
fi
made_output=false
if "$as_json"; then report_json; else cat "$work/out/summary.txt"; say "Files: $output"; fi
[ "$interrupted" -eq 0 ] || exit "$interrupted"
exit "$exit_status"

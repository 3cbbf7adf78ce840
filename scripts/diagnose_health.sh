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
#       --grpc-port PORT  expect gRPC on this port         (ENGRAM_GRPC_PORT)
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
# faster. With a server that hangs it takes about ten seconds.

set -uo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"

# From these values on, a check warns or is critical. The environment may set others.
readonly DISK_WARNING="${ENGRAM_DISK_WARNING:-80}" DISK_CRITICAL="${ENGRAM_DISK_CRITICAL:-90}"
readonly WAL_FILES_WARNING="${ENGRAM_WAL_FILES_WARNING:-100}"
readonly MEMORY_WARNING_MB="${ENGRAM_MEMORY_WARNING_MB:-4096}"
readonly DESCRIPTORS_CRITICAL="${ENGRAM_DESCRIPTORS_CRITICAL:-80}"
readonly RESPONSE_WARNING="${ENGRAM_RESPONSE_WARNING:-1.0}"

readonly CHECKS=(
  'process' 'HTTP health' 'gRPC' 'storage' 'write-ahead log'
  'memory' 'file descriptors' 'recent errors' 'response time' 'metrics'
)

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
if [ -n "$output" ]; then
  [ -d "$(dirname -- "$output")" ] || usage_error "the directory of $output does not exist"
  # Renaming over /dev/stdout would replace it.
  if [ -e "$output" ] && [ ! -f "$output" ]; then usage_error "$output is not a regular file"; fi
fi

need awk curl ps
work=$(mktemp -d) || fail "cannot make a temporary directory" "free some space in ${TMPDIR:-/tmp}"
report_part=''
trap 'rm -rf -- "$work" ${report_part:+"$report_part"}' EXIT

# ---- findings -----------------------------------------------------------------------------------

# Findings in four arrays of equal length, each with the number of its check in a fifth.
f_check=() f_status=() f_message=() f_action=() f_page=()
check=0

# finding STATUS MESSAGE [ACTION PAGE]
finding() {
  f_check+=("$check") f_status+=("$1") f_message+=("$2") f_action+=("${3-}") f_page+=("${4-}")
}

weight() {
  case $1 in
    critical) echo 4 ;;
    warning) echo 3 ;;
    unknown) echo 2 ;;
    ok) echo 1 ;;
    *) echo 0 ;;
  esac
}

# worst [NUMBER]: the worst status of one check, or of all.
worst() {
  local i result=skipped
  for i in "${!f_status[@]}"; do
    [ "$#" -eq 0 ] || [ "${f_check[i]}" = "$1" ] || continue
    [ "$(weight "${f_status[i]}")" -le "$(weight "$result")" ] || result=${f_status[i]}
  done
  printf '%s\n' "$result"
}

# ---- looking ------------------------------------------------------------------------------------

health_code='' health_time='' health_exit='' metrics_code='' metrics_exit=''

# http_get NAME PATH SECONDS: body into $work/NAME, and NAME_code, NAME_time, NAME_exit.
http_get() {
  local answer exit_status=0
  answer=$(curl --silent --output "$work/$1" --write-out '%{http_code} %{time_total}' --connect-timeout 2 \
    --max-time "$3" --max-filesize 20000000 --header 'Accept: text/plain, application/json' "$url$2") || exit_status=$?
  printf -v "$1_code" '%s' "${answer%% *}"
  printf -v "$1_time" '%s' "${answer##* }"
  printf -v "$1_exit" '%s' "$exit_status"
}

# What curl's exit status says, in the words of an operator.
curl_said() {
  case $1 in
    6) echo 'the host name is not known' ;;
    7) echo 'connection refused: nothing listens there' ;;
    28) echo 'no answer in time' ;;
    52 | 56) echo 'the connection was closed without an answer' ;;
    127) echo 'curl is not installed' ;;
    *) echo "curl failed with exit status $1" ;;
  esac
}

# When a process was started, as the log writes times. Empty if unknown.
started_at() {
  local ticks uptime per_second seconds
  ticks=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{ print $20 }')
  read -r uptime _ </proc/uptime || return 0
  per_second=$(getconf CLK_TCK) || return 0
  [ -n "$ticks" ] || return 0
  seconds=$(awk -v now="$(date +%s.%N)" -v up="$uptime" -v t="$ticks" -v hz="$per_second" \
    'BEGIN { printf "%.2f", now - up + t / hz }')
  date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%S.%2N
}

# The recent log into $work/log; log_source says from where, or is empty.
read_log() {
  local since=$1 path
  log_source=''
  if [ -n "$log_file" ]; then
    if [ -r "$log_file" ]; then
      log_source=$log_file
      cat -- "$log_file" >"$work/log.all"
    fi
  elif have journalctl; then
    if timeout 5 journalctl -u engram --no-pager -o cat --since "$minutes minutes ago" >"$work/log.all" 2>"$work/log.err" ||
      timeout 5 journalctl -u engram --no-pager -n 20000 >"$work/log.all" 2>"$work/log.err"; then
      # A journal that we may not read looks empty. One that holds a line of the unit, however old, can be read.
      if grep -q -v '^-- ' "$work/log.all" ||
        timeout 5 journalctl -u engram --no-pager -n 1 2>/dev/null | grep -q -v '^-- '; then
        log_source='journalctl -u engram'
      fi
    fi
  fi
  if [ -z "$log_source" ] && [ -z "$log_file" ]; then
    for path in /var/log/engram.log /var/log/engram/engram.log; do
      if [ -r "$path" ]; then
        log_source=$path
        cat -- "$path" >"$work/log.all"
        break
      fi
    done
  fi
  [ -n "$log_source" ] || return 0
  # A line without a time, such as "Error: …", belongs to the line before it.
  strip_colours <"$work/log.all" | awk -v since="$since" '
    match($0, /[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9][.0-9]*/) {
      old = (substr($0, RSTART, RLENGTH) < since)
    }
    !old { print }' >"$work/log"
}

# metric NAME: the sum over all labels; fails if there is no such sample.
metric() {
  awk -v name="$1" '$1 == name || index($1, name "{") == 1 { sum += $NF; found = 1 }
    END { if (!found) exit 1; printf "%.0f\n", sum }' "$work/metrics" 2>/dev/null
}

# ---- the ten checks -----------------------------------------------------------------------------

check_process() {
  local pid state uptime other zombie pid_file pid_in_file
  for zombie in $(zombie_pids); do
    finding critical "process $zombie is a zombie: it has ended and its parent has not noticed" \
      "sudo systemctl restart engram; if it stays, restart its parent, process $(ps -o ppid= -p "$zombie" | tr -d ' ')" \
      "$(page_url issues/wont-start resolution)"
  done
  if [ "${#servers[@]}" -eq 0 ]; then
    finding critical 'no Engram server is running' \
      'sudo systemctl start engram; if it does not stay up: journalctl -u engram -n 40' \
      "$(page_url issues/wont-start diagnosis)"
    return
  fi
  pid=${servers[0]}
  state=$(awk '/^State:/ { print $2 }' "/proc/$pid/status" 2>/dev/null)
  uptime=$(ps -o etime= -p "$pid" | tr -d ' ')
  case $state in
    D) finding warning "server runs as PID $pid, but waits for a disk (state D)" \
      'look at the disk: dmesg | tail; iostat -x 1 5' "$(page_url common-issues issue-3)" ;;
    T | t) finding critical "server, PID $pid, is stopped by a signal (state $state)" \
      "sudo kill -CONT $pid" "$(page_url issues/wont-start diagnosis)" ;;
    *) finding ok "server runs as PID $pid, up $uptime" ;;
  esac
  if [ "${#servers[@]}" -gt 1 ]; then
    other=$(printf '%s ' "${servers[@]}")
    finding critical "${#servers[@]} servers run: PIDs ${other% }. Two servers on one data directory lose data" \
      "keep the one that systemctl status engram shows; stop each other one with: sudo kill PID" \
      "$(page_url known-behaviour f4)"
  fi
  pid_file="${ENGRAM_PID_PATH:-${TMPDIR:-/tmp}/engram.pid}"
  if [ -r "$pid_file" ]; then
    pid_in_file=$(cut -d: -f1 "$pid_file")
    if [[ ! " ${servers[*]} " == *" $pid_in_file "* ]]; then
      finding warning "the PID file $pid_file names $pid_in_file, which is not the server; engram stop would miss it" \
        "stop with sudo systemctl stop engram, then remove $pid_file" "$(page_url known-behaviour f4)"
    fi
  fi
}

check_health() {
  local status=''
  if [ "$health_exit" -ne 0 ]; then
    finding critical "$url/api/v1/system/health: $(curl_said "$health_exit")" \
      'see who holds the port: sudo lsof -i :7432; then: journalctl -u engram -n 40' \
      "$(page_url issues/wont-start diagnosis)"
    return
  fi
  have jq && status=$(jq -r '.status // empty' "$work/health" 2>/dev/null)
  case $health_code:$status in
    200:healthy | 200:) finding ok 'health is 200 OK' ;;
    200:*) finding warning "health is 200, but says: $status" \
      "see which check: curl -s $url/api/v1/system/health | jq .checks" "$(page_url common-issues issue-2)" ;;
    401:* | 403:*) finding unknown "health is $health_code: the server asks for an API key" \
      'run this on the server host with authentication in mind: [security] auth_mode in config.toml' \
      "$(page_url known-behaviour)" ;;
    503:*) finding warning "health is 503${status:+, status $status}: the server answers but is not well" \
      "wait 30 s without polling, then see which check fails: curl -s $url/api/v1/system/health | jq .checks" \
      "$(page_url known-behaviour f6)" ;;
    *) finding critical "health is $health_code: this is not a working Engram server" \
      'see who holds the port: sudo lsof -i :7432' "$(page_url issues/wont-start port-conflict)" ;;
  esac
}

# Is gRPC to be expected? Only if somebody said so: the operator, the server's arguments or its configuration.
grpc_expected() {
  local config="${XDG_CONFIG_HOME:-$HOME/.config}/engram/config.toml"
  [ -z "$grpc_port" ] || return 0
  if [ "${#servers[@]}" -gt 0 ] &&
    tr '\0' '\n' <"/proc/${servers[0]}/cmdline" 2>/dev/null | grep -q -x -e '-g.*' -e '--grpc-port.*'; then
    return 0
  fi
  [ -r "$config" ] && awk '/^[ \t]*\[/ { inside = /^[ \t]*\[grpc\]/ }
    inside && /^[ \t]*enabled[ \t]*=[ \t]*true/ { found = 1 } END { exit !found }' "$config"
}

grpc_port_in_use() {
  local port=$grpc_port
  if [ -z "$port" ] && [ "${#servers[@]}" -gt 0 ]; then
    port=$(tr '\0' '\n' <"/proc/${servers[0]}/cmdline" 2>/dev/null |
      awk 'take { print; exit } /^(-g|--grpc-port)$/ { take = 1 } sub(/^--grpc-port=/, "") { print; exit }')
  fi
  printf '%s\n' "${port:-50051}"
}

check_grpc() {
  local host port owner http2=0
  port=$(grpc_port_in_use)
  host=${url#*://}
  host=${host%%[:/]*}
  if [ "${#servers[@]}" -eq 0 ] && [ "$health_exit" -ne 0 ]; then
    finding skipped 'not asked: the server is down'
    return
  fi
  # shellcheck disable=SC2016  # The inner bash expands $0 and $1.
  if ! timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null; then
    if grpc_expected; then
      finding warning "gRPC should be served on port $port, but nothing answers there" \
        "sudo lsof -i :$port; sudo iptables -L -n | grep $port" "$(page_url common-issues issue-10)"
    else
      finding skipped "not served: nothing answers on port $port, and this server does not announce gRPC"
    fi
    return
  fi
  if have ss; then
    owner=$(ss -H -l -t -n -p "sport = :$port" 2>/dev/null | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | sed -n 1p)
    if [ -n "$owner" ] && [ "${#servers[@]}" -gt 0 ] && [[ ! " ${servers[*]} " == *" $owner "* ]]; then
      finding warning "port $port belongs to another program: $(ps -o comm= -p "$owner"), PID $owner" \
        "stop it: sudo kill $owner" "$(page_url common-issues issue-10)"
      return
    fi
  fi
  if ! curl --version | grep -q HTTP2; then
    finding unknown "port $port is open; this curl cannot speak HTTP/2, so the protocol was not tried" \
      'install a curl with HTTP/2' "$(page_url common-issues issue-10)"
    return
  fi
  curl --silent --output /dev/null --http2-prior-knowledge --connect-timeout 2 --max-time 2 "http://$host:$port/" || http2=$?
  if [ "$http2" -eq 0 ]; then
    finding ok "port $port is open and speaks HTTP/2"
  elif grpc_expected; then
    finding warning "port $port is open, but does not speak HTTP/2, which gRPC needs" \
      "sudo lsof -i :$port" "$(page_url common-issues issue-10)"
  else
    finding skipped "port $port is held by the server, but it does not serve gRPC there"
  fi
}

check_disk() {
  local line space inodes
  line=$(timeout 5 df --output=pcent,ipcent -- "$data_dir" 2>/dev/null | awk 'NR == 2 { gsub(/%/, ""); print $1, $2 }')
  read -r space inodes <<<"$line"
  if [[ ! ${space:-} =~ ^[0-9]+$ ]]; then
    finding unknown "how full the file system of $data_dir is cannot be read" "df $data_dir" \
      "$(page_url common-issues issue-3)"
    return
  fi
  if [ "$space" -ge "$DISK_CRITICAL" ]; then
    finding critical "the file system of $data_dir is $space % full" \
      "free space or grow the volume: sudo du -xh $data_dir | sort -h | tail" "$(page_url common-issues issue-3)"
  elif [ "$space" -ge "$DISK_WARNING" ]; then
    finding warning "the file system of $data_dir is $space % full" \
      'plan for more space; look for old backups on the same volume' "$(page_url common-issues issue-3)"
  else
    finding ok "the file system of $data_dir is $space % full"
  fi
  if [[ $inodes =~ ^[0-9]+$ ]] && [ "$inodes" -ge "$DISK_CRITICAL" ]; then
    finding critical "$inodes % of the inodes are used: no new file can be made" \
      "find the many small files: sudo du --inodes -x $data_dir | sort -n | tail" "$(page_url common-issues issue-3)"
  fi
}

check_storage() {
  if [ -z "$data_dir" ]; then
    finding unknown 'the data directory is not known' \
      'export ENGRAM_DATA_DIR=/var/lib/engram, or give --data-dir' "$(page_url introduction before)"
    return
  fi
  if [ ! -d "$data_dir" ]; then
    if [ -e "$data_dir" ]; then
      finding critical "$data_dir is not a directory" "ls -ld $data_dir" "$(page_url issues/wont-start permission-denied)"
    elif [ ! -x "$(dirname -- "$data_dir")" ]; then
      finding unknown "you may not look into $(dirname -- "$data_dir")" 'run this with sudo' \
        "$(page_url issues/wont-start permission-denied)"
    else
      finding critical "the data directory $data_dir does not exist" \
        "is the volume mounted? findmnt; then check ENGRAM_DATA_DIR" "$(page_url issues/wont-start permission-denied)"
    fi
    return
  fi
  if [ ! -r "$data_dir" ] || [ ! -x "$data_dir" ]; then
    if [ "${#servers[@]}" -eq 0 ]; then
      finding critical "the data directory $data_dir cannot be read: Permission denied" \
        "sudo chown -R engram:engram $data_dir; sudo chmod -R u+rwX $data_dir" \
        "$(page_url issues/wont-start permission-denied)"
    else
      finding unknown "you may not read $data_dir" 'run this with sudo' \
        "$(page_url issues/wont-start permission-denied)"
    fi
    return
  fi
  check_disk
}

# One space of the data directory; counts into n_spaces, n_files and n_bytes.
check_wal_of() {
  local space=$1 wal="$data_dir/$1/wal" file files=0 magic
  if [ ! -r "$data_dir/$space" ] || [ ! -x "$data_dir/$space" ] || { [ -d "$wal" ] && [ ! -x "$wal" ]; }; then
    finding critical "space $space cannot be read: Permission denied on $data_dir/$space" \
      "sudo chown -R engram:engram $data_dir/$space; sudo chmod -R u+rwX $data_dir/$space" \
      "$(page_url issues/space-isolation directory-permissions)"
    return
  fi
  if [ ! -d "$wal" ]; then
    finding warning "$data_dir/$space has no wal directory; every directory here becomes a memory space" \
      "if you put it there, move it out of the data directory" "$(page_url issues/wal-corruption resolution)"
    return
  fi
  n_spaces=$((n_spaces + 1))
  for file in "$wal"/*.log; do
    [ -f "$file" ] || continue
    files=$((files + 1))
    n_bytes=$((n_bytes + $(stat -c %s -- "$file" 2>/dev/null || echo 0)))
    magic=$(od -A n -N 4 -t x1 -- "$file" 2>/dev/null | tr -d ' \n')
    case $magic in
      '' | efbeadde | 00000000) ;;
      *) finding critical "$file does not begin with a log record: it is damaged" \
        'copy the wal directory aside before any restart' "$(page_url issues/wal-corruption corrupt-wal-file)" ;;
    esac
  done
  n_files=$((n_files + files))
  if [ "$files" -gt "$WAL_FILES_WARNING" ]; then
    finding warning "space $space has $files write-ahead log files" \
      'check that consolidation runs and how often the server restarts' "$(page_url common-issues issue-3)"
  fi
}

check_wal() {
  local directory space n_spaces=0 n_files=0 n_bytes=0 pid deleted failures unavailable
  if [ -z "$data_dir" ] || [ ! -r "$data_dir" ] || [ ! -x "$data_dir" ]; then
    finding unknown 'the write-ahead log cannot be looked at: see storage' \
      'solve the finding of the storage check first' "$(page_url issues/wont-start permission-denied)"
  else
    for directory in "$data_dir"/*/; do
      space=${directory%/}
      space=${space##*/}
      if [ ! -L "$data_dir/$space" ] && valid_space_id "$space"; then
        check_wal_of "$space"
      fi
    done
    if [ "$n_spaces" -eq 0 ] && [ "$(worst "$check")" = skipped ]; then
      finding warning "$data_dir holds no memory space" \
        'is it the right directory, and is the volume mounted? findmnt' "$(page_url issues/space-isolation registry-lost)"
    else
      finding ok "$n_spaces spaces, $n_files files, $(human "$n_bytes")"
    fi
  fi
  for pid in "${servers[@]}"; do
    deleted=$(deleted_logs "$pid")
    if [ "$deleted" -gt 0 ]; then
      finding critical 'the server writes to a log file that is deleted: what it stores now is lost at the next restart' \
        "do not restart; copy the memories out first" "$(page_url known-behaviour f1)"
    fi
  done
  if failures=$(metric engram_wal_recovery_failures_total) && [ "$failures" -gt 0 ]; then
    finding critical "$failures recoveries from the write-ahead log have failed since the server started" \
      'copy the wal directories aside, then: journalctl -u engram | grep WAL' \
      "$(page_url issues/wal-corruption diagnosis)"
  fi
  if unavailable=$(metric engram_space_unavailable) && [ "$unavailable" -gt 0 ]; then
    finding critical "$unavailable spaces cannot be opened: $(sed -n \
      's/^engram_space_unavailable{.*memory_space="\([^"]*\)".*} 1.*/\1/p' "$work/metrics" | tr '\n' ' ')" \
      "journalctl -u engram | grep 'Failed to initialise memory store'" "$(page_url issues/space-isolation diagnosis)"
  fi
}

check_memory() {
  local pid rss anonymous mapped swapped total percent
  if [ "${#servers[@]}" -eq 0 ]; then
    finding skipped 'not looked at: the server is down'
    return
  fi
  for pid in "${servers[@]}"; do
    read -r rss anonymous mapped swapped <<<"$(awk '/^VmRSS:/ { r = $2 } /^RssAnon:/ { a = $2 } /^RssFile:/ { f = $2 }
      /^VmSwap:/ { s = $2 } END { printf "%d %d %d %d", r / 1024, a / 1024, f / 1024, s / 1024 }' "/proc/$pid/status" 2>/dev/null)"
    total=$(awk '/^MemTotal:/ { printf "%d", $2 / 1024 }' /proc/meminfo)
    if [ "${rss:-0}" -eq 0 ] || [ "${total:-0}" -eq 0 ]; then
      finding unknown "the memory of process $pid cannot be read" "cat /proc/$pid/status" "$(page_url common-issues issue-4)"
      continue
    fi
    percent=$((anonymous * 100 / total))
    # Mapped files do not count: 0.1.0 maps 3.1 GB for each space, which the kernel can drop at any time.
    if [ "$percent" -ge 90 ]; then
      finding critical "PID $pid: $anonymous MB of its own, $percent % of this machine: it will be killed" \
        'take a debug bundle, then: sudo systemctl restart engram' "$(page_url common-issues issue-4)"
    elif [ "$anonymous" -ge "$MEMORY_WARNING_MB" ]; then
      finding warning "PID $pid: $anonymous MB of its own (plus $mapped MB of mapped files)" \
        'run this again in ten minutes; if it has grown, it leaks' "$(page_url common-issues issue-4)"
    else
      finding ok "PID $pid: $anonymous MB of its own, $mapped MB of mapped files, $swapped MB swapped out"
    fi
  done
}

check_descriptors() {
  local pid open limit
  if [ "${#servers[@]}" -eq 0 ]; then
    finding skipped 'not looked at: the server is down'
    return
  fi
  for pid in "${servers[@]}"; do
    limit=$(awk '/^Max open files/ { print $4 }' "/proc/$pid/limits" 2>/dev/null)
    if [ ! -r "/proc/$pid/fd" ] || [ -z "$limit" ]; then
      finding unknown "you may not see the open files of process $pid" 'run this with sudo' \
        "$(page_url common-issues issue-4)"
      continue
    fi
    open=$(find "/proc/$pid/fd" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)
    if [ "$limit" = unlimited ]; then
      finding ok "PID $pid: $open open, no limit"
    elif [ $((open * 100)) -ge $((limit * DESCRIPTORS_CRITICAL)) ]; then
      finding critical "PID $pid: $open of $limit descriptors are open" \
        "see what they are: sudo lsof -p $pid | awk '{print \$5}' | sort | uniq -c; raise LimitNOFILE in the unit" \
        "$(page_url common-issues issue-4)"
    else
      finding ok "PID $pid: $open of $limit descriptors are open"
    fi
  done
}

# Which page an error belongs to, specific before general; one line per kind: STATUS, COUNT, PAGE, EXAMPLE.
sort_errors() {
  awk '
    function add(status, page) {
      key = status "\t" page
      if (!(key in count)) { order[++kinds] = key; sub(/^ +/, "", message); example[key] = substr(message, 1, 160) }
      count[key]++
    }
    {
      message = $0
      sub(/^.*[0-9]Z +/, "", message)
      level = message; sub(/ .*/, "", level)
      fatal = /^Error: / || /^PANIC at / || / Error: /
      damaged = /Failed to deserialize WAL|Corrupted (header|payload) in|Checksum verification failed/
    }
    !(level == "ERROR" || fatal || damaged) { next }
    damaged                                     { add("critical", "issues/wal-corruption corrupt-wal-file"); next }
    /WAL batch write failed|No space left/      { add("critical", "common-issues issue-3"); next }
    /Failed to bind|Address already in use/     { add("warning", "issues/wont-start port-conflict"); next }
    /Too many open files/                       { add("critical", "common-issues issue-4"); next }
    /for space .*default/                       { add("warning", "issues/wont-start permission-denied"); next }
    /Failed to initialise memory store|Failed to prepare persistence|Memory space/ {
                                                  add("warning", "issues/space-isolation diagnosis"); next }
    /Failed to create data directory|Permission denied/ { add("warning", "issues/wont-start permission-denied"); next }
    /configuration|Invalid HTTP bind/           { add("warning", "issues/wont-start invalid-configuration"); next }
                                                { add("warning", "common-issues errors") }
    END { for (i = 1; i <= kinds; i++) { split(order[i], part, "\t")
      printf "%s\t%d\t%s\t%s\n", part[1], count[order[i]], part[2], example[order[i]] } }' "$work/log"
}

check_errors() {
  local status count page example found=false
  if [ -z "$log_source" ]; then
    finding unknown 'no log could be read' \
      'run this with sudo, or name the file: diagnose_health.sh --log FILE' "$(page_url common-issues errors)"
    return
  fi
  while IFS=$'\t' read -r status count page example; do
    found=true
    # shellcheck disable=SC2086  # A page and its anchor are two words.
    finding "$status" "$count × $example" "journalctl -u engram -n 100" "$(page_url $page)"
  done < <(sort_errors)
  "$found" || finding ok "no error $window ($log_source)"
}

check_response_time() {
  if [ "$health_exit" -ne 0 ]; then
    finding critical "no answer from $url: $(curl_said "$health_exit")" \
      'solve the finding of the HTTP health check first' "$(page_url issues/wont-start diagnosis)"
  elif awk -v t="$health_time" -v limit="$RESPONSE_WARNING" 'BEGIN { exit !(t > limit) }'; then
    finding warning "the health page took $health_time s, more than $RESPONSE_WARNING s" \
      'look at load and disk: uptime; vmstat 1 5' "$(page_url common-issues issue-2)"
  else
    finding ok "the health page took $health_time s"
  fi
}

check_metrics() {
  local families
  if [ "$metrics_exit" -ne 0 ]; then
    finding warning "no metrics: $(curl_said "$metrics_exit")" \
      "curl -s $url/metrics/prometheus" "$(page_url issues/wont-start diagnosis)"
  elif [ "$metrics_code" != 200 ]; then
    finding warning "no metrics: $url/metrics/prometheus answers $metrics_code" \
      'let Prometheus scrape the path that answers; see the version: engram --version' "$(page_url known-behaviour f7)"
  else
    families=$(awk '/^# TYPE engram_/ { n++ } END { print n + 0 }' "$work/metrics")
    if [ "$families" -eq 0 ]; then
      finding warning 'the metrics page has no engram_ family in Prometheus text' \
        "look at it: curl -s $url/metrics/prometheus | head" "$(page_url known-behaviour f7)"
    else
      finding ok "$families families in Prometheus text"
    fi
  fi
}

# ---- the report ---------------------------------------------------------------------------------

report_text() {
  local number i status name
  printf 'Engram health report, %s, host %s, %s\n\n' "$stamp" "$(uname -n)" "$url"
  for number in $(seq "${#CHECKS[@]}"); do
    name=${CHECKS[number - 1]}
    for i in "${!f_check[@]}"; do
      [ "${f_check[i]}" = "$number" ] || continue
      status=${f_status[i]}
      case $status in warning | critical) status=${status^^} ;; esac
      printf '[%2d/10] %-16s %-8s  %s\n' "$number" "$name" "$status" "${f_message[i]}"
      [ -z "${f_action[i]}" ] || printf '%35s%s\n' 'do: ' "${f_action[i]}"
      [ -z "${f_page[i]}" ] || printf '%35s%s\n' 'page: ' "${f_page[i]}"
    done
  done
  printf '\n%s\n' "$summary"
}

report_json() {
  local number i first_check=true first
  printf '{"timestamp":%s,"host":%s,"url":%s,"data_dir":%s,"status":%s,"exit_status":%d,"checks":[' \
    "$(json_string "$stamp")" "$(json_string "$(uname -n)")" "$(json_string "$url")" \
    "$(json_string "$data_dir")" "$(json_string "$(worst)")" "$exit_status"
  for number in $(seq "${#CHECKS[@]}"); do
    "$first_check" || printf ','
    first_check=false first=true
    printf '{"number":%d,"name":%s,"status":%s,"findings":[' \
      "$number" "$(json_string "${CHECKS[number - 1]}")" "$(json_string "$(worst "$number")")"
    for i in "${!f_check[@]}"; do
      [ "${f_check[i]}" = "$number" ] || continue
      "$first" || printf ','
      first=false
      printf '{"status":%s,"message":%s,"action":%s,"page":%s}' "$(json_string "${f_status[i]}")" \
        "$(json_string "${f_message[i]}")" "$(json_string "${f_action[i]}")" "$(json_string "${f_page[i]}")"
    done
    printf ']}'
  done
  printf ']}\n'
}

# ---- look, judge, print -------------------------------------------------------------------------

stamp=$(date -u +%Y-%m-%dT%H:%M:%SZ)
mapfile -t servers < <(server_pids)
data_dir=$(find_data_dir "$data_dir_option") || data_dir=''

http_get health /api/v1/system/health 5
asked_at=$SECONDS

since=$(date -u -d "-$minutes minutes" +%Y-%m-%dT%H:%M:%S)
window="in the last $minutes minutes"
if [ "${#servers[@]}" -gt 0 ]; then
  start=$(started_at "${servers[0]}")
  if [[ $start > $since ]]; then
    since=$start
    window='since the server started'
  fi
fi
read_log "$since"

[ $((SECONDS - asked_at)) -ge 2 ] || sleep 1
http_get metrics /metrics/prometheus 3

check=1 && check_process
check=2 && check_health
check=3 && check_grpc
check=4 && check_storage
check=5 && check_wal
check=6 && check_memory
check=7 && check_descriptors
check=8 && check_errors
check=9 && check_response_time
check=10 && check_metrics

case $(worst) in
  critical) exit_status=$EXIT_CRITICAL ;;
  warning | unknown) exit_status=$EXIT_WARNING ;;
  *) exit_status=$EXIT_OK ;;
esac
declare -A n=([ok]=0 [warning]=0 [critical]=0 [unknown]=0 [skipped]=0)
for number in $(seq "${#CHECKS[@]}"); do
  status=$(worst "$number")
  n[$status]=$((n[$status] + 1))
done
summary="10 checks: ${n[ok]} ok, ${n[warning]} warning, ${n[critical]} critical, ${n[unknown]} unknown, ${n[skipped]} skipped"

if "$as_json"; then report_json >"$work/report"; else report_text >"$work/report"; fi
cat "$work/report"
if [ -n "$output" ]; then
  if ! report_part=$(mktemp -- "$output.XXXXXX") || ! cat "$work/report" >"$report_part" ||
    ! chmod "$(printf '%o' $((0666 & ~$(umask))))" "$report_part" || ! mv -f -T -- "$report_part" "$output"; then
    warn "the report could not be written to $output"
    [ "$exit_status" -ge "$EXIT_WARNING" ] || exit_status=$EXIT_WARNING
  fi
  report_part=''
fi
exit "$exit_status"

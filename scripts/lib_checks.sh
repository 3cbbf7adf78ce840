# shellcheck shell=bash disable=SC2154
# The ten checks: what is seen of a server, judged. For diagnose_health.sh, after lib_findings.sh and lib_look.sh.
# Each adds at least one finding. Metrics that a server does not have are no finding: Engram 0.1.0 has few.

# From these values on, a check warns or is critical. The environment may set others.
readonly DISK_WARNING="${ENGRAM_DISK_WARNING:-80}" DISK_CRITICAL="${ENGRAM_DISK_CRITICAL:-90}"
readonly WAL_FILES_WARNING="${ENGRAM_WAL_FILES_WARNING:-100}"
readonly WAL_LAG_WARNING="${ENGRAM_WAL_LAG_WARNING:-10}"
readonly MEMORY_WARNING_MB="${ENGRAM_MEMORY_WARNING_MB:-4096}" UNREAD_WARNING_MB="${ENGRAM_UNREAD_WARNING_MB:-64}"
readonly DESCRIPTORS_CRITICAL="${ENGRAM_DESCRIPTORS_CRITICAL:-80}"
readonly RESPONSE_WARNING="${ENGRAM_RESPONSE_WARNING:-1.0}" OPERATION_WARNING="${ENGRAM_OPERATION_WARNING:-0.1}"
readonly MISSES_WARNING="${ENGRAM_MISSES_WARNING:-10}"

# ---- 1 and 2 ------------------------------------------------------------------------------------

check_process() {
  local pid state uptime other value zombie pid_file pid_in_file
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
      'look at the disk: dmesg | tail; iostat -x 1 5' "$(page_url issues/high-latency disk-bottleneck)" ;;
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
  value=$(environment_of "$pid" ENGRAM_READONLY) || value=''
  case ${value,,} in
    '' | 0 | false | no | off) ;;
    *) finding warning 'the server takes no writes: somebody has put it into read-only mode' \
      'when the reason is gone: emergency_recovery.sh --readwrite-mode' "$(page_url common-issues errors)" ;;
  esac
  pid_file="${ENGRAM_PID_PATH:-${TMPDIR:-/tmp}/engram.pid}"
  if [ -r "$pid_file" ]; then
    pid_in_file=$(cut -d: -f1 "$pid_file")
    if [[ ! " ${servers[*]} " == *" $pid_in_file "* ]]; then
      finding warning "the PID file $pid_file names $pid_in_file, which is not the server; engram stop would miss it" \
        "stop with sudo systemctl stop engram, then remove $pid_file" "$(page_url known-behaviour f4)"
    fi
  fi
}

# link "PAGE ANCHOR": the address of a page whose name comes with its anchor.
link() {
  local page anchor
  read -r page anchor <<<"$1"
  page_url "$page" "$anchor"
}

# Which page helps with a failed health check of that name.
page_of_health_check() {
  case $1 in
    grpc) page_url issues/grpc-connection diagnosis ;;
    indices) page_url issues/index-corruption diagnosis ;;
    storage | disk) page_url issues/wal-lag disk-full ;;
    wal*) page_url issues/wal-lag diagnosis ;;
    consolidation) page_url issues/consolidation-stuck diagnosis ;;
    embeddings) page_url issues/nan-infinity diagnosis ;;
    memory) page_url issues/high-memory diagnosis ;;
    descriptors) page_url issues/high-memory too-many-open-files ;;
    error_rate) page_url common-issues errors ;;
    spreading | cognitive) page_url known-behaviour f6 ;;
    *) page_url issues/high-latency diagnosis ;;
  esac
}

# health_findings: one for each check of the server's own that is not healthy; fails if there is none.
health_findings() {
  local name state message found=1
  have jq || return 1
  while IFS=$'\t' read -r name state message; do
    found=0
    finding warning "the server's own check $name is $state: $message" \
      "curl -s --max-time 5 $url/api/v1/system/health | jq '.checks[] | select(.name == \"$name\")'" "$(page_of_health_check "$name")"
  done < <(jq -r '.checks[]? | select(.status != null and .status != "healthy") | [.name, .status, .message // ""] | @tsv' \
    "$work/health" 2>/dev/null)
  return "$found"
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
    200:*) health_findings || finding warning "health is 200, but says: $status" \
      "see which check: curl -s $url/api/v1/system/health | jq .checks" "$(page_url issues/high-latency diagnosis)" ;;
    401:* | 403:*) finding unknown "health is $health_code: the server asks for an API key" \
      'run this on the server host with authentication in mind: [security] auth_mode in config.toml' \
      "$(page_url known-behaviour)" ;;
    503:*) health_findings || finding warning "health is 503${status:+, status $status}: the server answers but is not well" \
      "wait 30 s without polling, then see which check fails: curl -s $url/api/v1/system/health | jq .checks" \
      "$(page_url known-behaviour f6)" ;;
    *) finding critical "health is $health_code: this is not a working Engram server" \
      'see who holds the port: sudo lsof -i :7432' "$(page_url issues/wont-start port-conflict)" ;;
  esac
}

# ---- 3 ------------------------------------------------------------------------------------------

# Where gRPC is to be found: told to us, told to the server, in its configuration, or where it always is.
grpc_port_in_use() {
  local port=$grpc_port
  [ -n "$port" ] || port=$(server_argument -g --grpc-port) || port=$(config_value grpc address) || port=''
  port=${port##*:}
  printf '%s\n' "${port:-50051}"
}

# Switched off by the configuration? The command line turns it on again, and so does who expects it.
grpc_is_off() {
  [ -z "$grpc_port" ] && ! server_argument -g --grpc-port >/dev/null && [ "$(config_value grpc enabled)" = false ]
}

# The process that listens on a TCP port, if it is none of the servers: PID. Fails if nobody else is seen.
other_listener() {
  local owner
  have ss && [ "${#servers[@]}" -gt 0 ] || return 1
  owner=$(ss -H -l -t -n -p "sport = :$1" 2>/dev/null | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | sed -n 1p)
  [ -n "$owner" ] && [[ ! " ${servers[*]} " == *" $owner "* ]] && printf '%s\n' "$owner"
}

# Nothing answers on gRPC's port; $1 is how long that took to find out: "refused" or "silence".
grpc_is_closed() {
  local port=$2
  if grpc_is_off; then
    finding warning 'gRPC is switched off: [grpc] enabled = false' \
      "set enabled = true in $(config_file), then: sudo systemctl restart engram" "$(page_url issues/grpc-connection grpc-disabled)"
  elif [ "$1" = silence ] || { have ss && [ -n "$(ss -H -l -t -n "sport = :$port" 2>/dev/null)" ]; }; then
    finding warning "gRPC on port $port does not answer, although something listens or drops what is sent: a firewall" \
      "sudo iptables -L -n | grep -E 'REJECT|DROP|$port'" "$(page_url issues/grpc-connection firewall)"
  elif [ "$(config_value grpc.tls enabled)" = true ]; then
    finding warning "gRPC is not served on port $port; TLS is on, so look at its certificate and key" \
      "journalctl -u engram -n 200 --no-pager | grep 'gRPC server error'" "$(page_url issues/grpc-connection tls-mismatch)"
  else
    finding warning "gRPC is not served: nothing listens on port $port" \
      "journalctl -u engram -n 200 --no-pager | grep -i grpc" "$(page_url issues/grpc-connection diagnosis)"
  fi
}

# How many services grpcurl lists, as an addition to a message; empty without it, or without reflection.
grpcurl_says() {
  local services
  have grpcurl || return 0
  services=$(timeout 4 grpcurl "$@" list 2>/dev/null | grep -c .)
  [ "$services" -eq 0 ] || printf '; grpcurl lists %s services' "$services"
}

check_grpc() {
  local host port owner status=0 http2=0
  port=$(grpc_port_in_use)
  host=${url#*://}
  host=${host%%[:/]*}
  if [ "${#servers[@]}" -eq 0 ] && [ "$health_exit" -ne 0 ]; then
    finding skipped 'not asked: the server is down'
    return
  fi
  # A server that speaks TLS logs every other attempt as a failure, ours too: so TLS first where it is configured.
  if [ "$(config_value grpc.tls enabled)" = true ] && speaks_tls "$host" "$port"; then
    check_grpc_tls "$host" "$port"
    return
  fi
  # shellcheck disable=SC2016  # The inner bash expands $0 and $1.
  timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    grpc_is_closed "$([ "$status" -eq 124 ] && echo silence || echo refused)" "$port"
    return
  fi
  if owner=$(other_listener "$port"); then
    finding warning "gRPC's port $port belongs to another program: $(ps -o comm= -p "$owner"), PID $owner" \
      "stop it: sudo kill $owner; then: sudo systemctl restart engram" "$(page_url issues/grpc-connection port-conflict)"
    return
  fi
  if [ "$(metric engram_grpc_up)" = 0 ]; then
    finding warning "port $port is open, but the server says that it does not serve gRPC: the port is another program's" \
      "sudo lsof -i :$port -s TCP:LISTEN" "$(page_url issues/grpc-connection port-conflict)"
    return
  fi
  if ! curl --version | grep -q HTTP2; then
    finding unknown "port $port is open; this curl cannot speak HTTP/2, so the protocol was not tried" \
      'install a curl with HTTP/2' "$(page_url issues/grpc-connection diagnosis)"
    return
  fi
  curl --silent --output /dev/null --http2-prior-knowledge --connect-timeout 2 --max-time 2 "http://$host:$port/" || http2=$?
  if [ "$http2" -eq 0 ]; then
    finding ok "port $port is open and speaks HTTP/2$(grpcurl_says -plaintext "$host:$port")"
  elif speaks_tls "$host" "$port"; then
    check_grpc_tls "$host" "$port"
  else
    finding warning "port $port is open, but does not speak HTTP/2, which gRPC needs: $(curl_said "$http2")" \
      "sudo lsof -i :$port" "$(page_url issues/grpc-connection diagnosis)"
  fi
}

speaks_tls() {
  curl --silent --insecure --output /dev/null --http2 --connect-timeout 2 --max-time 2 "https://$1:$2/"
}

# gRPC over TLS: fine, unless the certificate has expired, or clients come that do not speak it.
check_grpc_tls() {
  local dates='' refused
  if have openssl; then
    dates=$(timeout 3 openssl s_client -connect "$1:$2" </dev/null 2>/dev/null | openssl x509 -noout -checkend 0 2>/dev/null)
  fi
  refused=$(strip_colours 2>/dev/null <"$work/log" |
    awk -v since="$since" 'index($0, "gRPC TLS handshake with") && substr($0, 1, length(since)) >= since { n++ } END { print n + 0 }')
  if [[ $dates == *'will expire'* ]]; then
    finding warning "gRPC speaks TLS on port $2, with a certificate that has expired" \
      "make a new one for $(config_value grpc.tls cert_path)" "$(page_url issues/grpc-connection tls-mismatch)"
  elif [ "${refused:-0}" -gt 0 ]; then
    finding warning "gRPC speaks TLS on port $2, and $refused attempts of clients that do not have failed $window" \
      "journalctl -u engram -n 200 --no-pager | grep 'gRPC TLS handshake'" "$(page_url issues/grpc-connection tls-mismatch)"
  else
    finding ok "port $2 is open and speaks HTTP/2 over TLS; clients that speak plain text cannot connect$(grpcurl_says -insecure "$1:$2")"
  fi
}

# ---- 4 ------------------------------------------------------------------------------------------

check_disk() {
  local line space inodes
  line=$(timeout 5 df --output=pcent,ipcent -- "$data_dir" 2>/dev/null | awk 'NR == 2 { gsub(/%/, ""); print $1, $2 }')
  read -r space inodes <<<"$line"
  if [[ ! ${space:-} =~ ^[0-9]+$ ]]; then
    finding unknown "how full the file system of $data_dir is cannot be read" "df $data_dir" \
      "$(page_url issues/wal-lag disk-full)"
    return
  fi
  if [ "$space" -ge "$DISK_CRITICAL" ]; then
    finding critical "the file system of $data_dir is $space % full" \
      "free space or grow the volume: sudo du -xh $data_dir | sort -h | tail" "$(page_url issues/wal-lag disk-full)"
  elif [ "$space" -ge "$DISK_WARNING" ]; then
    finding warning "the file system of $data_dir is $space % full" \
      'plan for more space; look for old backups on the same volume' "$(page_url issues/wal-lag disk-full)"
  else
    finding ok "the file system of $data_dir is $space % full"
  fi
  if [[ $inodes =~ ^[0-9]+$ ]] && [ "$inodes" -ge "$DISK_CRITICAL" ]; then
    finding critical "$inodes % of the inodes are used: no new file can be made" \
      "find the many small files: sudo du --inodes -x $data_dir | sort -n | tail" "$(page_url issues/wal-lag disk-full)"
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

# Indices that cannot be used, or are used unchecked; and values in stored embeddings that no index can work with.
check_indices() {
  local space status verified reason n found=false
  if have jq; then
    while IFS=$'\t' read -r space status verified reason; do
      found=true
      case $status:$verified in
        healthy:false) finding warning "the index of space $space is used without a check of its content" \
          "set enable_checksums and verify_on_load to true under [storage.indices] in $(config_file)" \
          "$(page_url issues/index-corruption prevent)" ;;
        unreadable:*) finding warning "the index of space $space cannot be read, its searches read all memories: $reason" \
          "sudo chown -R engram:engram $data_dir/$space/indices; sudo chmod -R u+rwX $data_dir/$space/indices" \
          "$(page_url issues/index-corruption index-unreadable)" ;;
        rebuilding:*) finding warning "the index of space $space is being rebuilt" 'wait, then run this again' \
          "$(page_url issues/index-corruption rebuild)" ;;
        *) finding warning "the index of space $space is $status, its searches read all memories${reason:+: $reason}" \
          "curl -fsS -X POST '$url/api/v1/system/rebuild-indices?space=$space'" "$(page_url issues/index-corruption rebuild)" ;;
      esac
    done < <(jq -r '.indices[]? | select(.status != "healthy" or .verified == false)
      | [.space, .status, .verified, .reason // ""] | map(tostring) | @tsv' "$work/health" 2>/dev/null)
  fi
  "$found" || while read -r space _; do
    finding warning "the index of space $space cannot be used, its searches read all memories" \
      "curl -fsS -X POST '$url/api/v1/system/rebuild-indices?space=$space'" "$(page_url issues/index-corruption rebuild)"
  done < <(labels_above engram_index_fallback_active 0 memory_space)
  while read -r space n; do
    finding warning "$n stored embeddings of space $space hold values that are no numbers" \
      "emergency_recovery.sh --sanitize-nan --dry-run" "$(page_url issues/nan-infinity diagnosis)"
  done < <(labels_above engram_nonfinite_embeddings 0 memory_space)
}

# ---- 5 ------------------------------------------------------------------------------------------

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
      'check that consolidation runs and how often the server restarts' "$(page_url issues/wal-lag consolidation-not-running)"
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
  check_consolidation
}

# Seconds since consolidation has last ended well, or since the server started if it never has.
seconds_without_consolidation() {
  awk -v now="$(date +%s)" '
    $1 == "engram_consolidation_last_success_timestamp_seconds" { success = $2; known = 1 }
    $1 == "process_start_time_seconds" { start = $2 }
    END {
      if (!known || (success == 0 && start == 0)) exit 1
      printf "%d\n", now - (success > 0 ? success : start)
    }' "$work/metrics" 2>/dev/null
}

# The page for the reason that consolidation gives most often for its failures: REASON COUNT PAGE.
consolidation_failures() {
  local reason count page
  read -r reason count < <(labels_above engram_consolidation_failures_total 0 reason | sort -k 2 -n -r)
  case ${reason:-} in
    '') return 1 ;;
    timeout) page='issues/consolidation-stuck pattern-detection-timeout' ;;
    memory) page='issues/consolidation-stuck batch-memory' ;;
    storage) page='issues/wal-lag disk-full' ;;
    corruption) page='issues/wal-corruption diagnosis' ;;
    *) page='issues/consolidation-stuck diagnosis' ;;
  esac
  printf '%s %s %s\n' "$reason" "$count" "$page"
}

# Does consolidation run, and does it keep up?
check_consolidation() {
  local space lag seconds interval reason count page stuck=false
  if [ "$(metric engram_consolidation_enabled)" = 0 ]; then
    stuck=true
    finding warning 'consolidation is switched off: the log grows without end' \
      "set enabled = true under [consolidation] in $(config_file), then: sudo systemctl restart engram" \
      "$(page_url issues/consolidation-stuck consolidation-disabled)"
  elif [ "$(metric engram_consolidation_waits_for_lock)" = 1 ]; then
    stuck=true
    finding warning 'consolidation waits for a lock that another process holds' \
      "see who holds it: sudo lsof $data_dir/.consolidation.lock" "$(page_url issues/consolidation-stuck worker-stuck)"
  elif seconds=$(seconds_without_consolidation); then
    interval=$(metric engram_consolidation_check_interval_seconds) || interval=60
    if read -r reason count page < <(consolidation_failures); then
      # It is known that it fails: then it need not be late for long.
      if [ "$seconds" -gt $((interval * 3 / 2 + 2)) ]; then
        stuck=true
        finding warning "no consolidation has ended well for $seconds s; it has failed $count times: $reason" \
          'journalctl -u engram -n 200 --no-pager | grep -i consolidation' "$(link "$page")"
      fi
    elif [ "$seconds" -gt $((3 * interval + 10)) ]; then
      stuck=true
      finding warning "no consolidation has ended well for $seconds s, although one is due every $interval s" \
        'journalctl -u engram -n 200 --no-pager | grep -i consolidation' "$(page_url issues/consolidation-stuck worker-stuck)"
    fi
  fi
  while read -r space lag; do
    page='issues/wal-lag high-write-rate'
    "$stuck" && page='issues/wal-lag consolidation-not-running'
    if ! "$stuck" && read -r reason count page < <(consolidation_failures); then
      finding warning "space $space is ${lag%.*} s behind with its consolidation, which has failed $count times: $reason" \
        'journalctl -u engram -n 200 --no-pager | grep -i consolidation' "$(link "$page")"
      continue
    fi
    finding warning "space $space is ${lag%.*} s behind with its consolidation" \
      "curl -s --max-time 5 $url/metrics/prometheus | grep -E '^engram_(wal|consolidation)_'" "$(link "$page")"
  done < <(labels_above engram_wal_lag_seconds "$WAL_LAG_WARNING" memory_space)
}

# ---- 6 to 10 ------------------------------------------------------------------------------------

# unread_events: MB of events that listeners have not read; the server keeps them in memory.
unread_events() {
  local bytes
  bytes=$(metric engram_stream_queue_bytes) || return 1
  printf '%s\n' "$((bytes / 1048576))"
}

# What holds the memory, as far as the server tells: page and anchor. One space with a quarter of all memories in RAM is
# a hot tier; many without such a one are too many spaces.
what_holds_memory() {
  awk '
    index($1, "engram_hot_tier_memories{") == 1 { spaces++; sum += $NF; if ($NF + 0 > most) most = $NF }
    END {
      if (!spaces) print "issues/high-memory diagnosis"
      else if (spaces >= 10 && most * 4 < sum) print "issues/high-memory too-many-spaces"
      else print "issues/high-memory hot-tier-too-large"
    }' "$work/metrics" 2>/dev/null || echo 'issues/high-memory diagnosis'
}

check_memory() {
  local pid rss anonymous mapped swapped limit whose percent unread page
  if [ "${#servers[@]}" -eq 0 ]; then
    finding skipped 'not looked at: the server is down'
    return
  fi
  page=$(what_holds_memory)
  unread=$(unread_events) || unread=0
  if [ "$unread" -ge "$UNREAD_WARNING_MB" ]; then
    page='issues/high-memory memory-leak'
    finding warning "$unread MB are events that a listener of /api/v1/stream does not read; they grow until it does" \
      "find it: sudo ss -t -n -p 'sport = :${url##*:}'; then stop it" "$(page_url issues/high-memory memory-leak)"
  fi
  for pid in "${servers[@]}"; do
    read -r rss anonymous mapped swapped <<<"$(awk '/^VmRSS:/ { r = $2 } /^RssAnon:/ { a = $2 } /^RssFile:/ { f = $2 }
      /^VmSwap:/ { s = $2 } END { printf "%d %d %d %d", r / 1024, a / 1024, f / 1024, s / 1024 }' "/proc/$pid/status" 2>/dev/null)"
    read -r limit whose <<<"$(memory_limit "$pid")"
    if [ "${rss:-0}" -eq 0 ] || [ "${limit:-0}" -eq 0 ]; then
      finding unknown "the memory of process $pid cannot be read" "cat /proc/$pid/status" "$(page_url issues/high-memory diagnosis)"
      continue
    fi
    percent=$((anonymous * 100 / limit))
    # Mapped files do not count: 0.1.0 maps 3.1 GB for each space, which the kernel can drop at any time.
    if [ "$percent" -ge 90 ]; then
      finding critical "PID $pid: $anonymous MB of its own, $percent % of the $limit MB $whose: it will be killed" \
        'keep its state for later: cp /proc/'"$pid"'/smaps_rollup /var/tmp/; then: sudo systemctl restart engram' \
        "$(link "$page")"
    elif [ "$percent" -ge 80 ] || [ "$anonymous" -ge "$MEMORY_WARNING_MB" ]; then
      finding warning "PID $pid: $anonymous MB of its own, of $limit MB $whose (plus $mapped MB of mapped files)" \
        'run this again in ten minutes; if it has grown, it leaks' "$(link "$page")"
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
        "$(page_url issues/high-memory too-many-open-files)"
      continue
    fi
    open=$(find "/proc/$pid/fd" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)
    if [ "$limit" = unlimited ]; then
      finding ok "PID $pid: $open open, no limit"
    elif [ $((open * 100)) -ge $((limit * DESCRIPTORS_CRITICAL)) ]; then
      finding critical "PID $pid: $open of $limit descriptors are open" \
        "see what they are: sudo lsof -p $pid | awk '{print \$5}' | sort | uniq -c; raise LimitNOFILE in the unit" \
        "$(page_url issues/high-memory too-many-open-files)"
    else
      finding ok "PID $pid: $open of $limit descriptors are open"
    fi
  done
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
    finding "$status" "$count × $example" "journalctl -u engram -n 100" "$(link "$page")"
  done < <(sorted_errors "$since")
  "$found" || finding ok "no error $window ($log_source)"
}

# Why operations are slow, as far as it can be seen from outside: page and anchor. What makes the server work comes
# before what keeps it waiting.
why_slow() {
  local load running cpus
  cpus=$(nproc)
  read -r load _ _ running _ </proc/loadavg
  if [ -n "$(labels_above engram_index_fallback_active 0 memory_space)" ]; then
    echo 'issues/high-latency index-missing'
  elif [ -n "$(spaces_out_of_memory)" ]; then
    echo 'issues/high-latency hot-tier-too-small'
  elif [ "${running%%/*}" -gt $((2 * cpus)) ] || awk -v load="$load" -v cpus="$cpus" 'BEGIN { exit !(load > 2 * cpus) }'; then
    echo 'issues/high-latency cpu-saturation'
  elif grep -q 'WAL batch write took' "$work/log" 2>/dev/null ||
    awk '/^some/ { sub(/.*avg10=/, ""); exit !($1 > 20) }' /proc/pressure/io 2>/dev/null; then
    echo 'issues/high-latency disk-bottleneck'
  else
    echo 'issues/high-latency diagnosis'
  fi
}

# The spaces whose memories are often not in RAM, although as many are as may be: SPACE PERCENT HOT COLD.
spaces_out_of_memory() {
  awk -v limit="$MISSES_WARNING" '
    function space() { match($0, /memory_space="[^"]*"/); return substr($0, RSTART + 14, RLENGTH - 15) }
    index($1, "engram_hot_tier_hits_total{") == 1 { hits[space()] = $NF }
    index($1, "engram_hot_tier_misses_total{") == 1 { misses[space()] = $NF }
    index($1, "engram_hot_tier_memories{") == 1 { hot[space()] = $NF }
    index($1, "engram_cold_tier_memories{") == 1 { cold[space()] = $NF }
    END {
      for (id in misses) {
        uses = hits[id] + misses[id]
        if (uses >= 100 && cold[id] > 0 && misses[id] * 100 / uses >= limit)
          printf "%s %d %d %d\n", id, misses[id] * 100 / uses, hot[id], cold[id]
      }
    }' "$work/metrics" 2>/dev/null
}

check_response_time() {
  local count seconds operation space percent hot cold
  if [ "$health_exit" -ne 0 ]; then
    finding critical "no answer from $url: $(curl_said "$health_exit")" \
      'solve the finding of the HTTP health check first' "$(page_url issues/wont-start diagnosis)"
    return
  fi
  if awk -v t="$health_time" -v limit="$RESPONSE_WARNING" 'BEGIN { exit !(t > limit) }'; then
    finding warning "the health page took $health_time s, more than $RESPONSE_WARNING s" \
      'look at load and disk: uptime; vmstat 1 5' "$(link "$(why_slow)")"
  else
    finding ok "the health page took $health_time s"
  fi
  if read -r count seconds operation < <(operations_now); then
    if awk -v t="$seconds" -v limit="$OPERATION_WARNING" 'BEGIN { exit !(t == "+Inf" || t + 0 > limit) }'; then
      finding warning "$operation took up to $seconds s in the last second ($count of them), more than $OPERATION_WARNING s" \
        'profile_performance.sh 10' "$(link "$(why_slow)")"
    else
      finding ok "$operation took at most $seconds s in the last second ($count of them)"
    fi
  fi
  while read -r space percent hot cold; do
    finding warning "$percent % of what is asked for in space $space is not in RAM: $hot memories are, $cold are not" \
      "raise hot_capacity under [persistence] in $(config_file), if there is memory: free -m" \
      "$(page_url issues/high-latency hot-tier-too-small)"
  done < <(spaces_out_of_memory)
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

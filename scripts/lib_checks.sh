# shellcheck shell=bash disable=SC2154,SC2034
# The checks: what is seen of a server, judged. For diagnose_health.sh, after lib_findings.sh and lib_look.sh.
# Here are those of the process and of what it answers; lib_checks_grpc.sh and lib_checks_data.sh have the others.
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

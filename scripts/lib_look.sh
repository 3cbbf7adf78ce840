# shellcheck shell=bash disable=SC2034,SC2154
# Looking at a server: its answers, its configuration, its log, its process. Judges nothing; that is lib_checks.sh.
# For diagnose_health.sh, after lib.sh, with these set: url, work (a directory), servers (process ids), log_file, minutes.

health_code='' health_time='' health_exit='' metrics_code='' metrics_exit='' later_code='' later_exit=''

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

# Three pages, each a second after the one before: Engram 0.1.0 reports itself unhealthy when polled faster.
# The third is asked for only if the server counts how long operations take: the difference tells how long they take now.
ask_the_server() {
  local asked_at
  http_get health /api/v1/system/health 5
  asked_at=$SECONDS
  read_log "$since"
  [ $((SECONDS - asked_at)) -ge 2 ] || sleep 1
  http_get metrics /metrics/prometheus 3
  if [ "$metrics_exit" -eq 0 ] && grep -q '^engram_memory_operation_duration_seconds_bucket' "$work/metrics"; then
    sleep 1
    http_get later /metrics/prometheus 3
  fi
}

# ---- metrics ------------------------------------------------------------------------------------

# metric NAME: the sum over all labels; fails if there is no such sample.
metric() {
  awk -v name="$1" '$1 == name || index($1, name "{") == 1 { sum += $NF; found = 1 }
    END { if (!found) exit 1; printf "%.0f\n", sum }' "$work/metrics" 2>/dev/null
}

# labels_above NAME LIMIT LABEL: one line for each sample above the limit: the label's value and the sample's.
labels_above() {
  awk -v name="$1" -v limit="$2" -v label="$3" 'index($1, name "{") == 1 || $1 == name {
      if ($NF + 0 <= limit) next
      value = "all"
      if (match($0, "[{,]" label "=\"[^\"]*\"")) {
        value = substr($0, RSTART + 1, RLENGTH - 1)
        sub(/^[^"]*"/, "", value)
        sub(/"$/, "", value)
      }
      print value, $NF
    }' "$work/metrics" 2>/dev/null
}

# What the operations of the last second took: COUNT and SECONDS, the upper end of the bucket that 99 % of them are in,
# for the slowest kind of operation, with its NAME. Fails if there was none, or if the server does not count.
operations_now() {
  [ "$later_exit" = 0 ] || return 1
  awk '
    index($1, "engram_memory_operation_duration_seconds_bucket{") != 1 { next }
    {
      operation = $0
      sub(/.*operation="/, "", operation); sub(/".*/, "", operation)
      le = $0
      sub(/.*le="/, "", le); sub(/".*/, "", le)
      if (NR == FNR) { before[operation, le] += $NF; next }
      n = $NF - before[operation, le]
      if (!((operation, le) in now)) { bucket[operation] = bucket[operation] " " le; names[operation] = 1 }
      now[operation, le] += n
    }
    END {
      for (operation in names) {
        total = now[operation, "+Inf"]
        if (total <= 0) continue
        k = split(bucket[operation], le_of, " ")
        for (i = 1; i <= k; i++) if (now[operation, le_of[i]] >= 0.99 * total) break
        seconds = le_of[i] == "+Inf" ? 1e9 : le_of[i] + 0
        if (!found || seconds > worst) { worst = seconds; shown = le_of[i]; name = operation; count = total; found = 1 }
      }
      if (!found) exit 1
      printf "%d %s %s\n", count, shown, name
    }' "$work/metrics" "$work/later" 2>/dev/null
}

# ---- process ------------------------------------------------------------------------------------

# When a process was started, as the log writes times; a little early, for the kernel rounds. Empty if unknown.
started_at() {
  local ticks uptime per_second seconds
  ticks=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{ print $20 }')
  read -r uptime _ </proc/uptime || return 0
  per_second=$(getconf CLK_TCK) || return 0
  [ -n "$ticks" ] || return 0
  seconds=$(awk -v now="$(date +%s.%N)" -v up="$uptime" -v t="$ticks" -v hz="$per_second" \
    'BEGIN { printf "%.2f", now - up + t / hz - 0.05 }')
  date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%S.%2N
}

# server_argument SHORT LONG: the value of an option that the server was started with; fails if there is none.
server_argument() {
  [ "${#servers[@]}" -gt 0 ] || return 1
  tr '\0' '\n' <"/proc/${servers[0]}/cmdline" 2>/dev/null | awk -v short="$1" -v long="$2" '
    take { print; found = 1; exit }
    $0 == short || $0 == long { take = 1; next }
    index($0, long "=") == 1 { print substr($0, length(long) + 2); found = 1; exit }
    END { exit !found }'
}

# memory_limit PID: the most memory of its own that a process may have, in MB, and what sets it.
memory_limit() {
  local group value
  local -a limit=("$(awk '/^MemTotal:/ { printf "%d", $2 / 1024 }' /proc/meminfo)" 'of this machine')
  value=$(awk '/^Max data size/ { print $4 }' "/proc/$1/limits" 2>/dev/null)
  if [[ $value =~ ^[0-9]+$ ]] && [ $((value / 1048576)) -lt "${limit[0]}" ]; then
    limit=("$((value / 1048576))" 'that its limit of data (LimitDATA) allows')
  fi
  group=$(sed -n 's/^0:://p' "/proc/$1/cgroup" 2>/dev/null)
  value=$(cat "/sys/fs/cgroup$group/memory.max" 2>/dev/null)
  if [[ $value =~ ^[0-9]+$ ]] && [ $((value / 1048576)) -lt "${limit[0]}" ]; then
    limit=("$((value / 1048576))" 'that its control group (MemoryMax) allows')
  fi
  printf '%s %s\n' "${limit[@]}"
}

# ---- configuration ------------------------------------------------------------------------------

# The file that the server reads: by its own environment if we may see it, else by ours.
config_file() {
  local home='' base=''
  if [ "${#servers[@]}" -gt 0 ]; then
    base=$(environment_of "${servers[0]}" XDG_CONFIG_HOME) || home=$(environment_of "${servers[0]}" HOME) || home=''
  fi
  [ -n "$base$home" ] || base=${XDG_CONFIG_HOME:-}
  printf '%s/engram/config.toml\n' "${base:-${home:-$HOME}/.config}"
}

# config_value SECTION KEY: what the file says, without quotes; fails if it says nothing.
config_value() {
  local file
  file=$(config_file)
  [ -r "$file" ] || return 1
  awk -v section="$1" -v key="$2" '
    /^[ \t]*\[/ { line = $0; gsub(/[][ \t\r]|#.*/, "", line); inside = (line == section); next }
    inside && match($0, "^[ \t]*" key "[ \t]*=[ \t]*") {
      value = substr($0, RLENGTH + 1)
      if (value ~ /^["\047]/) { quote = substr(value, 1, 1); value = substr(value, 2); sub(quote ".*", "", value) }
      else sub(/[ \t\r]*(#.*)?$/, "", value)
      print value
      found = 1
      exit
    }
    END { exit !found }' "$file"
}

# ---- log ----------------------------------------------------------------------------------------

# The recent log into $work/log; log_source says from where, or is empty.
read_log() {
  local path
  log_source=''
  if [ -n "$log_file" ]; then
    if [ -r "$log_file" ]; then
      log_source=$log_file
      cat -- "$log_file" >"$work/log"
    fi
  elif have journalctl; then
    if timeout 4 journalctl -u engram --no-pager -o cat --since "$minutes minutes ago" >"$work/log" 2>"$work/log.err" ||
      timeout 3 journalctl -u engram --no-pager -n 20000 >"$work/log" 2>"$work/log.err"; then
      # A journal that we may not read looks empty. One that holds a line of the unit, however old, can be read.
      if grep -q -v '^-- ' "$work/log" ||
        timeout 2 journalctl -u engram --no-pager -n 1 2>/dev/null | grep -q -v '^-- '; then
        log_source='journalctl -u engram'
      fi
    fi
  fi
  if [ -z "$log_source" ] && [ -z "$log_file" ]; then
    for path in /var/log/engram.log /var/log/engram/engram.log; do
      if [ -r "$path" ]; then
        log_source=$path
        cat -- "$path" >"$work/log"
        break
      fi
    done
  fi
}

# The errors of that log since a time, one line per kind: STATUS, COUNT, PAGE, EXAMPLE. Sorted by the catalogue.
sorted_errors() {
  LC_ALL=C awk -v patterns="$here/log_patterns.tsv" -v since="$1" -v format=errors -v work="$work" \
    -f "$here/analyze_logs.awk" "$work/log"
}

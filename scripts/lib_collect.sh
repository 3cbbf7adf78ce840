# shellcheck shell=bash disable=SC2154
# The parts of the archive of collect_debug_info.sh, and how a part is collected: within a time, redacted, and on record.
# It uses its variables: $work, $bundle, $url, $data_dir, $config, $log_file, $lines, $pids, $here and its limits.

# ---- one part ---------------------------------------------------------------------------------------

# record PART STATE SECONDS [REASON]: collected, partial (cut off, or ended with an error), failed, or skipped (does not apply).
record() {
  local reason=${4:-}
  printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${reason//[$'\t\n']/ }" >>"$work/parts"
}

# within SECONDS COMMAND...: also a function; ends it and all that it has started. 124 if it took too long.
within() {
  local limit=$1 pid status end
  shift
  set -m
  "$@" </dev/null &
  pid=$!
  set +m
  end=$((${EPOCHREALTIME/[.,]/} + limit * 1000000))
  while kill -0 "$pid" 2>/dev/null; do
    if [ "${EPOCHREALTIME/[.,]/}" -ge "$end" ]; then
      # What hangs in the kernel cannot be ended; it is not waited for.
      kill -KILL -- "-$pid" 2>/dev/null
      disown "$pid" 2>/dev/null
      return 124
    fi
    sleep 0.03
  done
  wait "$pid" 2>/dev/null
  status=$?
  return "$status"
}

# collect PART SECONDS COMMAND...: its output, redacted, as a file of the archive. What it says on standard error is the
# reason if it fails. A command that fails may have said something all the same.
collect() {
  local part=$1 limit=$2 status=0 begun=$SECONDS state=collected reason='' filter=redact
  shift 2
  if [ "$SECONDS" -ge "$LAST_BEGIN" ]; then
    record "$part" failed 0 'there was no time left for it'
    return 1
  fi
  mkdir -p -- "$(dirname -- "$bundle/$part")"
  case $part in */environ.txt) filter=redact_environment ;; esac
  within "$limit" "$@" >"$work/out" 2>"$work/err" || status=$?
  case $part in
    logs/*) tail -c "$PART_BYTES" -- "$work/out" ;;
    *) head -c "$PART_BYTES" -- "$work/out" ;;
  esac | "$filter" "$part" "$work/redacted" >"$bundle/$part"
  if [ "$status" -ne 0 ]; then
    reason=$(redact error '' <"$work/err" | tr -d '\0' | tail -n 1 | cut -c 1-300)
    [ "$status" -ne 124 ] || reason="it took longer than $limit s"
    [ -n "$reason" ] || reason="exit status $status"
    state=partial
    [ -s "$bundle/$part" ] || state=failed
  elif [ "$(stat -c %s -- "$work/out")" -gt "$PART_BYTES" ]; then
    state=partial
    reason="only $(human "$PART_BYTES") of $(human "$(stat -c %s -- "$work/out")")"
  fi
  [ -s "$bundle/$part" ] || [ "$state" = collected ] || rm -f -- "$bundle/$part"
  record "$part" "$state" $((SECONDS - begun)) "$reason"
  [ "$state" != failed ]
}

# collect_if TOOL PART ...: does not apply where the tool is not installed.
collect_if() {
  if ! have "$1"; then
    record "$2" skipped 0 "$1 is not installed"
    return
  fi
  collect "${@:2}"
}

# ---- logs -------------------------------------------------------------------------------------------

collect_logs() {
  if [ -n "$log_file" ]; then
    collect logs/engram.log "$PART_SECONDS" tail -n "$lines" -- "$log_file"
  elif have journalctl; then
    collect logs/engram.log "$PART_SECONDS" journal_of_engram
  elif [ -r /var/log/engram.log ]; then
    collect logs/engram.log "$PART_SECONDS" tail -n "$lines" /var/log/engram.log
  else
    record logs/engram.log failed 0 'there is neither a journal nor /var/log/engram.log; give --log'
  fi
  collect logs/kernel.txt "$PART_SECONDS" kernel_log
}

journal_of_engram() { journalctl -u engram -n "$lines" -o short-iso --no-pager | strip_colours; }

kernel_log() {
  if have journalctl && journalctl -k -n 300 --no-pager 2>/dev/null | tail -n 300; then return; fi
  if [ "$(id -u)" -ne 0 ] && have sudo; then sudo -n dmesg | tail -n 300; else dmesg | tail -n 300; fi
}

# ---- the server over HTTP ---------------------------------------------------------------------------

# An error page is of interest too, so its body is kept and its status becomes the reason.
ask() {
  local status
  status=$(curl --silent --show-error --connect-timeout 2 --max-time 3 --output "$work/body" --write-out '%{http_code}' "${@:2}" -- "$url$1") || return
  cat -- "$work/body"
  [[ $status == 2?? ]] || { printf 'the answer was %s\n' "$status" >&2; return 1; }
}

collect_server() {
  local space part answers=true n=0
  collect server/alive.txt 4 ask /health/alive || answers=false
  if ! "$answers"; then
    # One more look, at the page that matters most; a server that hangs is not asked ten times.
    collect server/system_health.json 4 ask /api/v1/system/health
    for part in health.json spaces.json metrics.txt metrics.json; do record "server/$part" failed 0 'the server does not answer'; done
    return
  fi
  # One look at its health a second: Engram 0.1.0 reports itself unhealthy when polled faster.
  collect server/health.json 4 ask /health
  sleep 1
  collect server/system_health.json 4 ask /api/v1/system/health
  collect server/spaces.json 4 ask /api/v1/spaces
  collect server/metrics.txt 4 ask /metrics/prometheus
  collect server/metrics.json 4 ask /metrics --header 'Accept: application/json'
  # Only spaces that are loaded: to ask for another would load or make it.
  while read -r space; do
    valid_space_id "$space" || continue
    n=$((n + 1))
    if [ "$n" -gt "$MOST_SPACES" ]; then
      record "server/health-$space.json" skipped 0 "only the first $MOST_SPACES spaces are asked for; system_health.json has all"
      continue
    fi
    sleep 1
    collect "server/health-$space.json" 4 ask "/api/v1/system/health?space=$space"
  done < <(jq -r '.spaces[]?.space' "$bundle/server/system_health.json" 2>/dev/null)
}

# ---- processes --------------------------------------------------------------------------------------

collect_processes() {
  local pid file
  collect process/list.txt "$PART_SECONDS" engram_processes
  collect_if top process/top.txt "$PART_SECONDS" top -b -n 1 -w 200
  collect_if ss network/listening.txt "$PART_SECONDS" ss -ltnp
  collect_if ss network/summary.txt "$PART_SECONDS" ss -s
  if [ "${#pids[@]}" -eq 0 ]; then
    record process failed 0 'no server runs'
    return
  fi
  for pid in "${pids[@]}"; do
    for file in status limits smaps_rollup io cgroup sched wchan; do
      collect "process/$pid/$file.txt" 3 cat -- "/proc/$pid/$file"
    done
    collect "process/$pid/cmdline.txt" 3 null_separated "/proc/$pid/cmdline" ' '
    collect "process/$pid/environ.txt" 3 null_separated "/proc/$pid/environ" '\n'
    collect "process/$pid/open_files.txt" 3 ls -l -- "/proc/$pid/fd"
    collect "process/$pid/threads.txt" 3 ps -L -p "$pid" -o tid,stat,pcpu,wchan:30,comm
    collect "process/$pid/mappings.txt" 3 mappings "/proc/$pid/maps"
  done
}

# How many mappings each file has.
mappings() {
  awk '{ name = $6 == "" ? "anonymous" : $6; n[name]++ } END { for (name in n) print n[name], name }' "$1"
}

null_separated() { tr '\0' "$2" <"$1"; }

# All whose program or arguments name engram, this script and its parts aside.
engram_processes() {
  ps -eo pid,ppid,user,lstart,etime,stat,rss,vsz,nlwp,args | awk 'NR == 1 || (/engram/ && !/collect_debug_info|awk NR/)'
}

# ---- configuration ----------------------------------------------------------------------------------

collect_configuration() {
  local pid home
  if [ -z "$config" ] && [ "${#pids[@]}" -gt 0 ]; then
    pid=${pids[0]}
    if home=$(environment_of "$pid" XDG_CONFIG_HOME) && [ -n "$home" ]; then
      config=$home/engram/config.toml
    elif home=$(environment_of "$pid" HOME); then
      config=$home/.config/engram/config.toml
    fi
  fi
  if [ -z "$config" ] && have engram; then config=$(timeout 3 engram config path 2>/dev/null) || config=''; fi
  if [ -z "$config" ]; then
    record config/config.toml failed 0 'it is not known which file the server reads; give --config'
  elif [ ! -e "$config" ]; then
    record config/config.toml skipped 0 "$config does not exist, so the defaults hold"
  else
    collect config/config.toml "$PART_SECONDS" cat -- "$config"
    collect_if engram config/validation.txt "$PART_SECONDS" engram validate config -f "$config"
  fi
  if [ -e /etc/default/engram ]; then
    collect config/default_engram.txt "$PART_SECONDS" cat /etc/default/engram
  else
    record config/default_engram.txt skipped 0 '/etc/default/engram does not exist'
  fi
  collect_if systemctl config/unit_state.txt "$PART_SECONDS" systemctl show engram
  collect_if systemctl config/unit_status.txt "$PART_SECONDS" unit_status
  collect config/unit.txt "$PART_SECONDS" unit_files
  collect versions.txt "$PART_SECONDS" versions
}

# A service that does not run is a finding, and not a failure of ours.
unit_status() {
  systemctl status engram --no-pager -l
  [ "$?" -le 3 ]
}

unit_files() {
  local path
  path=$(systemctl show engram --property=FragmentPath --value 2>/dev/null)
  [ -n "$path" ] || { echo 'there is no service called engram' >&2; return 1; }
  cat -- "$path"
  for path in $(systemctl show engram --property=DropInPaths --value 2>/dev/null); do
    printf '\n# %s\n' "$path"
    cat -- "$path"
  done
}

versions() {
  local tool
  for tool in engram curl jq promtool grpcurl; do
    printf '%s: %s\n' "$tool" "$(have "$tool" && timeout 3 "$tool" --version 2>&1 | sed -n 1p || echo 'not installed')"
  done
  printf 'bash: %s\nkernel: %s\n' "$BASH_VERSION" "$(uname -r)"
}

# ---- storage ----------------------------------------------------------------------------------------

collect_storage() {
  if [ -z "$data_dir" ]; then
    record storage failed 0 'the data directory is not known; give --data-dir'
    return
  fi
  if [ ! -d "$data_dir" ]; then
    record storage failed 0 "$data_dir does not exist"
    return
  fi
  collect storage/file_system.txt "$PART_SECONDS" file_system
  collect storage/directory.txt "$PART_SECONDS" find -P "$data_dir" -xdev -printf '%M %u:%g %s %TY-%Tm-%TdT%TT %i %p -> %l\n'
  collect storage/sizes.txt "$PART_SECONDS" du -xh --max-depth=2 -- "$data_dir"
  collect storage/logs.txt 8 log_checksums
  collect_if engram storage/validation.txt 8 validate_data
  collect storage/backups.txt "$PART_SECONDS" backups
}

# Engram 0.1.0 has the command, but its script is missing, so that it always says the same.
validate_data() {
  local said status=0
  said=$(ENGRAM_DATA_DIR=$data_dir engram validate data 2>&1) || status=$?
  printf '%s\n' "$said"
  if [[ $said == *'Data validation found issues'* ]]; then
    say '(Engram 0.1.0 says this of any data: the script that its command runs is missing.)'
    status=0
  fi
  return "$status"
}

file_system() {
  df -P -h -- "$data_dir"
  df -P -i -- "$data_dir"
  findmnt --target "$data_dir" 2>/dev/null || true
}

# Newest first, for if the time runs out: those are the ones of interest.
log_checksums() {
  printf '%-64s %12s %s\n' sha256 bytes file
  find -P "$data_dir" -xdev -type f \( -path '*/wal/*' -o -path '*/warm/*' -o -path '*/indices/*' \) -printf '%T@ %s %p\n' |
    LC_ALL=C sort -rn | while read -r _ size path; do
      printf '%-64s %12s %s\n' "$(sha256sum -- "$path" 2>/dev/null | cut -d ' ' -f 1)" "$size" "$path"
    done
}

backups() {
  local directory
  directory=$(find_backup_dir '')
  [ -d "$directory" ] || { printf '%s does not exist\n' "$directory"; return 0; }
  ls -l -- "$directory"
}

# ---- the host ---------------------------------------------------------------------------------------

collect_system() {
  collect system/host.txt "$PART_SECONDS" host
  collect system/memory.txt "$PART_SECONDS" cat /proc/meminfo
  collect system/load.txt "$PART_SECONDS" load
  collect system/disks.txt "$PART_SECONDS" df -P -h -x tmpfs -x devtmpfs
  collect system/limits.txt "$PART_SECONDS" limits
}

host() {
  uname -a
  date -u
  uptime
  nproc
  cat /etc/os-release 2>/dev/null
  true
}

load() {
  cat /proc/loadavg
  # Pressure is not known to every kernel.
  tail -n +1 /proc/pressure/cpu /proc/pressure/io /proc/pressure/memory 2>/dev/null
  true
}

limits() {
  ulimit -a
  tail -n +1 /proc/sys/fs/file-nr /proc/sys/vm/overcommit_memory /proc/sys/vm/swappiness /proc/sys/vm/max_map_count 2>/dev/null
  true
}

collect_rules() {
  if [ -z "${ENGRAM_PROMETHEUS_URL:-}" ]; then
    record alerts/rules.json skipped 0 'ENGRAM_PROMETHEUS_URL is not set'
    return
  fi
  collect alerts/rules.json "$PART_SECONDS" curl --silent --show-error --fail --connect-timeout 2 --max-time 4 \
    "${ENGRAM_PROMETHEUS_URL%/}/api/v1/rules?type=alert"
}

# ---- the manifest -----------------------------------------------------------------------------------

write_manifest() {
  touch "$work/redacted"
  jq -n --rawfile parts "$work/parts" --rawfile redacted "$work/redacted" --arg created "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
    --arg host "$(uname -n)" --arg url "$url" --arg data_dir "$data_dir" --argjson seconds "$SECONDS" '
    def rows: split("\n") | map(select(. != "") | split("\t"));
    {
      format: "engram-debug/1", created_at: $created, host: $host, url: ($url | sub("//[^/@]*@"; "//[REDACTED]@")),
      data_dir: $data_dir, seconds: $seconds,
      parts: [$parts | rows[] | {part: .[0], state: .[1], seconds: (.[2] | tonumber), reason: (if .[3] == "" then null else .[3] end)}],
      redacted: [$redacted | rows[] | {part: .[0], kind: .[1], count: (.[2] | tonumber)}]
    }' >"$bundle/manifest.json"
}

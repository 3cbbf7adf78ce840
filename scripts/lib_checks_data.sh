# shellcheck shell=bash disable=SC2154
# Checks 4 and 5: what lies in the data directory, and whether consolidation keeps up. After lib_checks.sh.

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

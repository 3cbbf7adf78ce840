# shellcheck shell=bash disable=SC2154,SC2034
# The modes of emergency_recovery.sh. Each has three parts:
#   plan_MODE    looks, refuses what cannot be done, says what would be changed; sets nothing_to_do if nothing is
#   do_MODE      does it, with the server stopped where $stops says so
#   verify_MODE  ends with give_up if the aim was not reached

# ---- --sanitize-nan ---------------------------------------------------------------------------------

readonly VALIDATION=(check_finite_embeddings=true check_finite_confidence=true clamp_invalid_values=true replace_nan_with_zero=true)

# nonfinite_memories SPACE: the ids of memories with a number that is none. JSON knows no NaN: the server shows null.
nonfinite_memories() {
  local offset=0 page
  while :; do
    page=$(http "/api/v1/memories?tier=all&include_embeddings=true&limit=200&offset=$offset" --header "X-Memory-Space: $1") || return 1
    jq -r '.memories[] | select(.confidence == null or any(.embedding[]?; . == null)) | .id' <<<"$page" || return 1
    [ "$(jq '.memories | length' <<<"$page")" -eq 200 ] || return 0
    offset=$((offset + 200))
  done
}

plan_sanitize_nan() {
  local key keys name ids n=0
  config=$(find_config) || give_up 'the configuration file of the server is not known' 'give it: --config FILE'
  check_editable "$config"
  status=0
  keys=$(toml_get "$config" validation) || status=$?
  [ "$status" -ne 3 ] || give_up "$config has [validation] in a form that is not edited here, or is not valid TOML" \
    "set these in the editor, then restart: ${VALIDATION[*]}"
  missing=()
  for key in "${VALIDATION[@]}"; do
    grep -qxF "${key%=*} ${key#*=}" <<<"$keys" || missing+=("$key")
  done
  say "configuration: $config"
  [ "$(reports validation)" != no ] ||
    doubt 'this server does not report [validation]: Engram 0.1.0 ignores it, and a restart would change nothing'
  if [ "${#missing[@]}" -gt 0 ]; then
    say "  will be set in [validation], for all spaces: ${missing[*]/=/ = }"
  else
    say '  [validation] is set already'
  fi
  if answers; then
    ! is_read_only || give_up 'the server is in read-only mode, in which nothing is repaired for good' 'emergency_recovery.sh --readwrite-mode'
    loaded=$(loaded_spaces) || loaded=''
    for name in "${spaces[@]}"; do
      # A look must not load a space, for that changes files.
      if ! grep -qxF "$name" <<<"$loaded"; then
        say "  space $name: not loaded, so not counted"
        n=$((n + 1))
        continue
      fi
      ids=$(nonfinite_memories "$name") || give_up "the memories of space $name cannot be listed" "$(page_url issues/space-isolation)"
      say "  space $name: $(grep -c . <<<"$ids" || true) memories with NaN or infinity${ids:+: $(head -n 10 <<<"$ids" | paste -sd ' ')}"
      [ -z "$ids" ] || n=$((n + 1))
    done
  else
    say '  the server does not answer, so nothing was counted'
    n=1
  fi
  say 'then the server is restarted. When it loads a space, NaN becomes 0, infinity 1 or -1, and confidences come to lie in 0..1, for good.'
  if [ "${#missing[@]}" -eq 0 ] && [ "$n" -eq 0 ]; then nothing_to_do=true; fi
}

do_sanitize_nan() {
  local text
  [ "${#missing[@]}" -gt 0 ] || return 0
  text=$(toml_set "$config" validation "${VALIDATION[@]}" && echo x) || give_up "$config cannot be edited"
  if have engram && [ ! -e "$config" ] || engram validate config -f "$config" >/dev/null 2>&1; then
    printf '%s' "${text%x}" >"$work/config.toml"
    engram validate config -f "$work/config.toml" >/dev/null 2>&1 ||
      give_up "$config with [validation] would not be valid" "set these in the editor: ${VALIDATION[*]}"
  fi
  printf '%s' "${text%x}" | replace_file "$config"
  changed "[validation] in $config: ${missing[*]}"
}

verify_sanitize_nan() {
  local name ids metrics left=''
  for name in "${spaces[@]}"; do
    ids=$(nonfinite_memories "$name") || give_up "the memories of space $name cannot be listed" "$(page_url issues/nan-infinity)"
    say "  space $name: $(grep -c . <<<"$ids" || true) memories with NaN or infinity"
    [ -z "$ids" ] || left+=" $name"
  done
  [ -z "$left" ] || give_up "there are still memories with NaN or infinity in:$left. This Engram may not know [validation]; 0.1.0 ignores it" \
    "$(page_url issues/nan-infinity)"
  metrics=$(http /metrics/prometheus) || metrics=''
  [[ $metrics == *engram_nonfinite_embeddings* ]] ||
    doubt 'this server does not report engram_nonfinite_embeddings: it may not know [validation] and let new ones in'
}

# The file that the server reads: of a running server, of its unit, or what engram itself says.
find_config() {
  local pid home
  if [ -n "$config_option" ]; then
    realpath -ms -- "$config_option"
    return
  fi
  if [ -n "${ENGRAM_CONFIG:-}" ]; then
    realpath -ms -- "$ENGRAM_CONFIG"
    return
  fi
  for pid in $(servers_using "$data_dir"); do
    if home=$(environment_of "$pid" XDG_CONFIG_HOME) && [ -n "$home" ]; then
      printf '%s/engram/config.toml\n' "$home"
      return
    elif home=$(environment_of "$pid" HOME); then
      printf '%s/.config/engram/config.toml\n' "$home"
      return
    fi
  done
  if has_unit; then
    home=$(timeout 10 systemctl show engram --property=Environment --value | tr ' ' '\n' | sed -n 's/^HOME=//p' | tail -n 1)
    if [ -z "$home" ]; then
      home=$(getent passwd "$(timeout 10 systemctl show engram --property=User --value)" | cut -d : -f 6)
    fi
    if [ -n "$home" ]; then
      printf '%s/.config/engram/config.toml\n' "$home"
      return
    fi
  fi
  [ -n "${HOME:-}" ] && printf '%s/.config/engram/config.toml\n' "$HOME"
}

# ---- --fix-wal-corruption ---------------------------------------------------------------------------

# Into $damaged, $reasons and $kept: the log files and checkpoints of $spaces that a start refuses, why, and how many of
# their bytes are whole records of memories. Into $others: what else engram itself calls damaged.
find_damage() {
  local name path newest line
  local files=()
  damaged=() reasons=() kept=() others=() usable=false
  # Where the program can check data itself, it is much faster, and says which files are worth a closer look.
  # Engram 0.1.0 has that command, but it never works.
  said=$(have engram && ENGRAM_DATA_DIR=$data_dir timeout 600 engram validate data ${space:+--space "$space"} 2>&1) || true
  if [[ $said == *'Data validation PASSED'* || $said == *'Data validation FAILED: '* ]]; then usable=true; fi
  for name in "${spaces[@]}"; do
    files=()
    for path in "$data_dir/$name"/wal/wal-*.log; do
      if [ -e "$path" ] || [ -L "$path" ]; then files+=("$path"); fi
    done
    newest=${files[-1]-}
    # With the server running, the end of the newest file may be a record that is just being written.
    server_is_running || newest=''
    for path in ${files[0]+"${files[@]}"}; do look_at "$path" wal_damage "$([ "$path" = "$newest" ] && echo true || echo false)"; done
    # Of the checkpoints only the one with the highest number counts.
    path=$(find -P "$data_dir/$name/warm" -maxdepth 1 -name 'checkpoint-*.ckp' 2>/dev/null | LC_ALL=C sort -V | tail -n 1) || true
    [ -z "$path" ] || look_at "$path" checkpoint_damage
  done
  if "$usable"; then
    while IFS= read -r line; do
      [[ $line == *'/wal/wal-'*'.log'* || $line == *'/warm/checkpoint-'*'.ckp'* ]] || others+=("$line")
    done < <(sed -n '/^Data validation\|^Error:\|^NOTE\|^$/!p' <<<"$said")
  fi
  return 0
}

# look_at FILE COMMAND...: adds the file to $damaged if the command says what is wrong with it.
look_at() {
  local path=$1 found whole
  [ ! -L "$path" ] || give_up "$path is a symbolic link; links are not followed" "look where it leads: ls -l $path"
  if "$usable" && [[ $said != *"$path"* ]]; then return; fi
  found=$("$2" "$path" "${@:3}")
  whole=$(wal_scan "$path" | awk '$1 == "whole" && $4 != 5 { n += $3 - $2 } END { printf "%.0f\n", n }') || whole=0
  if [ -z "$found" ] && "$usable"; then
    # All checksums fit, but the program cannot use what they cover.
    found=$(grep -F -- "$path" <<<"$said" | grep -v '^NOTE' | sed -n 1p) || true
    whole=0
  fi
  [ -n "$found" ] || return 0
  damaged+=("$path")
  reasons+=("$found")
  kept+=("$whole")
}

plan_fix_wal_corruption() {
  local i size
  find_damage
  for i in ${others[0]+"${!others[@]}"}; do say "not a log file or checkpoint, so not repaired here: ${others[i]}"; done
  [ "${#others[@]}" -eq 0 ] || give_up 'something is damaged that is neither a log file nor a checkpoint' \
    "restore from a backup, one space with --space: $(page_url issues/wal-corruption restore-from-backup)"
  if [ "${#damaged[@]}" -eq 0 ]; then
    say "no log file or checkpoint of ${#spaces[@]} space(s) is damaged"
    nothing_to_do=true
    return
  fi
  for i in "${!damaged[@]}"; do
    size=$(stat -c %s -- "${damaged[i]}" 2>/dev/null || echo 0)
    say "${reasons[i]}"
    say "  ${kept[i]} of its $size bytes are whole records, which stay; the file as it is goes to quarantine"
    [[ ${damaged[i]} != *.ckp ]] || say '  it is a checkpoint; what stays of it becomes a log file, which comes before all others'
  done
  say "quarantine: $quarantine"
  say 'What was in the damaged records is lost, unless a backup has it.'
}

# The whole records of a file, in order, but for the end of a checkpoint.
whole_records() {
  local word start end type
  while read -r word start end type; do
    if [ "$word" != whole ] || [ "$type" = 5 ]; then continue; fi
    tail -c "+$((start + 1))" -- "$1" | head -c "$((end - start))" || return
  done < <(wal_scan "$1")
}

do_fix_wal_corruption() {
  local i
  # Again, now that nobody writes.
  find_damage
  hold_data_dir
  for i in ${damaged[0]+"${!damaged[@]}"}; do repair_file "${damaged[i]}" "${kept[i]}"; done
  release_data_dir
}

# repair_file FILE BYTES: puts a copy into quarantine, and that many bytes of whole records into its place.
repair_file() {
  local path=$1 bytes=$2 relative target whole='' place=$1 n=0
  relative=${path#"$data_dir"/}
  target=$quarantine/${relative%/*}
  if [[ $path == *.ckp ]]; then
    # All that the log files hold is newer.
    until place=$(printf '%s/%s/wal/wal-%016x.log' "$data_dir" "${relative%%/*}" "$n") && [ ! -e "$place" ]; do n=$((n + 1)); done
  fi
  mkdir -p -- "$target" || give_up "cannot make $target" "df -h $backup_dir"
  if [ "$bytes" -gt 0 ]; then
    whole="${place%/*}/.recovering.$$"
    set +o pipefail # head ends before tail does
    whole_records "$path" >"$whole" || { rm -f -- "$whole"; give_up "cannot write to ${place%/*}" "df -h $data_dir"; }
    set -o pipefail
    if [ "$(stat -c %s -- "$whole")" -ne "$bytes" ]; then
      rm -f -- "$whole"
      give_up "the whole records of $path could not be copied" "df -h $data_dir"
    fi
    chmod --reference="$path" -- "$whole"
    if [ "$(id -u)" -eq 0 ]; then chown --reference="$path" -- "$whole"; fi
    sync -- "$whole"
  fi
  # A copy that is complete, before the file itself is touched.
  cp -a -T -- "$path" "$target/${path##*/}" || { rm -f -- ${whole:+"$whole"}; give_up "cannot copy $path to $target" "df -h $backup_dir"; }
  sync -f -- "$target"
  [ -z "$whole" ] || mv -T -- "$whole" "$place"
  if [ -z "$whole" ] || [ "$place" != "$path" ]; then rm -rf -- "$path"; fi
  sync -f -- "${path%/*}" "${place%/*}"
  changed "$path: $bytes bytes of whole records kept in ${place##*/}; as it was: $target/${path##*/}"
}

verify_fix_wal_corruption() {
  find_damage
  [ "${#damaged[@]}" -eq 0 ] || give_up "still damaged: ${damaged[*]}" "restore from a backup: $(page_url issues/wal-corruption restore-from-backup)"
  say '  every log file and checkpoint is whole'
  ! "$started" || verify_spaces_open
  [ "${#others[@]}" -eq 0 ] || give_up "something else is damaged: ${others[*]}" \
    "restore from a backup: $(page_url issues/wal-corruption restore-from-backup)"
}

# ---- --rebuild-indices ------------------------------------------------------------------------------

indices_of() {
  curl --silent --connect-timeout 3 --max-time 20 "$url/api/v1/system/health" |
    jq -r --arg space "$space" '.indices[]? | select($space == "" or .space == $space)
      | "\(.space) \(.status) \(.entries // 0) \(.reason // "")"' 2>/dev/null
}

plan_rebuild_indices() {
  local line
  answers || give_up 'the server does not answer; indices are rebuilt by the running server' "$(page_url issues/wont-start diagnosis)"
  [ "$(reports indices)" != no ] ||
    give_up 'this Engram cannot rebuild indices. Version 0.1.0 keeps them in memory and builds them at each start' \
      "restart it, after $(page_url known-behaviour copy-the-log-aside)"
  say 'will be rebuilt by the running server, from the memories; these are not touched:'
  while IFS= read -r line; do say "  $line"; done < <(indices_of)
  say '  (space, state, memories in it, reason)'
}

do_rebuild_indices() {
  local answer=000
  answer=$(curl --silent --output "$work/answer" --write-out '%{http_code}' --connect-timeout 3 --max-time 60 -X POST \
    "$url/api/v1/system/rebuild-indices${space:+?space=$space}") || true
  case $answer in
    2??) ;;
    404)
      if [ -n "$space" ] && [ -s "$work/answer" ]; then give_up "the server does not know space $space" "curl $url/api/v1/spaces"; fi
      give_up 'this Engram cannot rebuild indices (404). Version 0.1.0 keeps them in memory and builds them at each start' \
        "restart it, after $(page_url known-behaviour copy-the-log-aside)"
      ;;
    000) give_up 'the server did not answer' "$(page_url issues/wont-start diagnosis)" ;;
    *) give_up "the server refused: $answer $(jq -r '.error.message // empty' "$work/answer" 2>/dev/null)" 'journalctl -u engram -n 20' ;;
  esac
  changed "the rebuild of the indices of ${space:-all spaces} was started"
  jq -r '.failed[]? | "\(.space): \(.reason)"' "$work/answer" >"$work/not_opened" 2>/dev/null || true
}

verify_rebuild_indices() {
  local end=$((SECONDS + wait_seconds)) state
  while state=$(indices_of) && grep -q '^[^ ]* rebuilding ' <<<"$state"; do
    [ "$SECONDS" -lt "$end" ] || give_up "the rebuild has not ended after $wait_seconds s" "watch it: curl -s $url/api/v1/system/health | jq .indices"
    sleep 0.5
  done
  [ -n "$state" ] || give_up 'the server does not say how its indices are' "curl -s $url/api/v1/system/health"
  say "$state" | sed 's/^/  /'
  if grep -qv '^[^ ]* healthy ' <<<"$state"; then
    give_up "not healthy: $(grep -v '^[^ ]* healthy ' <<<"$state" | paste -sd ';')" "$(page_url issues/index-corruption)"
  fi
  [ ! -s "$work/not_opened" ] || give_up "spaces that do not open: $(paste -sd ';' "$work/not_opened")" "$(page_url issues/wal-corruption diagnosis)"
}

# ---- --reset-space ----------------------------------------------------------------------------------

plan_reset_space() {
  local link count bytes what
  link=$(find -P "$data_dir/$space" -type l -print -quit)
  [ -z "$link" ] || give_up "$link is a symbolic link; links are not followed" "look where it leads: ls -l $link"
  link=$(find -P "$data_dir/$space" -xdev -type d -exec mountpoint -q {} \; -print -quit 2>/dev/null) || true
  [ -z "$link" ] || give_up "$link is a mount point of its own" 'reset such a space by hand'
  read -r count bytes <<<"$(count_files "$data_dir/$space")"
  what="$count files, $(human "$bytes")"
  if answers && grep -qxF "$space" <<<"$(loaded_spaces)"; then what+=", $(count_memories "$space") memories"; fi
  say "DELETED for good: everything in $data_dir/$space: $what"
  find -P "$data_dir/$space" -mindepth 1 -maxdepth 1 -printf '%f\n' | LC_ALL=C sort | while IFS= read -r name; do
    read -r count bytes <<<"$(count_files "$data_dir/$space/$name")"
    say "  $name: $count files, $(human "$bytes")"
  done
  say '  its directories stay, and all other spaces'
  "$backup" || say 'There is no way back: --backup-first makes a backup.'
}

do_reset_space() {
  hold_data_dir
  # Again, now that nobody writes: no link may have come.
  if [ -L "$data_dir/$space" ] || [ -n "$(find -P "$data_dir/$space" -type l -print -quit)" ]; then
    give_up "there is a symbolic link in $data_dir/$space now"
  fi
  read -r count bytes <<<"$(count_files "$data_dir/$space")"
  find -P "$data_dir/$space" -xdev -mindepth 1 ! -type d -delete || give_up "not everything in $data_dir/$space could be deleted" 'run this with sudo'
  changed "$data_dir/$space: $count files, $bytes bytes deleted"
  sync -f -- "$data_dir/$space"
  release_data_dir
}

verify_reset_space() {
  local count
  if ! "$started"; then
    [ -z "$(find -P "$data_dir/$space" ! -type d -print -quit)" ] || give_up "there are still files in $data_dir/$space"
    say "  $data_dir/$space holds no file"
    return
  fi
  count=$(count_memories "$space") || give_up "space $space does not open"
  [ "$count" -eq 0 ] || give_up "space $space still holds $count memories"
  say "  space $space opens, and holds no memory"
}

# ---- --restore-latest -------------------------------------------------------------------------------

plan_restore_latest() {
  # Chosen now: the backup that --backup-first makes is one of the broken state.
  archive=$(newest_backup "$backup_dir" ${space:+"$space"}) ||
    give_up "there is no archive${space:+ of space $space} in $backup_dir" 'give the directory: --backup-dir DIR'
  # It stops the server itself, so here only without it; a dry run of it changes nothing.
  "$here/restore.sh" "$archive" --dry-run --stop --data-dir "$data_dir" --backup-dir "$backup_dir" --quarantine "$quarantine_root" \
    ${space:+--space "$space"} >"$work/plan" || give_up "$archive cannot be restored" "choose another: restore.sh --help; they lie in $backup_dir"
  grep -v '^dry run' "$work/plan"
}

do_restore_latest() {
  "$here/restore.sh" "$archive" --yes --stop --data-dir "$data_dir" --backup-dir "$backup_dir" --quarantine "$quarantine_root" \
    ${space:+--space "$space"} || give_up "restore.sh failed with $archive" 'read what it says above'
  changed "restored from $archive; as it was: in $quarantine_root"
}

verify_restore_latest() {
  local id wanted count
  if ! "$started"; then
    say '  restore.sh has verified every file; the server was not started'
    return
  fi
  while read -r id wanted; do
    count=$(count_memories "$id") || give_up "space $id does not open" "$(page_url issues/wal-corruption diagnosis)"
    say "  space $id opens: $count memories"
    if [ "$wanted" != null ] && [ "$count" != "$wanted" ]; then
      doubt "space $id held $wanted memories when the backup was made, and has $count now"
    fi
  done < <(tar --zstd -x -O -f "$archive" --occurrence=1 manifest.json |
    jq -r --arg space "$space" '.spaces[] | select($space == "" or .id == $space) | "\(.id) \(.memories)"')
}

# ---- --readonly-mode and --readwrite-mode -----------------------------------------------------------

readonly SWITCHES="${ENGRAM_DEFAULTS_FILE:-/etc/default/engram}"

is_read_only() {
  curl --silent --connect-timeout 3 --max-time 20 "$url/api/v1/system/health" | jq -e '.read_only == true' >/dev/null 2>&1
}

# write_status BODY: what a write is answered with. {} is never stored, whatever the server does.
write_status() {
  status_of /api/v1/memories/remember -X POST -H 'Content-Type: application/json' -H 'X-Memory-Space: default' --data "$1"
}

check_switches() {
  check_editable "$SWITCHES"
  has_unit || give_up 'there is no service called engram here' "start the server with ENGRAM_READONLY=$1 in its environment"
  [[ $(timeout 10 systemctl show engram --property=EnvironmentFiles --value) == *"$SWITCHES"* ]] ||
    give_up "the service does not read $SWITCHES" "sudo systemctl edit engram, and add: [Service] EnvironmentFile=-$SWITCHES"
}

plan_readonly_mode() {
  check_switches true
  # Found out now, for with 0.1.0 a restart may lose memories.
  [ "$(reports read_only)" != no ] ||
    give_up 'this Engram does not know ENGRAM_READONLY, as 0.1.0' 'refuse writes before the server, for example in the load balancer'
  say "$SWITCHES: ENGRAM_READONLY=true$([ ! -e "$SWITCHES" ] && echo ' (the file will be made)')"
  say 'then the server is restarted, and takes no writes of any space until --readwrite-mode'
  if [ "$(variable_of "$SWITCHES" ENGRAM_READONLY)" = true ] && is_read_only; then
    say 'it is in that mode already'
    nothing_to_do=true
  fi
}

do_readonly_mode() {
  # Kept for the case that this Engram does not know the switch.
  [ ! -f "$SWITCHES" ] || cp -a -- "$SWITCHES" "$work/switches"
  with_variable "$SWITCHES" ENGRAM_READONLY true | replace_file "$SWITCHES"
  changed "$SWITCHES: ENGRAM_READONLY=true"
}

verify_readonly_mode() {
  "$started" || { say '  not verified: the server was not started'; return; }
  local answer
  # Only a server that says so is sent something that it would store otherwise.
  if is_read_only; then
    answer=$(write_status '{"id":"emergency_recovery_probe","content":"This must not be stored.","confidence":0.5}')
    [ "$answer" = 503 ] || give_up "the server says that it is in read-only mode, but answers a write with $answer" 'journalctl -u engram -n 20'
    say '  the server says that it is in read-only mode, and refuses a write (503)'
    return
  fi
  if [ -f "$work/switches" ]; then
    cat -- "$work/switches" | replace_file "$SWITCHES"
  else
    rm -f -- "$SWITCHES"
  fi
  changed "$SWITCHES: as it was before"
  give_up 'the server is not in read-only mode: this Engram does not know ENGRAM_READONLY, as 0.1.0' \
    'refuse writes before the server, for example in the load balancer'
}

plan_readwrite_mode() {
  check_switches false
  if [ -z "$(variable_of "$SWITCHES" ENGRAM_READONLY)" ] && answers && ! is_read_only; then
    say 'the server takes writes already'
    nothing_to_do=true
    return
  fi
  say "$SWITCHES: the line ENGRAM_READONLY=… goes away"
  say 'then the server is restarted, and takes writes again'
}

do_readwrite_mode() {
  [ -f "$SWITCHES" ] || return 0
  without_variable "$SWITCHES" ENGRAM_READONLY | replace_file "$SWITCHES"
  changed "$SWITCHES: no ENGRAM_READONLY any more"
}

verify_readwrite_mode() {
  "$started" || { say '  not verified: the server was not started'; return; }
  local answer
  ! is_read_only || give_up 'the server is still in read-only mode' 'is ENGRAM_READONLY set elsewhere? systemctl cat engram'
  answer=$(write_status '{}')
  case $answer in
    4??) say "  writes are taken: an invalid one is refused for its form only ($answer)" ;;
    *) give_up "writes are still refused ($answer)" "look at the disk: df -h $data_dir" ;;
  esac
}

# shellcheck shell=bash disable=SC2154,SC2034
# What the modes of emergency_recovery.sh share: the server's life, its numbers, edits of its files, the record of what was done.
# It uses variables of emergency_recovery.sh: $data_dir, $backup_dir, $url, $wait_seconds, $log_file, $dry_run.

# ---- what is said and written down ------------------------------------------------------------------

# note TEXT: one line of the log file. There is none before something is done, and none in a dry run.
log_is_open=false
note() {
  ! "$log_is_open" || printf '%s emergency_recovery.sh[%s]: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$$" "$*" >>"$log_file"
}

# step TEXT: said and written down, before it is done.
step() {
  say "$*"
  note "$*"
}

# The changes that this run has made, for the message of a failure.
changes=()
changed() { changes+=("$1"); note "changed: $1"; }

# give_up MESSAGE [WHAT TO DO]: fails, and says what was changed so far.
give_up() {
  local change
  note "failed: $1"
  if [ "${#changes[@]}" -eq 0 ]; then
    fail "$1. Nothing was changed" "${@:2}"
  fi
  printf '%s: changed so far:\n' "${0##*/}" >&2
  for change in "${changes[@]}"; do printf '  %s\n' "$change" >&2; done
  fail "$1" "${@:2}"
}

# Something that is not as it should be, but not the mode's failure: exit status 1 at the end.
warned=false
doubt() {
  warned=true
  warn "$*"
  note "warning: $*"
}

# ---- spaces -----------------------------------------------------------------------------------------

# Into $spaces: those on disk, or the one that was asked for. Links are refused, and nothing outside the data directory is touched.
find_spaces() {
  local directory name
  spaces=()
  if [ -n "$space" ]; then
    check_space_directory "$space"
    spaces=("$space")
    return
  fi
  for directory in "$data_dir"/*/; do
    name=${directory%/}
    name=${name##*/}
    valid_space_id "$name" || continue
    if [ -L "$data_dir/$name" ]; then
      doubt "$data_dir/$name is a symbolic link; links are not followed, it is left alone"
      continue
    fi
    spaces+=("$name")
  done
}

check_space_directory() {
  [ ! -L "$data_dir/$1" ] || give_up "$data_dir/$1 is a symbolic link; links are not followed" "look where it leads: ls -ld $data_dir/$1"
  [ -d "$data_dir/$1" ] || give_up "there is no space $1 in $data_dir" "see which there are: ls $data_dir"
  [ "$(realpath -- "$data_dir/$1")" = "$data_dir/$1" ] || give_up "$data_dir/$1 lies outside of $data_dir"
}

# The files of a directory, and nothing that a link leads to: COUNT BYTES.
count_files() {
  find -P "$1" -xdev ! -type d -printf '%s\n' 2>/dev/null | awk '{ n++; bytes += $1 } END { printf "%d %.0f\n", n, bytes }'
}

# ---- the server -------------------------------------------------------------------------------------

stop_server() {
  step 'stopping the server'
  if "$was_running"; then changed 'the server was stopped'; fi
  end_server || give_up "$reason" "$remedy"
}

# While we hold the server's own lock, no server can start on files that are being changed.
hold_data_dir() {
  [ ! -L "$data_dir/.lock" ] || give_up "$data_dir/.lock is a symbolic link" "remove it: sudo rm $data_dir/.lock"
  exec 8>>"$data_dir/.lock" || give_up "cannot write to $data_dir" 'run this with sudo'
  if [ "$(id -u)" -eq 0 ]; then chown --reference="$data_dir" -- "$data_dir/.lock"; fi
  flock --nonblock 8 || give_up "a process holds $data_dir/.lock" "see which: sudo lsof $data_dir/.lock"
}

release_data_dir() { exec 8>&-; }

# http PATH [CURL OPTIONS]: the body; fails if the answer is not a success.
http() {
  curl --silent --fail --connect-timeout 3 --max-time 20 "${@:2}" -- "$url$1"
}

# status_of PATH [CURL OPTIONS]: the status of the answer; 000 if there is none.
status_of() {
  curl --silent --output /dev/null --write-out '%{http_code}' --connect-timeout 3 --max-time 20 "${@:2}" -- "$url$1" || true
}

# Does any HTTP server answer? A health of 503 is an answer too.
answers() { [ "$(status_of /health/alive)" != 000 ]; }

# Starts it and waits until it answers. The reason of a failure is in its log, so the last lines of that are shown.
start_server() {
  local end
  step 'starting the server'
  if has_unit; then
    ${as_root[0]+"${as_root[@]}"} systemctl start engram || give_up 'the server could not be started' 'systemctl status engram'
  else
    doubt 'there is no service called engram here, so the server was not started: start it, and look with diagnose_health.sh'
    return 1
  fi
  end=$((SECONDS + wait_seconds))
  until answers; do
    if [ "$SECONDS" -ge "$end" ] || ! timeout 10 systemctl is-active --quiet engram; then
      timeout 10 journalctl -u engram -n 8 --no-pager 2>/dev/null | strip_colours >&2
      give_up 'the server was started but does not answer' "read its log: $(page_url issues/wont-start diagnosis)"
    fi
    sleep 0.2
  done
  changed 'the server was started'
}

# reports KEY: whether the health of a running server has that key, which tells what it can do: yes, no, or unknown.
reports() {
  curl --silent --connect-timeout 3 --max-time 20 -- "$url/api/v1/system/health" |
    jq -r --arg key "$1" 'if type != "object" or has("checks") == false then "unknown" elif has($key) then "yes" else "no" end' 2>/dev/null |
    grep . || echo unknown
}

# count_memories SPACE: of a space, as the server counts them. A space that is not loaded is loaded by that.
count_memories() {
  http "/api/v1/memories?tier=all&limit=1" --header "X-Memory-Space: $1" |
    jq -e -r '.tier_counts.total // empty' 2>/dev/null
}

# The ids of the spaces that the server has loaded. To ask for another would load it, which changes files.
loaded_spaces() {
  curl --silent --connect-timeout 3 --max-time 20 "$url/api/v1/system/health" | jq -r '.spaces[]?.space' 2>/dev/null
}

# Every space in scope must open and answer.
verify_spaces_open() {
  local name failed='' count
  for name in "${spaces[@]}"; do
    count=$(count_memories "$name") || { failed+=" $name"; continue; }
    say "  space $name opens: $count memories"
    note "space $name opens: $count memories"
  done
  [ -z "$failed" ] || give_up "spaces that do not open:$failed" "read the log: $(page_url issues/wal-corruption diagnosis)"
}

# ---- backup -----------------------------------------------------------------------------------------

# A backup that fails, or that leaves something out, ends everything.
backup_first() {
  local status=0
  step "making a backup in $backup_dir"
  "$here/backup_full.sh" --data-dir "$data_dir" --output "$backup_dir" --url "$url" ${space:+--space "$space"} || status=$?
  [ "$status" -eq 0 ] && return
  if "$was_running" && [ "$mode" != rebuild-indices ]; then start_server || true; fi
  if [ "$status" -eq 1 ]; then
    give_up 'the backup is not complete, so nothing else was done' 'read the warnings above; to go on without a backup, leave --backup-first out'
  fi
  give_up 'the backup failed, so nothing else was done' 'repair that first; to go on without a backup, leave --backup-first out'
}

# ---- edits of files ---------------------------------------------------------------------------------

# check_editable FILE: refuses what an edit could spoil.
check_editable() {
  local directory
  directory=$(dirname -- "$1")
  [ ! -L "$1" ] || give_up "$1 is a symbolic link; links are not followed" "edit the file that it leads to: $(readlink -f -- "$1")"
  if [ -e "$1" ]; then
    [ -f "$1" ] || give_up "$1 is not a regular file"
    [ -r "$1" ] || give_up "$1 cannot be read" 'run this with sudo'
  fi
  # Someone above the file must be writable; a dry run does not need that.
  "$dry_run" || [ ! -d "$directory" ] || [ -w "$directory" ] || give_up "you may not write to $directory" 'run this with sudo'
}

# replace_file FILE: from standard input; whole or not at all, with the mode and owner that it had.
replace_file() {
  local directory new reference
  directory=$(dirname -- "$1")
  mkdir -p -- "$directory" || give_up "cannot make $directory" 'run this with sudo'
  new=$(mktemp -- "$directory/.${1##*/}.XXXXXX") || give_up "cannot write to $directory" "df -h $directory"
  if ! cat >"$new"; then
    rm -f -- "$new"
    give_up "cannot write to $directory" "df -h $directory"
  fi
  if [ -e "$1" ]; then
    chmod --reference="$1" -- "$new"
    reference=$1
  else
    chmod 0644 -- "$new"
    reference=$directory
  fi
  if [ "$(id -u)" -eq 0 ] && ! chown --reference="$reference" -- "$new"; then
    rm -f -- "$new"
    give_up "cannot give $1 the owner that it had"
  fi
  sync -- "$new"
  mv -T -- "$new" "$1" || give_up "cannot replace $1"
}

# without_variable FILE NAME: the lines of an environment file that do not set the variable.
# with_variable FILE NAME VALUE: the same, and one line that sets it, where the first one was or at the end.
without_variable() {
  LC_ALL=C awk -v "name=$2" '
    { line = $0; sub(/^[ \t]*(export[ \t]+)?/, "", line) }
    substr(line, 1, length(name) + 1) != name "=" { print }' "$1"
}

with_variable() {
  { [ ! -f "$1" ] || cat -- "$1"; } | LC_ALL=C awk -v "name=$2" -v "value=$3" '
    { line = $0; sub(/^[ \t]*(export[ \t]+)?/, "", line) }
    substr(line, 1, length(name) + 1) == name "=" { if (!set) print name "=" value; set = 1; next }
    { print }
    END { if (!set) print name "=" value }'
}

# variable_of FILE NAME: the value that a service manager would take, the last one; nothing if it is not set.
variable_of() {
  [ -f "$1" ] || return 0
  LC_ALL=C awk -v "name=$2" '
    substr($0, 1, length(name) + 1) == name "=" { value = substr($0, length(name) + 2) }
    END { gsub(/^["\047]|["\047]$/, "", value); print value }' "$1"
}

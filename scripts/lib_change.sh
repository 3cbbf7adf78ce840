# shellcheck shell=bash disable=SC2154,SC2034
# What the scripts that change data share: their options, the question whether to go on, and the end of the server.
# For emergency_recovery.sh and restore.sh, after lib.sh.

# ---- options ------------------------------------------------------------------------------------

space=''
yes=false
dry_run=false
data_dir_option=''
backup_dir_option=''

set_space() {
  [ -z "$space" ] || [ "$space" = "$1" ] || usage_error "one space, not two: $space, $1"
  require_space_id "$1"
  space=$1
}

# change_option ARGUMENT...: takes the first argument if it is an option of all these scripts, and puts into `taken` how
# many words it has; fails if it is another.
change_option() {
  local value
  taken=1
  case $1 in
    --yes) yes=true; return ;;
    --dry-run) dry_run=true; return ;;
    --space | --data-dir | --backup-dir) ;;
    *) return 1 ;;
  esac
  taken=2
  value=$(option_value "$1" "$#" "${2-}") || exit
  case $1 in
    --space) set_space "$value" ;;
    --data-dir) data_dir_option=$value ;;
    --backup-dir) backup_dir_option=$value ;;
  esac
}

# ---- whether and where --------------------------------------------------------------------------

# After the options: can a yes be asked for, if it must be?
require_terminal_or_yes() {
  if ! "$yes" && ! "$dry_run" && [ ! -t 0 ]; then
    usage_error 'there is no terminal to ask on: give --yes, or --dry-run to see what would be done'
  fi
}

# The end of a dry run, and of one that is not wanted after all.
go_on_or_exit() {
  local answer
  if "$dry_run"; then
    say 'dry run: nothing was changed'
    exit "$EXIT_OK"
  fi
  "$yes" || {
    read -r -p 'Type yes to go on: ' answer || answer=''
    [ "$answer" = yes ] || {
      say 'Not confirmed. Nothing was changed.'
      exit "$EXIT_WARNING"
    }
  }
}

# Into data_dir: what will be changed. Never a directory of the system.
find_data_dir_to_change() {
  data_dir=$(find_data_dir "$data_dir_option") || fail 'the data directory is not known' 'set ENGRAM_DATA_DIR or give --data-dir'
  case $data_dir in
    / | /bin | /boot | /dev | /etc | /home | /proc | /root | /run | /sys | /tmp | /usr | /var) fail "$data_dir is no data directory of Engram" ;;
  esac
}

# ---- the server ---------------------------------------------------------------------------------

as_root=()
if [ "$(id -u)" -ne 0 ] && have sudo; then as_root=(sudo -n); fi

# Is there a service manager that knows the server? Else it is started and stopped by its own commands.
has_unit() {
  have systemctl && [ -n "$(timeout 10 systemctl show engram --property=FragmentPath --value 2>/dev/null)" ]
}

server_is_running() {
  [ -n "$(servers_using "$data_dir")" ] || data_dir_is_locked "$data_dir"
}

# Stops the server and waits until it is gone. Fails with why in `reason`, and what to do in `remedy`.
# Also a service that the manager is about to start again counts as one to be stopped.
end_server() {
  local end
  if has_unit; then
    reason='the server could not be stopped' remedy='systemctl status engram'
    ${as_root[0]+"${as_root[@]}"} systemctl stop engram || return
  elif server_is_running; then
    reason='there is neither a service called engram nor the command engram' remedy='stop the server, then run this again'
    have engram || return
    reason='the server could not be stopped' remedy='see its processes: ps -C engram'
    engram stop || return
  fi
  end=$((SECONDS + 15))
  while server_is_running; do
    if [ "$SECONDS" -ge "$end" ]; then
      reason="a server still runs: PID $(servers_using "$data_dir" | paste -sd ' ')" remedy='end it: sudo kill PID'
      return 1
    fi
    sleep 0.2
  done
}

#!/usr/bin/env bash
# Usage: emergency_recovery.sh [OPTIONS] MODE
#
# Repairs what diagnosis has found. First it says what it will change and how much, and asks; at its end each mode
# verifies what it has done. Look first: every mode has --dry-run.
#
# Modes:
#       --sanitize-nan        switch [validation] on in the server's configuration, and restart: in embeddings
#                             NaN becomes 0, infinity 1 or -1; confidences come to lie in 0..1
#       --fix-wal-corruption  put damaged log files into quarantine, and their whole records back in place
#       --rebuild-indices     let the running server build its indices anew, and wait for it
#       --reset-space ID      delete everything that a space holds, for good
#       --restore-latest      put back the newest backup that was there before this script started
#       --readonly-mode       restart so that no writes are taken (ENGRAM_READONLY in /etc/default/engram)
#       --readwrite-mode      leave that mode
#
# Options:
#       --dry-run             say what would be done; change nothing, and load no space
#       --space ID            only this space. Not with the last two modes, which are for the whole server.
#                             --sanitize-nan then counts and verifies in this space; the setting is for all
#       --backup-first        make a backup with backup_full.sh before anything is changed; if it fails, or leaves
#                             something out, nothing is changed. The server is stopped before it is made
#       --yes                 do not ask; needed where there is no terminal
#       --no-start            leave the server stopped at the end; what needs it is then not verified
#       --wait SECONDS        how long the server, or a rebuild, may take (60)
#       --data-dir DIR        the data directory (ENGRAM_DATA_DIR, else the running server's)
#       --backup-dir DIR      backups, quarantine and log (ENGRAM_BACKUP_DIR, else /var/backups/engram)
#       --config FILE         the server's configuration (ENGRAM_CONFIG, else the one that the service reads)
#       --url URL             the server (ENGRAM_URL, else http://localhost:7432)
#       --log FILE            what was done (ENGRAM_RECOVERY_LOG, else recovery.log in the backup directory)
#   -h, --help                print this text
#
# Two runs on one data directory exclude each other: the second ends with status 2.
# Symbolic links are never followed, and nothing outside the data directory is deleted.
#
# Exit status:
#   0   done and verified; or there was nothing to do; or a dry run that could be done
#   1   done, but read the warnings; or you did not say yes, and nothing was changed
#   2   refused or failed; the message says what was changed
#   64  wrong usage

set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lib_change.sh
source "$here/lib_change.sh"

mode=''
backup=false
start=true
wait_seconds=60
config_option=''
url="${ENGRAM_URL:-http://localhost:7432}"
log_file="${ENGRAM_RECOVERY_LOG:-}"

set_mode() {
  [ -z "$mode" ] || usage_error "one mode, not two: --$mode, --$1"
  mode=$1
}

while [ "$#" -gt 0 ]; do
  if change_option "$@"; then shift "$taken"; continue; fi
  case $1 in
    -h | --help) print_help "${BASH_SOURCE[0]}"; exit "$EXIT_OK" ;;
    --sanitize-nan | --fix-wal-corruption | --rebuild-indices | --restore-latest | --readonly-mode | --readwrite-mode)
      set_mode "${1#--}"; shift; continue ;;
    --backup-first) backup=true; shift; continue ;;
    --no-start) start=false; shift; continue ;;
    --reset-space)
      value=$(option_value "$1" "$#" "${2-}") || exit
      set_mode reset-space
      set_space "$value"
      ;;
    --wait) wait_seconds=$(option_value "$1" "$#" "${2-}") || exit ;;
    --config) config_option=$(option_value "$1" "$#" "${2-}") || exit ;;
    --url) url=$(option_value "$1" "$#" "${2-}") || exit ;;
    --log) log_file=$(option_value "$1" "$#" "${2-}") || exit ;;
    *) usage_error "unknown argument $1" ;;
  esac
  shift 2
done
[ -n "$mode" ] || usage_error 'which mode?'
[[ $wait_seconds =~ ^[0-9]{1,5}$ ]] || usage_error "--wait takes a number of seconds, not $wait_seconds"
case $mode in
  readonly-mode | readwrite-mode) [ -z "$space" ] || usage_error "--$mode is for the whole server, not for space $space" ;;
esac
require_terminal_or_yes

need awk curl flock jq od ps
umask 077

# shellcheck source-path=SCRIPTDIR source=lib_recovery.sh
source "$here/lib_recovery.sh"
# shellcheck source-path=SCRIPTDIR source=lib_toml.sh
source "$here/lib_toml.sh"
# shellcheck source-path=SCRIPTDIR source=lib_wal.sh
source "$here/lib_wal.sh"
# shellcheck source-path=SCRIPTDIR source=lib_modes.sh
source "$here/lib_modes.sh"

# ---- where --------------------------------------------------------------------------------------

find_data_dir_to_change
backup_dir=$(find_backup_dir "$backup_dir_option")
! inside "$data_dir" "$backup_dir" || fail "$backup_dir is inside the data directory" 'choose another --backup-dir, best on another disk'
[ -n "$log_file" ] || log_file=$backup_dir/recovery.log
log_file=$(realpath -m -- "$log_file")
! inside "$data_dir" "$log_file" || fail "$log_file is inside the data directory" 'choose another --log'
quarantine_root=$backup_dir/quarantine
quarantine=$quarantine_root/$(date -u +%Y%m%dT%H%M%SZ)-$$

if [ ! -d "$data_dir" ]; then
  # A lost data directory is what a backup is for; restore.sh makes it.
  [ "$mode" = restore-latest ] || fail "the data directory $data_dir does not exist" 'is its volume mounted? see findmnt'
elif [ ! -r "$data_dir" ] || [ ! -x "$data_dir" ]; then
  fail "the data directory $data_dir cannot be read" 'run this as the user engram or with sudo'
fi

# On the directory itself, so that nothing has to be made for it, not even by a dry run.
if [ -d "$data_dir" ]; then
  exec 9<"$data_dir"
  flock --nonblock 9 || fail "another recovery works on $data_dir. Nothing was changed" 'wait until it has ended'
fi

work=$(mktemp -d) || fail 'cannot make a temporary directory' "free some space in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$work"' EXIT
# shellcheck disable=SC2034
WAL_CACHE=$work/scans
mkdir -- "$WAL_CACHE"
trap 'give_up "interrupted"' INT TERM HUP

was_running=false
if server_is_running; then was_running=true; fi
started=$was_running
nothing_to_do=false
# A rebuild is the running server's work; all else is done while it is stopped.
stops=true
[ "$mode" != rebuild-indices ] || stops=false

# ---- what ---------------------------------------------------------------------------------------

spaces=()
if [ -d "$data_dir" ] && [ "$mode" != restore-latest ]; then find_spaces; fi

scope='all spaces'
[ -z "$space" ] || scope="space $space"
say "mode: $mode, $scope in $data_dir"
"plan_${mode//-/_}"
if "$nothing_to_do"; then
  say 'There is nothing to do. Nothing was changed.'
  if "$warned"; then exit "$EXIT_WARNING"; fi
  exit "$EXIT_OK"
fi
if "$stops"; then
  if "$was_running"; then
    say "the server is stopped for this$("$start" && echo ', and started again')"
    for pid in $(servers_using "$data_dir"); do
      [ "$(deleted_logs "$pid")" -eq 0 ] ||
        doubt "PID $pid writes to a log file that is deleted; a stop loses what is in it. First: $(page_url known-behaviour copy-the-log-aside)"
    done
  elif "$start"; then
    say 'the server does not run; it is started at the end'
  fi
fi
if "$backup"; then say "before that, a backup of $scope is made in $backup_dir"; fi

go_on_or_exit

# ---- do it --------------------------------------------------------------------------------------

if ! mkdir -p -- "$(dirname -- "$log_file")" || ! : 2>/dev/null >>"$log_file"; then
  fail "cannot write to $log_file. Nothing was changed" 'run this with sudo, or choose another --log'
fi
log_is_open=true
note "begins: --$mode ${space:+--space $space }on $data_dir, by $(id -un 2>/dev/null || id -u)"

if "$stops"; then
  stop_server
  started=false
fi
if "$backup"; then backup_first; fi
step "doing: $mode"
"do_${mode//-/_}"
if "$stops" && "$start" && start_server; then started=true; fi
step 'verifying'
"verify_${mode//-/_}"

note 'done and verified'
say "Done. What was done stands in $log_file."
if "$warned"; then exit "$EXIT_WARNING"; fi
exit "$EXIT_OK"

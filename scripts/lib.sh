# shellcheck shell=bash disable=SC2034
# What the operator scripts share: where things are, which server runs, words and exit statuses.
# The scripts source this file from the directory that they stand in.

# Every script ends with one of these, and its --help says what each means there.
readonly EXIT_OK=0
readonly EXIT_WARNING=1
readonly EXIT_CRITICAL=2
readonly EXIT_USAGE=64

readonly RUNBOOK_URL="${ENGRAM_RUNBOOK_URL:-https://runbook.engram.example.com/}"

# The address of a page of the runbook: page_url issues/wont-start port-conflict
page_url() {
  printf '%s/%s.html%s\n' "${RUNBOOK_URL%/}" "$1" "${2:+#$2}"
}

say() { printf '%s\n' "$*"; }

warn() { printf '%s: warning: %s\n' "${0##*/}" "$*" >&2; }

# fail MESSAGE [WHAT TO DO]: the work cannot be done.
fail() {
  printf '%s: error: %s\n' "${0##*/}" "$1" >&2
  [ "$#" -lt 2 ] || printf '  do: %s\n' "$2" >&2
  exit "$EXIT_CRITICAL"
}

usage_error() {
  printf '%s: %s\nTry "%s --help".\n' "${0##*/}" "$1" "${0##*/}" >&2
  exit "$EXIT_USAGE"
}

# The comment block at the head of a script is its help text.
print_help() {
  awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$1"
}

have() { command -v "$1" >/dev/null 2>&1; }

# need TOOL...: ends the script with the package's name if a tool is missing.
need() {
  local tool package
  for tool in "$@"; do
    have "$tool" && continue
    case $tool in
      ss) package=iproute2 ;;
      ps | pgrep) package=procps ;;
      flock) package=util-linux ;;
      *) package=$tool ;;
    esac
    fail "$tool is not installed" "install it, for example: sudo apt-get install $package"
  done
}

# option_value OPTION COUNT VALUE: the value of an option, which must not be empty or look like an option.
option_value() {
  [ "$2" -ge 2 ] || usage_error "$1 needs a value"
  case $3 in
    '') usage_error "the value of $1 is empty" ;;
    -*) usage_error "$1 needs a value, but got the option $3" ;;
  esac
  printf '%s\n' "$3"
}

# The rule of the server itself: 3 to 64 of a-z, 0-9, _ and -.
valid_space_id() {
  local LC_ALL=C
  [[ $1 =~ ^[a-z0-9_-]{3,64}$ ]]
}

# require_space_id TEXT: wrong usage if it is given and cannot be the id of a space.
require_space_id() {
  [ -z "$1" ] || valid_space_id "$1" || usage_error "$1 is not a space id: 3 to 64 of a-z, 0-9, _ and -"
}

# require_report_file FILE: wrong usage if a report cannot be put there.
require_report_file() {
  [ -d "$(dirname -- "$1")" ] || usage_error "the directory of $1 does not exist"
  # Renaming over /dev/stdout would replace it.
  if [ -e "$1" ] && [ ! -f "$1" ]; then usage_error "$1 is not a regular file"; fi
}

# write_report REPORT FILE: makes FILE a copy of REPORT, whole or not at all. Fails with a warning.
# While it works, report_part is what a trap should remove.
report_part=''
write_report() {
  local written=false
  if report_part=$(mktemp -- "$2.XXXXXX") && cat "$1" >"$report_part" &&
    chmod "$(printf '%o' $((0666 & ~$(umask))))" "$report_part" && mv -f -T -- "$report_part" "$2"; then
    written=true
  else
    warn "the report could not be written to $2"
    [ -z "$report_part" ] || rm -f -- "$report_part"
  fi
  report_part=''
  "$written"
}

# One line per server process, in any state: PID.
# A process is a server if its program is named engram and one of its arguments is "start"; so other
# engram commands and a grep for engram are not counted.
server_pids() {
  local directory argument argv
  for directory in /proc/[0-9]*; do
    argv=()
    while IFS= read -r -d '' argument; do
      argv+=("$argument")
    done 2>/dev/null <"$directory/cmdline" || continue
    [ "${#argv[@]}" -ge 2 ] || continue
    [ "${argv[0]##*/}" = engram ] || continue
    for argument in "${argv[@]:1}"; do
      if [ "$argument" = start ]; then
        printf '%s\n' "${directory#/proc/}"
        break
      fi
    done
  done
}

# Zombies have no arguments any more, so they are found by name.
zombie_pids() {
  ps -eo pid=,stat=,comm= | awk '$2 ~ /^Z/ && $3 == "engram" { print $1 }'
}

# environment_of PID NAME: the value that a process was started with; fails if it cannot be read or is not set.
environment_of() {
  local entry
  [ -r "/proc/$1/environ" ] || return 1
  while IFS= read -r -d '' entry; do
    if [ "${entry%%=*}" = "$2" ]; then
      printf '%s\n' "${entry#*=}"
      return 0
    fi
  done 2>/dev/null <"/proc/$1/environ"
  return 1
}

# The data directory that a running server uses; fails if its environment cannot be read.
data_dir_of() {
  local value cwd
  [ -r "/proc/$1/environ" ] || return 1
  value=$(environment_of "$1" ENGRAM_DATA_DIR) || value=engram-data
  cwd=$(readlink "/proc/$1/cwd" 2>/dev/null) || return 1
  case $value in
    /*) realpath -m -- "$value" ;;
    *) realpath -m -- "$cwd/$value" ;;
  esac
}

# find_data_dir OPTION: the option, the environment, a running server, the unit, in this order.
# The working directory is never a guess: restoring into the wrong place is worse than a question.
find_data_dir() {
  local pid line
  if [ -n "$1" ]; then
    realpath -m -- "$1"
    return
  fi
  if [ -n "${ENGRAM_DATA_DIR:-}" ]; then
    realpath -m -- "$ENGRAM_DATA_DIR"
    return
  fi
  for pid in $(server_pids); do
    data_dir_of "$pid" && return
  done
  if have systemctl; then
    line=$(timeout 5 systemctl show engram --property=Environment 2>/dev/null |
      sed -n 's/.*ENGRAM_DATA_DIR=\([^ "]*\).*/\1/p')
    if [ -n "$line" ]; then
      realpath -m -- "$line"
      return
    fi
  fi
  return 1
}

# The directory that backups are written to and read from.
find_backup_dir() {
  realpath -m -- "${1:-${ENGRAM_BACKUP_DIR:-${BACKUP_DIR:-/var/backups/engram}}}"
}

# inside DIRECTORY PATH: is PATH the directory or below it? Both resolved.
inside() {
  [ "$2" = "$1" ] || [[ $2 == "${1%/}"/* ]]
}

# servers_using DIRECTORY: the servers that use it, or that may do so because we are not allowed to look.
servers_using() {
  local pid theirs
  for pid in $(server_pids); do
    if theirs=$(data_dir_of "$pid"); then
      [ "$theirs" = "$1" ] || continue
    fi
    printf '%s\n' "$pid"
  done
}

# data_dir_is_locked DIRECTORY: does some process hold the server's lock file?
# Engram 0.1.0 has no such file; then the answer is no, and the process list decides.
data_dir_is_locked() {
  [ -f "$1/.lock" ] && [ -r "$1/.lock" ] || return 1
  ! flock --shared --nonblock "$1/.lock" true 2>/dev/null
}

# deleted_logs PID: how many log files the process writes to that no directory holds any more.
# Engram 0.1.0 deletes the file that it writes to at every start with a log that is not empty.
deleted_logs() {
  find "/proc/$1/fd" -lname '*/wal-*.log (deleted)' 2>/dev/null | wc -l
}

# The log without the colours that the server writes even into files.
strip_colours() {
  sed $'s/\x1b\\[[0-9;]*[A-Za-z]//g'
}

# human BYTES
human() {
  numfmt --to=iec --suffix=B --format=%.1f -- "$1" 2>/dev/null || printf '%s bytes\n' "$1"
}

# json_string TEXT: a JSON string, quotes included. Bytes that are not text become "?".
json_string() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//[$'\x01'-$'\x1f']/?}
  printf '"%s"' "$text"
}

# The names that backup_full.sh gives, and nothing else: engram-full-<space|all>-<UTC time>.tar.zst
readonly BACKUP_NAME='^engram-full-([a-z0-9_-]{3,64})-([0-9]{8}T[0-9]{6}Z)\.tar\.zst$'

# newest_backup DIRECTORY [SPACE]: the newest archive by the time in its name, not by file times,
# which change when archives are copied. With SPACE, an archive of that space or of all spaces.
newest_backup() {
  local LC_ALL=C path name newest='' newest_time=''
  for path in "$1"/engram-full-*.tar.zst; do
    if [ ! -f "$path" ] || [ -L "$path" ]; then continue; fi
    name=${path##*/}
    [[ $name =~ $BACKUP_NAME ]] || continue
    [ "${BASH_REMATCH[1]}" = all ] || { [ "$#" -ge 2 ] && [ "${BASH_REMATCH[1]}" = "$2" ]; } || continue
    if [[ ${BASH_REMATCH[2]} > $newest_time ]]; then
      newest_time=${BASH_REMATCH[2]}
      newest=$path
    fi
  done
  [ -n "$newest" ] && printf '%s\n' "$newest"
}

# shellcheck shell=bash disable=SC2034,SC2154
# What systemctl of this directory knows of a unit: its file, its drop-ins, its environment files, its limits.
# It is sourced by systemctl, and uses its variables $here, $root and $state_dir.

# A change below this directory counts after daemon-reload, as with systemd, which reads it once.
system_dir=$root/etc/systemd/system

# Splits a value at blanks outside double and single quotes, into $words. Nothing is expanded.
split() {
  local text=$1 word='' quote='' character index inside=false
  words=()
  if [[ $text != *[\"\']* ]]; then
    read -r -a words <<<"$text"
    return 0
  fi
  for ((index = 0; index < ${#text}; index++)); do
    character=${text:index:1}
    if [ -n "$quote" ]; then
      if [ "$character" = "$quote" ]; then quote=''; else word+=$character; fi
    elif [ "$character" = '"' ] || [ "$character" = "'" ]; then
      quote=$character inside=true
    elif [[ $character == [[:blank:]] ]]; then
      if "$inside"; then words+=("$word"); fi
      word='' inside=false
    else
      word+=$character inside=true
    fi
  done
  if "$inside"; then words+=("$word"); fi
}

# ---- files ------------------------------------------------------------------------------------------

# Reads the unit into variables; 5 if there is none, as systemctl says it.
load() {
  local file
  unit=${1%.service}
  if [[ ! $unit =~ ^[A-Za-z0-9_@-]+$ ]]; then fail "Invalid unit name \"$1\"."; fi
  unit_file=$here/$unit.service
  journal_file=$journal_dir/$unit.log
  state=$state_dir/$unit
  description=$unit.service user='' working_directory=/ timeout_stop=90
  exec_start='' exec_starts=0 environment=() environment_files=() limits=() drop_ins=()
  [ -r "$unit_file" ] || return 5
  read_unit_file "$unit_file" "$unit_file"
  # systemd reads a unit when somebody first asks for it.
  [ -d "$state_dir/loaded" ] || reload
  for file in "$state_dir/loaded/$unit.service.d"/*.conf; do
    [ -f "$file" ] || continue
    drop_ins+=("$system_dir/$unit.service.d/${file##*/}")
    read_unit_file "$file" "${drop_ins[-1]}"
  done
}

# read_unit_file FILE NAME: its settings, over those that were read before. NAME is for messages.
read_unit_file() {
  local line section='' key value
  # Without IFS=, so that blanks at both ends are dropped.
  while read -r line || [ -n "$line" ]; do
    case $line in
      '' | '#'* | ';'*) continue ;;
      '['*']') section=$line && continue ;;
      *\\) fail "$2: a line that goes on in the next one is not known here" ;;
    esac
    key=${line%%=*} value=${line#*=}
    key=${key%"${key##*[![:blank:]]}"} value=${value#"${value%%[![:blank:]]*}"}
    set_key "$section" "$key" "$value" "$2"
  done <"$1"
}

# set_key SECTION KEY VALUE NAME. An empty value takes back what was set before, where there may be several.
set_key() {
  case $1$2 in
    '[Unit]Description') description=$3 ;;
    '[Service]ExecStart')
      exec_start=$3 exec_starts=$((exec_starts + 1))
      [ -n "$3" ] || exec_starts=0
      ;;
    '[Service]User') user=$3 ;;
    '[Service]WorkingDirectory') working_directory=${3:-/} ;;
    '[Service]TimeoutStopSec') timeout_stop=${3%s} ;;
    '[Service]Environment')
      split "$3"
      if [ -z "$3" ]; then environment=(); else environment+=("${words[@]}"); fi
      ;;
    '[Service]EnvironmentFile')
      if [ -z "$3" ]; then environment_files=(); else environment_files+=("$3"); fi
      ;;
    '[Service]LimitNOFILE' | '[Service]LimitNPROC' | '[Service]LimitDATA' | '[Service]LimitAS')
      set_limit "${2#Limit}" "$3" || fail "$4: Failed to parse resource value: $3"
      ;;
    '[Service]Type') [ "$3" = simple ] || fail "$4: only Type=simple is known here" ;;
    '[Service]Restart') [ "$3" = no ] || fail "$4: only Restart=no is known here" ;;
    '[Unit]'* | '[Install]'*) ;;
    *) fail "$4: $1 $2 is not known here" ;;
  esac
}

# Takes over what /etc/systemd/system says now.
reload() {
  local directory new=$state_dir/loaded.$$
  # Nobody has to be allowed to write here for a mere look at a service.
  mkdir -p "$new" 2>/dev/null || return 0
  for directory in "$system_dir"/*.service.d; do
    [ ! -d "$directory" ] || cp -R -- "$directory" "$new/"
  done
  if [ -d "$state_dir/loaded" ]; then rm -rf -- "$state_dir/loaded"; fi
  # Another systemctl may have been faster; it has read the same.
  mv -T -- "$new" "$state_dir/loaded" 2>/dev/null || rm -rf -- "$new"
}

# Says what systemctl says when a drop-in has changed since it was read.
warn_of_changes() {
  local file now='' then=''
  for file in "$system_dir/$unit.service.d"/*.conf; do
    [ ! -r "$file" ] || now+="${file##*/} $(<"$file") "
  done
  for file in "$state_dir/loaded/$unit.service.d"/*.conf; do
    [ ! -r "$file" ] || then+="${file##*/} $(<"$file") "
  done
  [ "$now" = "$then" ] ||
    echo "Warning: The unit file, source configuration file or drop-ins of $unit.service changed on disk. Run 'systemctl daemon-reload' to reload units." >&2
}

# ---- limits -----------------------------------------------------------------------------------------

# set_limit NAME VALUE: soft, or soft:hard; sizes may have a suffix, numbers of things have none.
set_limit() {
  local part parts sizes=false
  if [ -z "$2" ]; then
    limits+=("$1=")
    return
  fi
  case $1 in DATA | AS) sizes=true ;; esac
  IFS=: read -r -a parts <<<"$2"
  [ "${#parts[@]}" -le 2 ] && [[ $2 != *: ]] || return 1
  for part in "${!parts[@]}"; do
    case ${parts[part]} in
      infinity) ;;
      *[KMGT])
        "$sizes" && [[ ${parts[part]%?} =~ ^[0-9]+$ ]] || return 1
        parts[part]=$(numfmt --from=iec "${parts[part]}") || return 1
        ;;
      *) [[ ${parts[part]} =~ ^[0-9]+$ ]] || return 1 ;;
    esac
  done
  limits+=("$1=${parts[0]}:${parts[1]-${parts[0]}}")
}

# limit_of NAME: the limit that was set last, as soft:hard, into $REPLY; nothing if there is none.
limit_of() {
  local limit
  REPLY=
  for limit in ${limits[@]+"${limits[@]}"}; do
    if [ "${limit%%=*}" = "$1" ]; then REPLY=${limit#*=}; fi
  done
}

# Sets the limits of this process, which is about to become the service. The number of processes comes last,
# and nothing is started here but where a limit cannot be set.
apply_limits() {
  local name option unit_size soft hard
  for name in NOFILE DATA AS NPROC; do
    limit_of "$name"
    [ -n "$REPLY" ] || continue
    soft=${REPLY%%:*} hard=${REPLY#*:} unit_size=1
    case $name in
      NOFILE) option=n ;;
      NPROC) option=u ;;
      DATA) option=d unit_size=1024 ;;
      AS) option=v unit_size=1024 ;;
    esac
    in_units "$soft" "$unit_size" && soft=$REPLY
    in_units "$hard" "$unit_size" && hard=$REPLY
    # The soft one first: the hard one may not go below it. Then, as systemd without the right to raise a limit,
    # as near as it can come.
    if ! ulimit -S "-$option" "$soft" 2>/dev/null; then
      ulimit -H "-$option" "$hard" 2>/dev/null
      ulimit -S "-$option" "$soft" 2>/dev/null || ulimit -S "-$option" "$(ulimit -H "-$option")"
    fi
    ulimit -H "-$option" "$hard" 2>/dev/null
  done
}

in_units() {
  if [ "$1" = infinity ]; then REPLY=unlimited; else REPLY=$((($1 + $2 - 1) / $2)); fi
}

# ---- the environment and the command ------------------------------------------------------------------

# Fails if a file is missing that may not be missing.
check_environment_files() {
  local file
  for file in ${environment_files[@]+"${environment_files[@]}"}; do
    [[ $file == -* ]] || [ -r "$root$file" ] || return 1
  done
}

# read_environment_file FILE: its assignments, into $environment, over those of the unit.
# One a line; a value may be in quotes; nothing is expanded.
read_environment_file() {
  local line value
  while read -r line || [ -n "$line" ]; do
    [[ $line =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || continue
    value=${line#*=}
    case $value in
      \"*\") value=${value#\"} value=${value%\"} ;;
      \'*\') value=${value#\'} value=${value%\'} ;;
    esac
    environment+=("${line%%=*}=$value")
  done <"$1"
}

# The environment and the user that systemd would give, into $command.
build_command() {
  local uid gid file
  for file in ${environment_files[@]+"${environment_files[@]}"}; do
    file=$root${file#-}
    [ ! -r "$file" ] || read_environment_file "$file"
  done
  split "$exec_start"
  program=${words[0]##*/}
  command=(env -i 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin' LANG=C.UTF-8)
  if [ -n "$user" ]; then
    command+=("USER=$user" "LOGNAME=$user")
    if ! find_user; then
      # As systemd: the process fails before it becomes the program.
      command=(sh -c 'exit 217')
      return
    fi
    if [ "$uid" -ne "$EUID" ]; then
      command=(setpriv --reuid="$uid" --regid="$gid" --init-groups -- "${command[@]}")
    fi
  fi
  command+=(${environment[@]+"${environment[@]}"} "${words[@]}")
}

# The numbers of $user. A look into the file saves two processes.
find_user() {
  local name
  while IFS=: read -r name _ uid gid _; do
    [ "$name" != "$user" ] || return 0
  done </etc/passwd
  uid=$(id -u -- "$user" 2>/dev/null) && gid=$(id -g -- "$user" 2>/dev/null)
}

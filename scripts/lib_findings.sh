# shellcheck shell=bash disable=SC2034
# Findings of the ten checks, and the report of them. For diagnose_health.sh, after lib.sh.

readonly CHECKS=(
  'process' 'HTTP health' 'gRPC' 'storage' 'write-ahead log'
  'memory' 'file descriptors' 'recent errors' 'response time' 'metrics'
)

# Findings in four arrays of equal length, each with the number of its check in a fifth.
f_check=() f_status=() f_message=() f_action=() f_page=()
check=0

# finding STATUS MESSAGE [ACTION PAGE]: of the check whose number is in `check`.
finding() {
  f_check+=("$check") f_status+=("$1") f_message+=("$2") f_action+=("${3-}") f_page+=("${4-}")
}

weight() {
  case $1 in
    critical) echo 4 ;;
    warning) echo 3 ;;
    unknown) echo 2 ;;
    ok) echo 1 ;;
    *) echo 0 ;;
  esac
}

# worst [NUMBER]: the worst status of one check, or of all.
worst() {
  local i result=skipped
  for i in "${!f_status[@]}"; do
    [ "$#" -eq 0 ] || [ "${f_check[i]}" = "$1" ] || continue
    [ "$(weight "${f_status[i]}")" -le "$(weight "$result")" ] || result=${f_status[i]}
  done
  printf '%s\n' "$result"
}

# The exit status that the worst finding asks for.
exit_status_of_findings() {
  case $(worst) in
    critical) echo "$EXIT_CRITICAL" ;;
    warning | unknown) echo "$EXIT_WARNING" ;;
    *) echo "$EXIT_OK" ;;
  esac
}

# How many checks are in which state, as one line.
summary_of_findings() {
  local number status
  local -A n=([ok]=0 [warning]=0 [critical]=0 [unknown]=0 [skipped]=0)
  for number in $(seq "${#CHECKS[@]}"); do
    status=$(worst "$number")
    n[$status]=$((n[$status] + 1))
  done
  printf '%d checks: %d ok, %d warning, %d critical, %d unknown, %d skipped\n' "${#CHECKS[@]}" \
    "${n[ok]}" "${n[warning]}" "${n[critical]}" "${n[unknown]}" "${n[skipped]}"
}

# report_text TIME URL
report_text() {
  local number i status name
  printf 'Engram health report, %s, host %s, %s\n\n' "$1" "$(uname -n)" "$2"
  for number in $(seq "${#CHECKS[@]}"); do
    name=${CHECKS[number - 1]}
    for i in "${!f_check[@]}"; do
      [ "${f_check[i]}" = "$number" ] || continue
      status=${f_status[i]}
      case $status in warning | critical) status=${status^^} ;; esac
      printf '[%2d/10] %-16s %-8s  %s\n' "$number" "$name" "$status" "${f_message[i]}"
      [ -z "${f_action[i]}" ] || printf '%35s%s\n' 'do: ' "${f_action[i]}"
      [ -z "${f_page[i]}" ] || printf '%35s%s\n' 'page: ' "${f_page[i]}"
    done
  done
  printf '\n%s\n' "$(summary_of_findings)"
}

# report_json TIME URL DATA_DIRECTORY
report_json() {
  local number i first_check=true first
  printf '{"timestamp":%s,"host":%s,"url":%s,"data_dir":%s,"status":%s,"exit_status":%d,"checks":[' \
    "$(json_string "$1")" "$(json_string "$(uname -n)")" "$(json_string "$2")" \
    "$(json_string "$3")" "$(json_string "$(worst)")" "$(exit_status_of_findings)"
  for number in $(seq "${#CHECKS[@]}"); do
    "$first_check" || printf ','
    first_check=false first=true
    printf '{"number":%d,"name":%s,"status":%s,"findings":[' \
      "$number" "$(json_string "${CHECKS[number - 1]}")" "$(json_string "$(worst "$number")")"
    for i in "${!f_check[@]}"; do
      [ "${f_check[i]}" = "$number" ] || continue
      "$first" || printf ','
      first=false
      printf '{"status":%s,"message":%s,"action":%s,"page":%s}' "$(json_string "${f_status[i]}")" \
        "$(json_string "${f_message[i]}")" "$(json_string "${f_action[i]}")" "$(json_string "${f_page[i]}")"
    done
    printf ']}'
  done
  printf ']}\n'
}

#!/usr/bin/env bash
# Usage: run.sh [--no-server] [FILTER...]
#
# Tests the operator scripts, each test in a sandbox of its own. Prints one line for each test.
#
#   --no-server   only the tests that need no server
#   FILTER        only tests whose name (file/function) contains it
#
# Environment: ENGRAM_BINARY (default target/release/engram), JOBS (default: two for each processor, as most tests wait),
# those of in-sandbox.sh
# A run of all tests also writes target/results/scripts.tap, from where the acceptance page of the book takes the last results.
#
# Exit status: 0 all passed, 1 some failed, 3 this machine lacks something, 64 wrong usage.

set -uo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
root=$(readlink -f -- "$here/../..")
ENGRAM_BINARY="${ENGRAM_BINARY:-$root/target/release/engram}"
export ENGRAM_BINARY

with_server=true
filters=()
for argument in "$@"; do
  case $argument in
    --no-server) with_server=false ;;
    -h | --help) awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"; exit 0 ;;
    -*) echo "run.sh: unknown option $argument" >&2; exit 64 ;;
    *) filters+=("$argument") ;;
  esac
done
"$here/in-sandbox.sh" true || { echo 'run.sh: no sandbox on this machine' >&2; exit 3; }
if "$with_server" && [ -z "${SANDBOX_PATH:-}" ] && { [ ! -x "$ENGRAM_BINARY" ] || [ ! -d "$root/tests/host" ]; }; then
  echo "run.sh: no test instance at $ENGRAM_BINARY: cargo build --release -p engram-testbed, or --no-server" >&2
  exit 3
fi

if "$with_server"; then bash "$root/tests/released/build.sh" || exit 3; fi

results=$(mktemp -d)
trap 'rm -rf -- "$results"' EXIT

# A test whose name ends in _server needs one. static.sh looks at the repository itself, so it runs outside.
list() {
  local file test filter wanted
  for file in static recovery recovery_wal recovery_settings debug diagnose diagnose_server backup verify restore benchmark profile slow logs released; do
    while read -r test; do
      case $test in *_server) "$with_server" || continue ;; esac
      wanted=false
      [ "${#filters[@]}" -gt 0 ] || wanted=true
      for filter in ${filters[0]+"${filters[@]}"}; do
        [[ $file/${test#test_} != *"$filter"* ]] || wanted=true
      done
      "$wanted" && printf '%s %s\n' "$file" "$test"
    done < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$here/$file.sh")
  done
}

one() {
  local status=0 libs engram=$ENGRAM_BINARY
  # Those of released.sh are about the double of the released program.
  [ "$1" != released ] || engram=$root/target/released/engram
  libs=$(printf '%s:' "$here"/lib_*.sh)
  if [ "$1" = static ]; then
    ROOT=$root bash "$here/prelude.sh" "$here/static.sh" "$2" >"$results/$1.$2.out" 2>&1 || status=$?
  else
    ENGRAM_BINARY=$engram SANDBOX_FILES="$libs$here/prelude.sh:$here/$1.sh" timeout 120 "$here/in-sandbox.sh" \
      bash /opt/tests/prelude.sh "/opt/tests/$1.sh" "$2" >"$results/$1.$2.out" 2>&1 || status=$?
  fi
  if [ "$status" -eq 0 ]; then
    printf 'ok      %s/%s\n' "$1" "${2#test_}"
  else
    printf 'FAILED  %s/%s (exit status %s)\n' "$1" "${2#test_}" "$status"
    sed 's/^/        /' "$results/$1.$2.out"
    : >"$results/$1.$2.failed"
  fi
}

jobs=${JOBS:-$((2 * $(nproc)))}
n_all=0
while read -r file test; do
  n_all=$((n_all + 1))
  # A test's lines are printed together, whatever else runs.
  { line=$(one "$file" "$test"); printf '%s\n' "$line"; } &
  while [ "$(jobs -r -p | wc -l)" -ge "$jobs" ]; do wait -n; done
done < <(list)
wait

# In the Test Anything Protocol, as scripts/FILE/TEST. Part of the tests would make the others look forgotten.
write_results() {
  local file test state n=0
  while read -r file test; do
    state=ok
    [ ! -e "$results/$file.$test.failed" ] || state='not ok'
    n=$((n + 1))
    printf '%s %d - scripts/%s/%s\n' "$state" "$n" "$file" "${test#test_}"
  done < <(list)
  printf '1..%d\n' "$n"
}
if "$with_server" && [ "${#filters[@]}" -eq 0 ]; then
  mkdir -p -- "$root/target/results"
  { printf 'TAP version 14\n# finished_at: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"; write_results; } >"$results/scripts.tap"
  mv -f -- "$results/scripts.tap" "$root/target/results/scripts.tap"
fi
n_failed=$(find "$results" -name '*.failed' | wc -l)
printf '%d passed, %d failed\n' "$((n_all - n_failed))" "$n_failed"
[ "$n_all" -gt 0 ] || { echo 'run.sh: no test of that name' >&2; exit 64; }
[ "$n_failed" -eq 0 ]

#!/usr/bin/env bash
# Usage: tap.sh FILE PREFIX COMMAND [ARGUMENT...]
#
# Runs `cargo test …` and writes what it says of each test to target/results/FILE.tap, too, in the Test Anything Protocol:
# the acceptance page of the book shows the last results from there. A test is named PREFIX, its binary, "/", its path.
#
# Exit status: that of the command; 64 for wrong usage.

set -uo pipefail
root=$(readlink -f -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
if [ "$#" -lt 3 ]; then
  awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "${BASH_SOURCE[0]}" >&2
  exit 64
fi
file=$root/target/results/$1.tap
prefix=$2
shift 2

said=$(mktemp)
trap 'rm -f -- "$said"' EXIT
"$@" 2>&1 | tee "$said"
status=${PIPESTATUS[0]}

# Cargo names each binary before its tests: Running tests/it/main.rs (target/debug/deps/it-0123abcd)
points() {
  awk -v prefix="$prefix" '
    $1 == "Running" {
      target = $NF; sub(/^.*\//, "", target); sub(/-[0-9a-f]+\)$/, "", target)
      if ($2 == "unittests" && $3 == "src/lib.rs") target = "lib"
    }
    $1 == "Doc-tests" { target = "doc" }
    $1 == "test" && $NF ~ /^(ok|FAILED)$/ && / \.\.\. / {
      name = $0; sub(/^test /, "", name); sub(/ \.\.\. .*$/, "", name); sub(/ - should panic$/, "", name)
      printf "%s %d - %s%s/%s\n", $NF == "ok" ? "ok" : "not ok", ++n, prefix, target, name
    }
    $1 == "test" && / \.\.\. ignored/ {
      name = $0; sub(/^test /, "", name); sub(/ \.\.\. .*$/, "", name)
      printf "ok %d - %s%s/%s # SKIP\n", ++n, prefix, target, name
    }' "$said"
}
# Were all tests run? Each binary was built, was not told which tests to run, and came to its end.
is_whole() {
  awk '
    $1 == "Running" || $1 == "Doc-tests" { begun++ }
    /^test result: / { ended++; if (!/ 0 filtered out/) some = 1 }
    /could not compile/ { some = 1 }
    END { exit !(begun > 0 && begun == ended && !some) }' "$said"
}
mkdir -p -- "${file%/*}"
{
  echo 'TAP version 14'
  echo "# finished_at: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
  points
  if is_whole; then echo "1..$(points | wc -l)"; else echo "Bail out! the command ended with status $status"; fi
} >"$file.part" && mv -f -- "$file.part" "$file"
exit "$status"

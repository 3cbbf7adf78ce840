# shellcheck shell=bash disable=SC2317
# The words in which the tests of the scripts are written. Runs inside the sandbox: prelude.sh FILE FUNCTION

set -uo pipefail

failed=0
out='' status=0

# run COMMAND...: its output, stderr included, into $out, its exit status into $status.
run() {
  status=0
  out=$("$@" 2>&1) || status=$?
}

wrong() {
  failed=1
  printf '%s: %s\n' "${BASH_LINENO[1]}" "$1"
  [ -z "$out" ] || printf '%s\n' "$out" | sed 's/^/    /'
}

exits() { [ "$status" -eq "$1" ] || wrong "exit status $status, not $1"; }
says() { [[ $out == *"$1"* ]] || wrong "does not say: $1"; }
says_not() { [[ $out != *"$1"* ]] || wrong "says: $1"; }
is() { [ "$1" = "$2" ] || wrong "$1 is not $2"; }
exists() { [ -e "$1" ] || wrong "$1 does not exist"; }
exists_not() { [ ! -e "$1" ] || wrong "$1 exists"; }

# What lies in directories: names, modes, targets, contents.
tree() {
  find "$@" -printf '%p %y %m %l\n' 2>/dev/null | LC_ALL=C sort
  find "$@" -type f -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0 -r sha256sum
}

# A data directory as the server makes it, without a server: three spaces with two log files each.
fake_data() {
  local space
  mkdir -p "$ENGRAM_DATA_DIR" "$ENGRAM_BACKUP_DIR"
  for space in default tenant_a tenant_b; do
    mkdir -p "$ENGRAM_DATA_DIR/$space"/{wal,hot,warm,cold}
    printf '\xef\xbe\xad\xde first log of %s' "$space" >"$ENGRAM_DATA_DIR/$space/wal/wal-0000000065000000.log"
    printf '\xef\xbe\xad\xde second log of %s' "$space" >"$ENGRAM_DATA_DIR/$space/wal/wal-0000000065000100.log"
    truncate -s 1M "$ENGRAM_DATA_DIR/$space/warm_tier.dat"
  done
}

# wait_for COMMAND...: until it succeeds; the test fails if that takes too long.
wait_for() {
  local end=$((SECONDS + 15))
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || { wrong "never came true: $*"; return; }
    sleep 0.02
  done
}

# PID PROGRAM: whether the program that was started as PID is PROGRAM by now, and no longer the shell that forked it.
is_program() {
  [ "$(tr '\0' ' ' <"/proc/$1/cmdline" | cut -d ' ' -f 1)" = "$2" ]
}

# A process that looks like a server from outside: fake_server [COMMANDS]
fake_server() {
  rm -f /tmp/fake-server
  (exec -a engram bash -c "${1:-:}; : >/tmp/fake-server; sleep 1000; :" start) &
  wait_for test -e /tmp/fake-server
}

# Something that takes the server's port and never answers.
take_port() {
  nc -lk 127.0.0.1 7432 >/dev/null 2>&1 &
  wait_for is_listening
}

is_listening() {
  grep -q ':1D08 .* 0A ' /proc/net/tcp
}

is_stopped() {
  ! systemctl is-active --quiet engram
}

await() {
  wait_for curl -sf --max-time 2 -o /dev/null http://localhost:7432/health
}

start_engram() {
  systemctl start engram
  await
}

# store SPACE ID: fails if the server does not acknowledge.
store() {
  jq -nc --arg id "$2" --argjson axis "$((RANDOM % 768))" \
    '{id: $id, content: "memory \($id)", confidence: 0.9, embedding: [range(768) | if . == $axis then 1 else 0 end]}' |
    curl -fsS --max-time 10 -o /dev/null -H 'Content-Type: application/json' -H "X-Memory-Space: $1" \
      --data @- http://localhost:7432/api/v1/memories/remember
}

# stored SPACE:ID...: a test fails if one of them is not acknowledged.
stored() {
  local pair
  for pair in "$@"; do
    store "${pair%%:*}" "${pair#*:}" || wrong "$pair was not stored"
  done
}

# The ids of all memories of a space, in one line.
memories() {
  curl -fsS --max-time 10 -H "X-Memory-Space: $1" 'http://localhost:7432/api/v1/memories?tier=all&limit=10000' |
    jq -r '[.memories[].id] | sort | join(" ")'
}

# shellcheck source=/dev/null
source "$1"
"$2"
for job in $(jobs -p); do kill -KILL "$job" 2>/dev/null; done
exit "$failed"

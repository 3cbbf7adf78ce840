# shellcheck shell=bash disable=SC2154,SC2034
# emergency_recovery.sh: each mode, what it refuses, and that a dry run has no effect.
# Many of these tests would fail on the specification's draft; where that is the point, the test says so.

# shellcheck source-path=SCRIPTDIR source=lib_recovery.sh
source "${BASH_SOURCE[0]%/*}/lib_recovery.sh"

# ---- arguments --------------------------------------------------------------------------------------

test_wrong_usage_is_64_and_touches_nothing() {
  whole_data
  before=$(everything)
  local arguments
  # The draft took --dry-run for the id of a space, and an empty id for all of the data directory.
  while read -r -a arguments; do
    recover "${arguments[@]}" --yes
    exits 64
  done <<'CASES'
--dry-run
--no-such-mode
--reset-space
--reset-space --dry-run
--reset-space ../victim
--reset-space UPPER
--reset-space ab
--reset-space tenant_a --space tenant_b
--reset-space tenant_a --restore-latest
--restore-latest --space a/b
--readonly-mode --space tenant_a
--readwrite-mode --space tenant_a
--fix-wal-corruption --wait soon
CASES
  recover --reset-space '' --yes
  exits 64
  recover --fix-wal-corruption --space '' --yes
  exits 64
  is "$(everything)" "$before"
}

test_without_terminal_it_wants_yes() {
  whole_data
  before=$(everything)
  for mode in --sanitize-nan --fix-wal-corruption --rebuild-indices '--reset-space tenant_a' --restore-latest --readonly-mode --readwrite-mode; do
    # shellcheck disable=SC2086
    recover $mode
    exits 64
    says 'give --yes'
  done
  is "$(everything)" "$before"
}

test_a_no_changes_nothing() {
  whole_data
  before=$(everything)
  run script -q -e -c 'emergency_recovery.sh --reset-space tenant_a' /dev/null
  exits 1
  says 'DELETED for good: everything in /var/lib/engram/tenant_a: 3 files'
  says 'Not confirmed. Nothing was changed.'
  is "$(everything)" "$before"
}

test_a_yes_on_the_terminal_is_enough() {
  whole_data
  run script -q -e -c 'emergency_recovery.sh --reset-space tenant_a --no-start' /dev/null < <(sleep 1; echo yes)
  exits 0
  is "$(find "$ENGRAM_DATA_DIR/tenant_a" -type f | wc -l)" 0
}

test_two_runs_exclude_each_other() {
  whole_data
  before=$(everything)
  exec 7<"$ENGRAM_DATA_DIR"
  flock 7
  recover --reset-space tenant_a --yes --no-start
  exits 2
  says 'another recovery works on'
  is "$(everything)" "$before"
  exec 7>&-
  recover --reset-space tenant_a --yes --no-start
  exits 0
}

# Stopped in the middle, it says what it has done, and the server can be started again.
test_an_end_in_the_middle_says_what_was_changed_server() {
  seeded
  mkdir /tmp/bin
  printf '#!/bin/sh\n: >/tmp/in-backup\nexec sleep 3\n' >/tmp/bin/zstd
  chmod +x /tmp/bin/zstd
  PATH=/tmp/bin:$PATH emergency_recovery.sh --reset-space tenant_a --backup-first --yes >/tmp/out 2>&1 &
  wait_for test -e /tmp/in-backup
  kill -TERM $!
  status=0
  wait $! || status=$?
  out=$(cat /tmp/out)
  exits 2
  says 'interrupted'
  says 'the server was stopped'
  start_engram
  is "$(memories tenant_a)" 'one three two'
}

test_it_does_not_depend_on_the_working_directory() {
  whole_data
  mkdir -p /tmp/elsewhere/data/tenant_a/wal
  cd /tmp/elsewhere || return
  recover --reset-space tenant_a --yes --no-start
  exits 0
  exists /tmp/elsewhere/data/tenant_a/wal
  is "$(find "$ENGRAM_DATA_DIR/tenant_a" -type f | wc -l)" 0
}

test_a_file_as_data_directory_is_refused() {
  recover --fix-wal-corruption --yes --data-dir /etc
  exits 2
  recover --fix-wal-corruption --yes --data-dir /var/lib/nothing
  exits 2
  says 'does not exist'
}

# ---- --reset-space ----------------------------------------------------------------------------------

test_reset_deletes_all_of_one_space_and_nothing_else() {
  whole_data
  # The draft left warm_tier.dat and other tiers.
  for tier in hot warm cold indices; do mkdir -p "$ENGRAM_DATA_DIR/tenant_a/$tier/deep"; echo x >"$ENGRAM_DATA_DIR/tenant_a/$tier/deep/file"; done
  others=$(tree "$ENGRAM_DATA_DIR/default" "$ENGRAM_DATA_DIR/tenant_b")
  recover --reset-space tenant_a --yes --no-start
  exits 0
  is "$(find "$ENGRAM_DATA_DIR/tenant_a" ! -type d | wc -l)" 0
  for tier in wal hot warm cold indices; do exists "$ENGRAM_DATA_DIR/tenant_a/$tier"; done
  is "$(tree "$ENGRAM_DATA_DIR/default" "$ENGRAM_DATA_DIR/tenant_b")" "$others"
  grep -q 'tenant_a: 7 files, .* bytes deleted' "$ENGRAM_BACKUP_DIR/recovery.log" || wrong "$(cat "$ENGRAM_BACKUP_DIR/recovery.log")"
}

test_reset_follows_no_links() {
  whole_data
  mkdir /tmp/victim
  echo precious >/tmp/victim/file
  rm -r "$ENGRAM_DATA_DIR/tenant_a/hot" "$ENGRAM_DATA_DIR/tenant_b"
  ln -s /tmp/victim "$ENGRAM_DATA_DIR/tenant_a/hot"
  ln -s /tmp/victim "$ENGRAM_DATA_DIR/tenant_b"
  before=$(tree "$ENGRAM_DATA_DIR" /tmp/victim)
  for space in tenant_a tenant_b; do
    recover --reset-space "$space" --yes --no-start
    exits 2
    says 'links are not followed'
    says 'Nothing was changed'
  done
  recover --reset-space not_there --yes --no-start
  exits 2
  says 'there is no space not_there'
  is "$(tree "$ENGRAM_DATA_DIR" /tmp/victim)" "$before"
}

test_reset_stops_the_server_first_and_verifies_server() {
  seeded
  pid=$(systemctl show engram -p MainPID --value)
  recover --reset-space tenant_a --yes
  exits 0
  says ', 3 memories'
  says 'space tenant_a opens, and holds no memory'
  # The draft deleted under a running server, whose later writes were lost.
  [ "$(systemctl show engram -p MainPID --value)" != "$pid" ] || wrong 'the server was not restarted'
  is "$(memories tenant_a)" ''
  is "$(memories default)$(memories tenant_b)" 'one three twoone three two'
  stored tenant_a:later
  systemctl restart engram
  await
  is "$(memories tenant_a)" later
}

test_reset_refuses_while_a_server_cannot_be_stopped() {
  whole_data
  fake_server 'trap : TERM'
  before=$(tree "$ENGRAM_DATA_DIR")
  mkdir /tmp/bin
  printf '#!/bin/sh\nexit 1\n' >/tmp/bin/systemctl
  chmod +x /tmp/bin/systemctl
  PATH=/tmp/bin:$PATH recover --reset-space tenant_a --yes
  exits 2
  is "$(tree "$ENGRAM_DATA_DIR")" "$before"
}

# ---- --backup-first ---------------------------------------------------------------------------------

test_a_backup_comes_first_server() {
  seeded
  recover --reset-space tenant_a --backup-first --yes
  exits 0
  is "$(memories tenant_a)" ''
  run restore.sh latest --space tenant_a --stop --yes
  exits 0
  start_engram
  is "$(memories tenant_a)" 'one three two'
}

test_a_failed_backup_stops_everything_server() {
  seeded
  mkdir -p "$ENGRAM_BACKUP_DIR"
  # The disk of the backups is full. The draft went on, for it did not look.
  printf '#!/bin/sh\nexit 1\n' >/tmp/zstd
  mkdir /tmp/bin && mv /tmp/zstd /tmp/bin && chmod +x /tmp/bin/zstd
  for mode in --sanitize-nan '--reset-space tenant_a' --readonly-mode --rebuild-indices; do
    # shellcheck disable=SC2086
    PATH=/tmp/bin:$PATH recover $mode --backup-first --yes
    exits 2
    says 'the backup failed, so nothing else was done'
    await
    is "$(memories tenant_a)" 'one three two'
    exists_not "$SWITCHES"
    exists_not "$CONFIG"
  done
}

test_a_backup_that_leaves_something_out_stops_everything() {
  whole_data
  mkfifo "$ENGRAM_DATA_DIR/tenant_a/hot/fifo"
  recover --reset-space tenant_a --backup-first --yes --no-start
  exits 2
  says 'the backup is not complete, so nothing else was done'
  exists "$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000000.log"
}

# ---- --rebuild-indices ------------------------------------------------------------------------------

indices() { curl -s --max-time 5 http://localhost:7432/api/v1/system/health | jq -r '.indices[] | "\(.space):\(.status)"' | sort | paste -sd ' '; }

test_a_damaged_index_is_rebuilt_server() {
  seeded
  systemctl stop engram
  for space in default tenant_a; do flip "$ENGRAM_DATA_DIR/$space/indices/words.idx" 40 '\xff\xff\xff\xff'; done
  start_engram
  memories tenant_a >/dev/null
  [[ $(indices) != *tenant_a:healthy* ]] || wrong "$(indices)"
  recover --rebuild-indices --space tenant_a --yes
  exits 0
  says 'tenant_a healthy 3'
  [[ $(indices) == *tenant_a:healthy* && $(indices) != *default:healthy* ]] || wrong "$(indices)"
  recover --rebuild-indices --yes
  exits 0
  [[ $(indices) == *default:healthy* ]] || wrong "$(indices)"
  recover --rebuild-indices --space not_there --yes
  exits 2
}

# The draft called a 404 a success.
test_a_server_without_rebuild_is_a_failure() {
  whole_data
  printf 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' >/tmp/answer
  (while :; do nc -l -N 127.0.0.1 7432 </tmp/answer >/dev/null; done) 2>/dev/null &
  wait_for is_listening
  recover --rebuild-indices --yes
  exits 2
  says 'this Engram cannot rebuild indices (404)'
  says 'Nothing was changed'
}

test_a_rebuild_needs_a_server() {
  whole_data
  recover --rebuild-indices --yes
  exits 2
  says 'the server does not answer'
}

# ---- --restore-latest -------------------------------------------------------------------------------

test_the_latest_backup_is_put_back_and_not_the_one_of_the_broken_state_server() {
  seeded
  backup_full.sh >/dev/null
  systemctl stop engram
  flip "$(oldest default)" 100
  sleep 1.1
  # The archive that --backup-first makes is the newest one, and holds the damage.
  recover --restore-latest --backup-first --yes
  exits 0
  says 'space default opens: 3 memories'
  await
  is "$(memories default)$(memories tenant_a)" 'one three twoone three two'
  is "$(find "$ENGRAM_BACKUP_DIR" -maxdepth 1 -name 'engram-full-*' | wc -l)" 2
}

test_only_the_wanted_space_is_put_back_server() {
  seeded
  backup_full.sh >/dev/null
  stored default:four tenant_a:four
  recover --restore-latest --space tenant_a --yes
  exits 0
  is "$(memories tenant_a)" 'one three two'
  is "$(memories default)" 'four one three two'
}

test_a_lost_data_directory_is_put_back_server() {
  seeded
  backup_full.sh >/dev/null
  systemctl stop engram
  rm -r "$ENGRAM_DATA_DIR"
  recover --restore-latest --yes
  exits 0
  is "$(memories default)" 'one three two'
}

test_without_a_backup_nothing_is_stopped_server() {
  seeded
  recover --restore-latest --yes
  exits 2
  says 'there is no archive'
  says 'Nothing was changed'
  systemctl is-active --quiet engram || wrong 'the server was stopped'
}

# ---- a dry run --------------------------------------------------------------------------------------

test_no_dry_run_has_an_effect_on_a_running_server_server() {
  seeded
  backup_full.sh >/dev/null
  # A space that is on disk but not loaded: to ask for it would load it.
  systemctl restart engram
  await
  pid=$(systemctl show engram -p MainPID --value)
  before=$(everything)
  for mode in --sanitize-nan --fix-wal-corruption --rebuild-indices '--reset-space tenant_a' --restore-latest --readonly-mode --readwrite-mode; do
    for more in '' --backup-first '--space tenant_a'; do
      [[ $mode$more != *-mode*space* ]] || continue
      # shellcheck disable=SC2086
      recover $mode $more --dry-run
      exits 0
      is "$(everything)" "$before"
    done
  done
  is "$(systemctl show engram -p MainPID --value)" "$pid"
}

test_no_dry_run_has_an_effect_on_a_broken_server_server() {
  seeded
  backup_full.sh >/dev/null
  systemctl stop engram
  flip "$(oldest default)" 100
  mkdir -p /root/.config/engram
  printf '[server]\nhttp_bind = "127.0.0.1"\n' >"$CONFIG"
  before=$(everything)
  for mode in --sanitize-nan --fix-wal-corruption '--reset-space tenant_a' --restore-latest --readonly-mode --readwrite-mode; do
    # shellcheck disable=SC2086
    recover $mode --backup-first --dry-run
    exits 0
    says 'nothing was changed'
    is "$(everything)" "$before"
  done
  recover --fix-wal-corruption --dry-run
  says "in $(oldest default): Checksum verification failed"
}

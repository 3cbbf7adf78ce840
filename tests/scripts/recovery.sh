# shellcheck shell=bash disable=SC2154,SC2034
# emergency_recovery.sh: each mode, what it refuses, and that a dry run has no effect.
# Many of these tests would fail on the specification's draft; where that is the point, the test says so.

CONFIG=/root/.config/engram/config.toml
SWITCHES=/etc/default/engram
# Three whole records of 140 bytes.
WHOLE='776t3gAAAAAAAAAAFc1bBwAAAAABAAAATAAAACrlLR4/JL5VAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAHsiaWQiOiJtMCIsImNvbnRlbnQiOiJjIiwiY29uZmlkZW5jZSI6MSwidGltZXN0YW1wIjoiMjAyNi0wMS0wMVQwMDowMDowMFoifSDvvq3eAQAAAAAAAAAVzVsHAAAAAAEAAABMAAAAEcE0AlEN8noAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAeyJpZCI6Im0xIiwiY29udGVudCI6ImMiLCJjb25maWRlbmNlIjoxLCJ0aW1lc3RhbXAiOiIyMDI2LTAxLTAxVDAwOjAwOjAwWiJ9IO++rd4CAAAAAAAAABXNWwcAAAAAAQAAAEwAAABcrR8m43YmCwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB7ImlkIjoibTIiLCJjb250ZW50IjoiYyIsImNvbmZpZGVuY2UiOjEsInRpbWVzdGFtcCI6IjIwMjYtMDEtMDFUMDA6MDA6MDBaIn0g'

whole_records_file() { base64 -d <<<"$WHOLE" >"$1"; }

# Three spaces of two whole log files each, without a server; engram itself is not there either.
whole_data() {
  local file
  fake_data
  for file in "$ENGRAM_DATA_DIR"/*/wal/*.log; do whole_records_file "$file"; done
}

oldest() { find "$ENGRAM_DATA_DIR/$1/wal" -name 'wal-*.log' -size +0 | LC_ALL=C sort | head -n 1; }
newest() { find "$ENGRAM_DATA_DIR/$1/wal" -name 'wal-*.log' -size +0 | LC_ALL=C sort | tail -n 1; }
flip() { printf '%b' "${3:-\\xff}" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# A running server with two memories a space in an older log file, and one in the newest.
seeded() {
  local space
  start_engram
  for space in default tenant_a tenant_b; do stored "$space:one" "$space:two"; done
  systemctl restart engram
  await
  for space in default tenant_a tenant_b; do stored "$space:three"; done
}

# What a dry run must not touch.
everything() { tree "$ENGRAM_DATA_DIR" "$ENGRAM_BACKUP_DIR" /etc /root; }

recover() { run emergency_recovery.sh "$@"; }

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

# ---- --fix-wal-corruption ---------------------------------------------------------------------------

test_only_damaged_records_are_lost_and_the_file_goes_to_quarantine() {
  whole_data
  file=$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000000.log
  chmod 0640 "$file"
  flip "$file" 206
  sum=$(sha256sum <"$file")
  others=$(tree "$ENGRAM_DATA_DIR/default" "$ENGRAM_DATA_DIR/tenant_b")
  recover --fix-wal-corruption --yes --no-start
  exits 0
  says "Failed to deserialize WAL entry at offset 140 in $file: Checksum verification failed: expected 0234c111, got "
  says '280 of its 420 bytes are whole records'
  is "$(sha256sum <"$file")" "$( (base64 -d <<<"$WHOLE" | head -c 140; base64 -d <<<"$WHOLE" | tail -c 140) | sha256sum)"
  is "$(stat -c %a "$file")" 640
  is "$(sha256sum <"$(find "$ENGRAM_BACKUP_DIR/quarantine" -path '*/tenant_a/wal/wal-0000000065000000.log')")" "$sum"
  is "$(tree "$ENGRAM_DATA_DIR/default" "$ENGRAM_DATA_DIR/tenant_b")" "$others"
  # The draft made an empty directory that became a memory space, or said so at least.
  is "$(find "$ENGRAM_DATA_DIR" -name '*corrupt*' -o -name '.recovering*' | wc -l)" 0
}

test_every_kind_of_damage_is_found() {
  local file=/tmp/x.log at kind
  # shellcheck source=/dev/null
  source /opt/runbook/bin/lib_wal.sh
  for at in 0 3 4 20 24 28 32 40 55 64 139; do
    whole_records_file "$file"
    flip "$file" $((140 + at)) '\xa5'
    is "$(wal_scan "$file" | sed 's/ Ch.*\| Co.*//' | paste -sd ' ')" 'whole 0 140 damaged 140 whole 280 420'
  done
  # The last eight bytes of a header are checked by nobody.
  whole_records_file "$file"
  flip "$file" $((140 + 60)) '\xa5'
  is "$(wal_scan "$file")" 'whole 0 420'
  for at in 1 63 64 139; do
    base64 -d <<<"$WHOLE" | head -c $((280 + at)) >"$file"
    is "$(wal_scan "$file" | paste -sd ' ')" 'whole 0 280 torn 280'
    is "$(wal_damage "$file" true)" ''
    is "$(wal_damage "$file" false)" "Failed to deserialize WAL entry at offset 280 in $file: I/O error: failed to fill whole buffer"
  done
  { base64 -d <<<"$WHOLE"; head -c 500 /dev/zero; } >"$file"
  is "$(wal_scan "$file" | paste -sd ' ')" 'whole 0 420 zeros 420'
  { base64 -d <<<"$WHOLE"; head -c 500 /dev/zero; base64 -d <<<"$WHOLE"; } >"$file"
  is "$(wal_scan "$file" | sed 's/ Co.*//' | paste -sd ' ')" 'whole 0 420 damaged 420 whole 920 1340'
  { base64 -d <<<"$WHOLE" | head -c 176; base64 -d <<<"$WHOLE" | tail -c 140; } >"$file"
  is "$(wal_scan "$file" | sed 's/ Ch.*//' | paste -sd ' ')" 'whole 0 140 damaged 140 whole 176 316'
  echo 'no log at all' >"$file"
  is "$(wal_damage "$file" true)" "Failed to deserialize WAL entry at offset 0 in $file: Corruption detected: Invalid magic number: expected deadbeef, got 6c206f6e"
  : >"$file"
  is "$(wal_scan "$file")" ''
  is "$(wal_damage "$file" true)" ''
}

test_it_says_the_same_as_engram_itself_server() {
  local at mine
  seeded
  systemctl stop engram
  # shellcheck source=/dev/null
  source /opt/runbook/bin/lib_wal.sh
  file=$(oldest tenant_a)
  cp "$file" /tmp/whole.log
  for at in 2 20 28 32 50 64 100 4000; do
    cp /tmp/whole.log "$file"
    flip "$file" "$at" '\xa5'
    run engram validate data --space tenant_a
    mine=$(wal_damage "$file" false)
    [ -n "$mine" ] || wrong "no damage found at $at"
    says "$mine"
  done
}

test_damaged_logs_are_repaired_and_the_server_comes_back_server() {
  seeded
  systemctl stop engram
  flip "$(oldest default)" 100
  flip "$(oldest tenant_b)" 100
  systemctl start engram
  wait_for is_stopped
  recover --fix-wal-corruption --backup-first --yes
  exits 0
  says 'every log file and checkpoint is whole'
  says 'space tenant_a opens: 3 memories'
  says 'space default opens: 2 memories'
  await
  is "$(memories default)$(memories tenant_b)" 'three twothree two'
  is "$(find "$ENGRAM_BACKUP_DIR/quarantine" -name 'wal-*.log' | wc -l)" 2
}

test_only_the_wanted_space_is_repaired_server() {
  seeded
  systemctl stop engram
  flip "$(oldest tenant_a)" 100
  flip "$(oldest tenant_b)" 100
  before=$(tree "$ENGRAM_DATA_DIR/tenant_b")
  recover --fix-wal-corruption --space tenant_a --yes
  exits 0
  is "$(memories tenant_a)" 'three two'
  is "$(tree "$ENGRAM_DATA_DIR/tenant_b")" "$before"
}

test_whole_logs_are_left_alone_server() {
  seeded
  pid=$(systemctl show engram -p MainPID --value)
  recover --fix-wal-corruption --yes
  exits 0
  says 'no log file or checkpoint of 3 space(s) is damaged'
  says 'There is nothing to do'
  is "$(systemctl show engram -p MainPID --value)" "$pid"
}

test_a_log_that_is_a_link_or_a_directory_is_not_followed() {
  whole_data
  mkdir "$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000200.log"
  echo x >"$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000200.log/file"
  recover --fix-wal-corruption --yes --no-start
  exits 0
  exists_not "$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000200.log"
  is "$(find "$ENGRAM_BACKUP_DIR/quarantine" -name file | wc -l)" 1
  echo precious >/tmp/victim
  ln -s /tmp/victim "$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000300.log"
  recover --fix-wal-corruption --yes --no-start
  exits 2
  says 'links are not followed'
  is "$(cat /tmp/victim)" precious
}

# All checksums fit, but what they cover is no memory: nothing of such a file can be kept.
test_a_log_of_something_else_goes_to_quarantine_server() {
  whole_data
  file=$ENGRAM_DATA_DIR/default/wal/wal-0000000065000000.log
  base64 -d <<<'776t3gAAAAAAAAAAFc1bBwAAAAABAAAAFAAAAMh3qwJmkl5ZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAHsiaWQiOiJtMCJ9ICAgICAgICAg' >"$file"
  recover --fix-wal-corruption --yes
  exits 0
  says 'Failed to deserialize WAL episode'
  exists_not "$file"
  is "$(memories default)" 'm0 m1 m2'
}

# A checkpoint consists of the same records; what is whole of it becomes a log file.
test_the_whole_records_of_a_damaged_checkpoint_stay_server() {
  seeded
  curl -fsS --max-time 20 -o /dev/null -X POST http://localhost:7432/api/v1/maintenance/compact || wrong 'not consolidated'
  systemctl restart engram
  await
  stored tenant_a:four
  systemctl stop engram
  file=$(find "$ENGRAM_DATA_DIR/tenant_a/warm" -name 'checkpoint-*.ckp')
  exists "$file"
  before=$(tree "$ENGRAM_DATA_DIR/default" "$ENGRAM_DATA_DIR/tenant_b")
  flip "$file" 100
  sum=$(sha256sum <"$file")
  recover --fix-wal-corruption --dry-run
  exits 0
  says "Failed to deserialize WAL entry at offset 0 in $file: Checksum verification failed"
  says 'it is a checkpoint'
  is "$(sha256sum <"$file")" "$sum"
  # Also without the help of engram itself.
  (
    # shellcheck source=/dev/null
    source /opt/runbook/bin/lib_wal.sh
    checkpoint_damage "$file"
  ) | grep -q "offset 0 in $file: Checksum" || wrong 'not found by the own reader'
  recover --fix-wal-corruption --yes --no-start
  exits 0
  is "$(tree "$ENGRAM_DATA_DIR/default" "$ENGRAM_DATA_DIR/tenant_b")" "$before"
  start_engram
  # One record was damaged, the others are there.
  is "$(memories tenant_a | wc -w)" 3
  [[ $(memories tenant_a) == *four* ]] || wrong "$(memories tenant_a)"
  exists_not "$file"
  is "$(sha256sum <"$(find "$ENGRAM_BACKUP_DIR/quarantine" -name '*.ckp')")" "$sum"
  stored tenant_a:five
  systemctl restart engram
  await
  is "$(memories tenant_a | wc -w)" 4
}

test_a_checkpoint_that_is_cut_off_is_damaged_server() {
  seeded
  curl -fsS --max-time 20 -o /dev/null -X POST http://localhost:7432/api/v1/maintenance/compact || wrong 'not consolidated'
  systemctl stop engram
  file=$(find "$ENGRAM_DATA_DIR/tenant_a/warm" -name 'checkpoint-*.ckp')
  # shellcheck source=/dev/null
  source /opt/runbook/bin/lib_wal.sh
  is "$(checkpoint_damage "$file")" ''
  end=$(wal_scan "$file" | tail -n 1 | cut -d ' ' -f 2)
  truncate -s "$end" "$file"
  run engram validate data
  says "$(checkpoint_damage "$file")"
  says "$file"
  recover --fix-wal-corruption --space tenant_a --yes
  exits 0
  is "$(memories tenant_a | wc -w)" 3
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

# ---- --sanitize-nan ---------------------------------------------------------------------------------

# A number that is finite in JSON, and infinite in 32 bits.
store_infinite() {
  jq -nc --arg id "$2" '{id: $id, content: "bad", confidence: 0.9, embedding: [range(768) | if . == 7 then 1e39 else 0.1 end]}' |
    curl -fsS --max-time 10 -o /dev/null -H 'Content-Type: application/json' -H "X-Memory-Space: $1" \
      --data @- http://localhost:7432/api/v1/memories/remember
}

nulls() {
  curl -s --max-time 10 -H "X-Memory-Space: $1" 'http://localhost:7432/api/v1/memories?tier=all&include_embeddings=true&limit=1000' |
    jq '[.memories[].embedding[]? | select(. == null)] | length'
}

test_infinite_numbers_are_sanitised_for_good_server() {
  local rest
  seeded
  mkdir -p "$(dirname "$CONFIG")"
  # No line end at the end, comments, a table of our own with one of the keys.
  rest='\n[memory_spaces]\ndefault_space = "default"'
  printf '%b' '# mine\n[server]\nhttp_bind = "127.0.0.1" # here\n\n[validation]\nclamp_invalid_values = false  # off\n' "$rest" >"$CONFIG"
  chmod 0640 "$CONFIG"
  systemctl restart engram
  await
  store_infinite tenant_a bad_one
  [ "$(nulls tenant_a)" -gt 0 ] || wrong 'nothing infinite was stored'
  recover --sanitize-nan --dry-run
  exits 0
  # The draft could not find one: JSON has no NaN.
  says 'space tenant_a: 1 memories with NaN or infinity: bad_one'
  recover --sanitize-nan --yes
  exits 0
  says 'space tenant_a: 0 memories with NaN or infinity'
  is "$(nulls tenant_a)" 0
  is "$(memories tenant_a)" 'bad_one one three two'
  # The draft appended a second table, which is no valid TOML.
  is "$(cat "$CONFIG")" "$(printf '%b' '# mine\n[server]\nhttp_bind = "127.0.0.1" # here\n\n[validation]\nclamp_invalid_values = true  # off\n' \
    'check_finite_embeddings = true\ncheck_finite_confidence = true\nreplace_nan_with_zero = true\n' "$rest")"
  is "$(tail -c 1 "$CONFIG")" '"'
  is "$(stat -c %a "$CONFIG")" 640
  recover --sanitize-nan --yes
  exits 0
  says 'There is nothing to do'
  # For good: without the setting they stay as they are.
  rm "$CONFIG"
  systemctl restart engram
  await
  is "$(nulls tenant_a)" 0
}

test_sanitising_makes_the_configuration_if_there_is_none_server() {
  seeded
  store_infinite default bad_one
  recover --sanitize-nan --space default --yes
  exits 0
  is "$(nulls default)" 0
  run engram validate config -f "$CONFIG"
  exits 0
  is "$(grep -c 'validation' "$CONFIG")" 1
}

test_a_configuration_in_another_form_is_left_alone() {
  local text
  whole_data
  mkdir -p "$(dirname "$CONFIG")"
  for text in 'validation.clamp_invalid_values = true' 'validation = { clamp_invalid_values = true }' '["validation"]' \
    '[validation]\nx = 1\n[validation]' 'x = """open'; do
    printf '%b\n' "$text" >"$CONFIG"
    before=$(sha256sum <"$CONFIG")
    recover --sanitize-nan --config "$CONFIG" --yes --no-start
    exits 2
    says 'Nothing was changed'
    is "$(sha256sum <"$CONFIG")" "$before"
  done
  rm "$CONFIG"
  ln -s /tmp/elsewhere "$CONFIG"
  recover --sanitize-nan --config "$CONFIG" --yes --no-start
  exits 2
  says 'links are not followed'
}

test_only_the_table_itself_is_edited() {
  # shellcheck source=/dev/null
  source /opt/runbook/bin/lib_toml.sh
  edited() {
    printf '%b' "$1" >/tmp/x.toml
    is "$(toml_set /tmp/x.toml validation a=true b=true; echo "[$?]")" "$(printf "%b[0]" "$2")"
    # Twice is the same as once.
    toml_set /tmp/x.toml validation a=true b=true >/tmp/y.toml
    toml_set /tmp/y.toml validation a=true b=true | cmp -s - /tmp/y.toml || wrong "not idempotent: $1"
  }
  local added='[validation]\na = true\nb = true\n'
  edited '' "$added"
  edited '[s]\nx = 1\n' "[s]\nx = 1\n\n$added"
  edited '[validation]\nb=false#c\n\n\n[s]\n' '[validation]\nb = true#c\na = true\n\n\n[s]\n'
  edited 's = """\n[validation]\na = false\n"""\n' "s = \"\"\"\n[validation]\na = false\n\"\"\"\n\n$added"
  edited "s = '''\n[validation]\n'''\n" "s = '''\n[validation]\n'''\n\n$added"
  edited 's = [\n[1],\n[validation]\n]\n' "s = [\n[1],\n[validation]\n]\n\n$added"
  edited '[ validation ]\r\na = false\r\n' '[ validation ]\r\na = true\r\nb = true\r\n'
  edited '[x.validation]\na = false\n[validation.sub]\na = false\n' "[x.validation]\na = false\n[validation.sub]\na = false\n\n$added"
}

# ---- --readonly-mode and --readwrite-mode -----------------------------------------------------------

test_read_only_mode_refuses_writes_until_it_is_left_server() {
  local i
  seeded
  mkdir -p /etc/default
  printf '# ours\nENGRAM_READONLY=false\nOTHER="x y"\nexport ENGRAM_READONLY=0' >"$SWITCHES"
  # The draft set a variable in its own shell, and added a line each time.
  for i in 1 2 3; do
    recover --readonly-mode --yes
    exits 0
    is "$(cat "$SWITCHES")" "$(printf '# ours\nENGRAM_READONLY=true\nOTHER="x y"')"
    run store default later
    exits 22
    is "$(memories default)" 'one three two'
    [ "$i" != 2 ] || systemctl restart engram
    await
  done
  recover --readonly-mode --yes
  says 'There is nothing to do'
  recover --readwrite-mode --yes
  exits 0
  is "$(cat "$SWITCHES")" "$(printf '# ours\nOTHER="x y"')"
  stored default:later
  is "$(memories default)" 'later one three two'
  recover --readwrite-mode --yes
  exits 0
  says 'There is nothing to do'
}

# A service manager that knows a service called engram: unit_with ENVIRONMENT-FILES
unit_with() {
  mkdir /tmp/bin
  printf '#!/bin/sh\ncase $* in *FragmentPath*) echo x;; *EnvironmentFiles*) echo "%s";; esac\n' "$1" >/tmp/bin/systemctl
  chmod +x /tmp/bin/systemctl
  PATH=/tmp/bin:$PATH
}

# It must not be said to be in that mode, and the switch does not stay.
test_a_server_that_ignores_the_switch_is_a_failure() {
  whole_data
  printf 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{"status":"healthy"}' >/tmp/answer
  (while :; do nc -l -N 127.0.0.1 7432 </tmp/answer >/dev/null; done) 2>/dev/null &
  wait_for is_listening
  unit_with '/etc/default/engram (ignore_errors=yes)'
  recover --readonly-mode --yes
  exits 2
  says 'does not know ENGRAM_READONLY'
  exists_not "$SWITCHES"
}

test_a_service_that_does_not_read_the_file_is_refused() {
  whole_data
  unit_with ''
  recover --readonly-mode --yes
  exits 2
  says 'the service does not read /etc/default/engram'
  says 'Nothing was changed'
  exists_not "$SWITCHES"
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

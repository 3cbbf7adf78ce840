# shellcheck shell=bash disable=SC2154,SC2034
# emergency_recovery.sh --fix-wal-corruption: which damage it finds, what it saves, and what it leaves alone.

# shellcheck source-path=SCRIPTDIR source=lib_recovery.sh
source "${BASH_SOURCE[0]%/*}/lib_recovery.sh"

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

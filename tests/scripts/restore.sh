# shellcheck shell=bash disable=SC2154,SC2034
# restore.sh: what it puts back, what it leaves alone, and when it does nothing at all.

backed_up() {
  fake_data
  run backup_full.sh
  exits 0
}

both_trees() { tree "$ENGRAM_DATA_DIR" "$ENGRAM_BACKUP_DIR"; }

test_everything_comes_back() {
  backed_up
  rm -r "$ENGRAM_DATA_DIR/tenant_b"
  printf 'damaged' >"$ENGRAM_DATA_DIR/default/wal/wal-0000000065000000.log"
  run restore.sh latest --yes
  exits 0
  says 'restored and verified: default tenant_a tenant_b'
  is "$(cd "$ENGRAM_DATA_DIR" && sha256sum ./*/wal/*.log)" \
    "$(fake_data; cd "$ENGRAM_DATA_DIR" && sha256sum ./*/wal/*.log)"
  # Nothing of the old state is gone.
  is "$(cat "$ENGRAM_BACKUP_DIR"/quarantine/*/default/wal/wal-0000000065000000.log)" damaged
  is "$(find "$ENGRAM_DATA_DIR" -name '.restore*' | wc -l)" 0
}

test_a_lost_data_directory_comes_back() {
  backed_up
  rm -r "$ENGRAM_DATA_DIR"
  run restore.sh latest --yes
  exits 0
  is "$(find "$ENGRAM_DATA_DIR" -name '*.log' | wc -l)" 6
}

test_one_space_leaves_the_others_alone() {
  backed_up
  for space in default tenant_a tenant_b; do echo new >"$ENGRAM_DATA_DIR/$space/wal/wal-0000000065000300.log"; done
  others=$(tree "$ENGRAM_DATA_DIR/default" "$ENGRAM_DATA_DIR/tenant_b")
  run restore.sh latest --space tenant_a --yes
  exits 0
  is "$(tree "$ENGRAM_DATA_DIR/default" "$ENGRAM_DATA_DIR/tenant_b")" "$others"
  exists_not "$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000300.log"
}

test_spaces_that_the_archive_does_not_hold_stay() {
  backed_up
  mkdir -p "$ENGRAM_DATA_DIR/newer/wal"
  run restore.sh latest --yes
  exits 0
  says 'space newer stays as it is'
  exists "$ENGRAM_DATA_DIR/newer/wal"
}

test_a_dry_run_changes_nothing() {
  backed_up
  before=$(both_trees)
  run restore.sh latest --dry-run
  exits 0
  says 'what is there now goes to quarantine'
  says 'nothing was changed'
  run restore.sh latest --space tenant_a --dry-run --yes
  exits 0
  is "$(both_trees)" "$before"
}

test_without_terminal_it_wants_yes() {
  backed_up
  before=$(both_trees)
  run restore.sh latest
  exits 64
  says 'give --yes'
  is "$(both_trees)" "$before"
}

test_a_no_changes_nothing() {
  backed_up
  before=$(both_trees)
  # On a terminal whose user goes away.
  run script -q -e -c 'restore.sh latest' /dev/null
  exits 1
  says 'Not confirmed. Nothing was changed.'
  is "$(both_trees)" "$before"
}

test_a_damaged_archive_changes_nothing() {
  backed_up
  printf '\x5a' | dd of="$(echo "$ENGRAM_BACKUP_DIR"/*.tar.zst)" bs=1 seek=40 conv=notrunc status=none
  before=$(both_trees)
  run restore.sh latest --yes
  exits 2
  says 'nothing was changed'
  is "$(both_trees)" "$before"
}

test_a_space_that_is_a_link_is_refused() {
  backed_up
  mkdir -p /tmp/victim
  echo precious >/tmp/victim/file
  rm -r "$ENGRAM_DATA_DIR/tenant_a"
  ln -s /tmp/victim "$ENGRAM_DATA_DIR/tenant_a"
  before=$(tree "$ENGRAM_DATA_DIR" /tmp/victim)
  run restore.sh latest --yes
  exits 2
  says 'links are not followed'
  is "$(tree "$ENGRAM_DATA_DIR" /tmp/victim)" "$before"
}

test_a_space_that_is_not_in_the_archive_is_refused() {
  backed_up
  before=$(both_trees)
  run restore.sh "$(echo "$ENGRAM_BACKUP_DIR"/*.tar.zst)" --space tenant_x --yes
  exits 2
  says 'does not hold space tenant_x'
  is "$(both_trees)" "$before"
}

test_the_quarantine_never_lies_in_the_data_directory() {
  backed_up
  before=$(both_trees)
  run restore.sh latest --yes --quarantine "$ENGRAM_DATA_DIR/old"
  exits 2
  says 'inside the data directory'
  ENGRAM_BACKUP_DIR=$ENGRAM_DATA_DIR run restore.sh "$(echo "$ENGRAM_BACKUP_DIR"/*.tar.zst)" --yes
  exits 2
  is "$(both_trees)" "$before"
}

test_a_running_server_is_refused() {
  backed_up
  fake_server
  before=$(both_trees)
  run restore.sh latest --yes
  exits 2
  says 'the server runs'
  run restore.sh latest --dry-run
  exits 2
  is "$(both_trees)" "$before"
}

test_a_server_on_another_directory_is_no_hindrance() {
  backed_up
  ENGRAM_DATA_DIR=/var/lib/other fake_server
  run restore.sh latest --yes
  exits 0
}

test_a_held_lock_is_refused() {
  backed_up
  : >"$ENGRAM_DATA_DIR/.lock"
  exec 7<"$ENGRAM_DATA_DIR/.lock"
  flock 7
  run restore.sh latest --yes
  exits 2
  says 'the server runs'
}

test_two_at_once_exclude_each_other() {
  backed_up
  exec 7>>"$ENGRAM_BACKUP_DIR/.lock"
  flock 7
  before=$(tree "$ENGRAM_DATA_DIR")
  run restore.sh latest --yes
  exits 2
  says 'another backup or restore'
  is "$(tree "$ENGRAM_DATA_DIR")" "$before"
}

test_a_full_disk_changes_nothing() {
  fake_data
  head -c 15M /dev/urandom >"$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000200.log"
  mkdir /tmp/backups
  export ENGRAM_BACKUP_DIR=/tmp/backups
  run backup_full.sh
  exits 0
  head -c 40M /dev/zero >/var/tmp/full
  before=$(tree "$ENGRAM_DATA_DIR"/*/)
  run restore.sh latest --yes
  exits 2
  says 'Nothing was changed'
  is "$(tree "$ENGRAM_DATA_DIR"/*/)" "$before"
  is "$(find "$ENGRAM_DATA_DIR" -name '.restore*' | wc -l)" 0
}

test_a_killed_run_can_be_run_again() {
  backed_up
  head -c 3M /dev/urandom >"$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000200.log"
  sleep 1
  run backup_full.sh
  exits 0
  whole=$(cd "$ENGRAM_DATA_DIR" && find . -name '*.log' -exec sha256sum {} + | sort)
  for delay in 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4; do
    echo "what came later, $delay" >"$ENGRAM_DATA_DIR/default/wal/wal-0000000065000999.log"
    restore.sh latest --yes >/dev/null 2>&1 &
    sleep "$delay"
    kill -KILL $! 2>/dev/null
    wait $! 2>/dev/null
    # It is somewhere: still in its place, or in quarantine.
    grep -r -q "what came later, $delay" "$ENGRAM_DATA_DIR" "$ENGRAM_BACKUP_DIR/quarantine" 2>/dev/null || wrong "lost at $delay s"
    # A child of the killed run may hold the lock for a moment.
    sleep 0.3
    run restore.sh latest --yes
    exits 0
    is "$(cd "$ENGRAM_DATA_DIR" && find . -name '*.log' -exec sha256sum {} + | sort)" "$whole"
    is "$(find "$ENGRAM_DATA_DIR" -name '.restore*' | wc -l)" 0
  done
}

test_it_is_logged() {
  backed_up
  run restore.sh latest --yes
  is "$(grep -c 'spaces default tenant_a tenant_b' "$ENGRAM_BACKUP_DIR/restore.log")" 1
  is "$(tail -n 1 "$ENGRAM_BACKUP_DIR/restore.log" | sed 's/.*: //')" 'done'
}

test_dangerous_data_directories_are_refused() {
  backed_up
  run restore.sh latest --yes --data-dir /
  exits 2
  run restore.sh latest --yes --data-dir /tmp/../etc
  exits 2
  says 'no data directory of Engram'
}

test_all_memories_come_back_server() {
  start_engram
  stored default:m1 tenant_a:m2 tenant_b:m3
  systemctl restart engram
  await
  stored default:m4 tenant_a:m5
  run backup_full.sh
  exits 0
  stored default:later
  run restore.sh latest --yes
  exits 2
  systemctl stop engram
  for file in "$ENGRAM_DATA_DIR"/{default,tenant_a}/wal/*.log; do
    printf '\xff\xff' | dd of="$file" bs=1 seek=70 conv=notrunc status=none
  done
  systemctl start engram
  sleep 1
  run diagnose_health.sh
  exits 2
  says 'issues/wal-corruption.html'
  run restore.sh latest --stop --yes
  exits 0
  start_engram
  is "$(memories default)" 'm1 m4'
  is "$(memories tenant_a)" 'm2 m5'
  is "$(memories tenant_b)" 'm3'
  # What was moved away has not become a space.
  is "$(curl -fsS --max-time 5 http://localhost:7432/api/v1/spaces | jq -c '[.spaces[].id] | sort')" '["default","tenant_a","tenant_b"]'
}

test_the_server_cannot_start_on_a_half_restored_directory_server() {
  start_engram
  systemctl stop engram
  exec 7>>"$ENGRAM_DATA_DIR/.lock"
  flock 7
  run timeout 5 engram start
  exits 1
}

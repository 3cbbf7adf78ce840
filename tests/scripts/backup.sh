# shellcheck shell=bash disable=SC2154,SC2034
# backup_full.sh: what is in the archive, and when there is none.

archives() { find "$ENGRAM_BACKUP_DIR" -name '*.tar.zst' | wc -l; }

no_archive() {
  is "$(archives)" 0
  is "$(find "$ENGRAM_BACKUP_DIR" -name '.backup*' | wc -l)" 0
}

test_all_spaces_are_in_the_archive() {
  fake_data
  run backup_full.sh
  exits 0
  archive=$(echo "$ENGRAM_BACKUP_DIR"/*.tar.zst)
  [[ ${archive##*/} =~ ^engram-full-all-[0-9]{8}T[0-9]{6}Z\.tar\.zst$ ]] || wrong "strange name $archive"
  is "$(tar --zstd -tf "$archive" | grep -c '\.log$')" 6
  is "$(tar --zstd -tf "$archive" | grep -c 'warm_tier')" 0
  is "$(tar --zstd -xOf "$archive" manifest.json | jq -c '[.scope, .server_running, (.files | length), [.spaces[].id]]')" \
    '["all",false,6,["default","tenant_a","tenant_b"]]'
  is "$(stat -c %a "$archive")" 600
}

test_one_space_alone() {
  fake_data
  run backup_full.sh --space tenant_a
  exits 0
  archive=$(echo "$ENGRAM_BACKUP_DIR"/engram-full-tenant_a-*.tar.zst)
  is "$(tar --zstd -xOf "$archive" manifest.json | jq -c '[.scope, [.spaces[].id]]')" '["tenant_a",["tenant_a"]]'
  run backup_full.sh --space tenant_x
  exits 2
  says 'there is no space tenant_x'
  run backup_full.sh --space all
  exits 64
}

test_an_empty_data_directory_gives_no_archive() {
  mkdir -p "$ENGRAM_DATA_DIR" "$ENGRAM_BACKUP_DIR"
  run backup_full.sh
  exits 2
  says 'no memory space'
  no_archive
  run backup_full.sh --data-dir /nowhere
  exits 2
  says 'does not exist'
}

test_the_archive_never_lies_in_the_data_directory() {
  fake_data
  before=$(tree "$ENGRAM_DATA_DIR")
  run backup_full.sh --output "$ENGRAM_DATA_DIR/backups"
  exits 2
  says 'inside the data directory'
  is "$(tree "$ENGRAM_DATA_DIR")" "$before"
}

test_symbolic_links_are_not_followed_and_are_said() {
  fake_data
  ln -s /etc/passwd "$ENGRAM_DATA_DIR/tenant_a/wal/link.log"
  ln -s tenant_a "$ENGRAM_DATA_DIR/tenant_c"
  run backup_full.sh
  exits 1
  says 'left out: tenant_a/wal/link.log (symbolic link)'
  says 'left out: tenant_c (symbolic link)'
  run verify_backup.sh latest
  exits 1
  run backup_full.sh --space tenant_c
  exits 2
  says 'symbolic link'
}

test_a_space_that_cannot_be_read_gives_no_archive() {
  fake_data
  chmod 000 "$ENGRAM_DATA_DIR/tenant_a/wal"
  run backup_full.sh
  exits 2
  says "cannot read $ENGRAM_DATA_DIR/tenant_a/wal"
  no_archive
}

test_a_full_disk_gives_no_archive_and_leaves_nothing() {
  fake_data
  head -c 20M /dev/urandom >"$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000200.log"
  head -c 25M /dev/zero >/var/tmp/full
  run backup_full.sh
  exits 2
  says 'are needed'
  no_archive
}

test_two_at_once_exclude_each_other() {
  fake_data
  exec 7>"$ENGRAM_BACKUP_DIR/.lock"
  flock 7
  run backup_full.sh
  exits 2
  says 'another backup or restore'
  no_archive
}

test_two_in_one_second_have_two_names() {
  fake_data
  run backup_full.sh
  run backup_full.sh
  run backup_full.sh
  is "$(archives)" 3
}

test_a_log_that_is_deleted_but_still_written_is_said() {
  fake_data
  # shellcheck disable=SC2016
  fake_server 'exec 5>>"$ENGRAM_DATA_DIR/default/wal/wal-0000000065000900.log"; rm "$ENGRAM_DATA_DIR/default/wal/wal-0000000065000900.log"'
  run backup_full.sh
  exits 1
  says 'log files that it has deleted'
}

test_it_works_from_anywhere_and_through_a_link() {
  fake_data
  mkdir -p '/tmp/a directory'
  ln -s /opt/runbook/bin/backup_full.sh /tmp/nightly
  cd / || return
  run /tmp/nightly --output '/tmp/a directory'
  exits 0
  is "$(find '/tmp/a directory' -name '*.tar.zst' | wc -l)" 1
}

test_without_data_directory_it_asks_and_does_not_guess() {
  fake_data
  mkdir -p /root/engram-data/default/wal /root/data/default/wal
  unset ENGRAM_DATA_DIR
  # The unit of the test host names one, so here is a host without units.
  mkdir -p /tmp/shadow
  printf '#!/bin/sh\nexit 1\n' >/tmp/shadow/systemctl
  chmod +x /tmp/shadow/systemctl
  PATH=/tmp/shadow:$PATH run backup_full.sh
  exits 2
  says 'the data directory is not known'
}

test_a_signal_leaves_nothing_behind() {
  fake_data
  head -c 10M /dev/urandom >"$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000200.log"
  backup_full.sh >/tmp/out 2>&1 &
  sleep 0.15
  kill -TERM $!
  wait $!
  is "$(find "$ENGRAM_BACKUP_DIR" -name '.backup*' | wc -l)" 0
  for archive in "$ENGRAM_BACKUP_DIR"/*.tar.zst; do
    [ ! -e "$archive" ] || { run verify_backup.sh "$archive"; exits 0; }
  done
}


test_memories_are_counted_while_it_runs_server() {
  start_engram
  stored default:m1 default:m2 tenant_a:m3
  run backup_full.sh
  exits 0
  run verify_backup.sh latest
  exits 0
  # A log file, and the index, if the server has saved it already.
  [[ $out =~ 'space default: '[12]' files' ]] || wrong 'not one log file of the space default'
  says '2 memories'
  says 'server running'
}

test_writes_meanwhile_do_no_harm_server() {
  start_engram
  stored tenant_a:first
  (for i in $(seq 300); do store tenant_a "w$i"; done) >/dev/null 2>&1 &
  writer=$!
  sleep 0.3
  before=$(memories tenant_a)
  run backup_full.sh
  exits 0
  kill "$writer"
  wait "$writer" 2>/dev/null
  run restore.sh latest --stop --yes
  exits 0
  start_engram
  after=" $(memories tenant_a) "
  for id in $before; do [[ $after == *" $id "* ]] || wrong "$id was acknowledged before the backup and is not in it"; done
}

test_a_checkpoint_is_in_the_archive_and_comes_back_server() {
  start_engram
  stored default:one tenant_a:two
  is "$(curl -fsS --max-time 10 -X POST http://localhost:7432/api/v1/maintenance/compact | jq .compaction.records)" 2
  stored default:three
  run backup_full.sh
  exits 0
  is "$(tar --zstd -tf "$ENGRAM_BACKUP_DIR"/*.tar.zst | grep -c '/warm/checkpoint-[0-9]*[.]ckp$')" 2
  systemctl stop engram
  rm -rf "$ENGRAM_DATA_DIR/default" "$ENGRAM_DATA_DIR/tenant_a"
  run restore.sh latest --yes
  exits 0
  start_engram
  is "$(memories default)" 'one three'
  is "$(memories tenant_a)" two
}

test_log_files_do_not_go_away_under_it_server() {
  mkdir -p ~/.config/engram
  printf '[consolidation]\ncheck_interval_secs = 1\nidle_threshold_secs = 0\n' >~/.config/engram/config.toml
  start_engram
  stored default:first
  (
    for number in $(seq 300); do
      store default "m$number" || exit
      curl -s --max-time 10 -o /dev/null -X POST http://localhost:7432/api/v1/maintenance/compact
    done
  ) &
  local writer=$! acknowledged
  for _ in 1 2 3 4 5; do
    acknowledged=$(memories default | wc -w)
    run backup_full.sh --space default
    exits 0
    rm -rf /tmp/unpacked && mkdir -p /tmp/unpacked
    tar --zstd -xf "$(find "$ENGRAM_BACKUP_DIR" -name '*.tar.zst' | sort | tail -n 1)" -C /tmp/unpacked
    ENGRAM_DATA_DIR=/tmp/unpacked ENGRAM_PID_PATH=/tmp/second.pid engram start --port 7999 >/tmp/second.log 2>&1 &
    wait_for curl -sf --max-time 2 -o /dev/null http://localhost:7999/health
    is "$(curl -fsS --max-time 10 'http://localhost:7999/api/v1/memories?tier=all&limit=10000' |
      jq --argjson before "$acknowledged" '(.memories | length) >= $before')" true
    kill -KILL $!
    wait $! 2>/dev/null
  done
  kill "$writer" 2>/dev/null
}

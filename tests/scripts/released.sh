# shellcheck shell=bash disable=SC2034,SC2154
# The scripts against a double of the released Engram 0.1.0 (tests/released): what it has not, they say; what it loses, too.

# What a service has in the unit of the real program: colours in the log, because nothing sets NO_COLOR.
start_released() {
  systemctl start engram
  wait_for curl -sf --max-time 2 -o /dev/null http://localhost:7432/health/alive
}

# Once more, so that it has a log that is not empty when it starts: from here on F1 is there.
restart_released() {
  sleep 0.1
  systemctl restart engram
  wait_for curl -sf --max-time 2 -o /dev/null http://localhost:7432/health/alive
}

test_the_double_answers_as_the_contract_says_server() {
  local at=http://localhost:7432
  start_released
  is "$(engram --version)" 'engram 0.1.0'
  is "$(cat /tmp/engram.pid)" "$(pgrep -x engram):7432"
  is "$(curl -s -o /dev/null -w '%{http_code} %{size_download}' $at/nope)" '404 0'
  is "$(curl -s -o /dev/null -w '%{http_code} %{size_download}' $at/api/v1/query)" '405 0'
  is "$(curl -s -o /dev/null -w '%{http_code}' -d '{}' $at/api/v1/spaces)" 415
  is "$(curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d '{"space_id":"abc"}' $at/api/v1/spaces)" 422
  is "$(curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d '{' $at/api/v1/spaces)" 400
  is "$(curl -s $at/api/v1/system/health | jq -c '[.status, (.checks | length), .spaces[0].space, .cluster, has("indices")]')" \
    '["healthy",6,"default",null,false]'
  is "$(curl -s $at/metrics | jq -r .snapshot.schema_version)" 1.1.0
  is "$(curl -s $at/api/v1/memories/none | jq -r .error.code)" MEMORY_NOT_FOUND
  is "$(journalctl -u engram -o cat -n 200 | grep -c $'INFO\x1b')" "$(journalctl -u engram -o cat -n 200 | grep -c ' INFO')"
  run engram start --http-port 7432
  exits 2
  run engram rebuild-indices
  exits 2
  run engram validate config
  exits 1
  says 'Configuration file not found'
}

test_the_double_loses_what_came_after_a_restart_server() {
  start_released
  stored default:before
  restart_released
  stored default:after
  is "$(memories default)" 'after before'
  restart_released
  is "$(memories default)" before
}

test_the_double_refuses_a_torn_log_server() {
  local file
  start_released
  stored default:one default:two
  systemctl stop engram
  file=$(find "$ENGRAM_DATA_DIR/default/wal" -name '*.log' | head -n 1)
  truncate -s -10 "$file"
  run env NO_COLOR=1 engram start
  exits 1
  says "Error: Failed to initialise memory store for space 'default'"
  says 'failed to fill whole buffer'
}

test_the_double_takes_the_next_port_server() {
  take_port
  systemctl start engram
  wait_for curl -sf --max-time 2 -o /dev/null http://localhost:7433/health/alive
  is "$(cut -d : -f 2 /tmp/engram.pid)" 7433
  run journalctl -u engram --no-pager
  says '  Port 7432 occupied, using port 7433 instead'
}

test_the_double_is_unwell_when_polled_server() {
  local n bad=0
  start_released
  for n in $(seq 30); do
    [ "$(curl -s -o /dev/null -w '%{http_code}' http://localhost:7432/health/spreading)" = 200 ] || bad=$((bad + 1))
  done
  [ "$bad" -gt 0 ] || wrong '30 requests at once were all answered with 200'
  is "$(curl -s http://localhost:7432/api/v1/system/health | jq -r .status)" degraded
}

test_diagnose_is_well_with_a_well_server() {
  start_released
  stored default:one tenant_a:two
  run diagnose_health.sh
  exits 0
  complete
  says '10 checks: 10 ok'
}

test_diagnose_names_f1_server() {
  start_released
  stored default:one
  restart_released
  run diagnose_health.sh
  exits 2
  complete
  says 'the server writes to a log file that is deleted'
  says 'known-behaviour.html#f1'
}

test_diagnose_and_analysis_name_a_full_disk_server() {
  start_released
  fallocate -l 1G "$ENGRAM_DATA_DIR/../ballast" 2>/dev/null || dd if=/dev/zero of="$ENGRAM_DATA_DIR/../ballast" bs=1M status=none 2>/dev/null
  # Told 201, and lost: F2.
  stored default:one
  sleep 0.2
  run analyze_logs.sh --json
  exits 2
  is "$(jq -r "[.families[] | select(.count > 0) | .family] | join(\" \")" <<<"$out")" 7
  run diagnose_health.sh
  exits 2
  complete
  says 'issues/wal-lag.html#disk-full'
}

test_debug_bundle_is_whole_server() {
  start_released
  stored default:one
  run collect_debug_info.sh --output /tmp
  says 'debug bundle: /tmp/engram-debug-'
  says_not 'storage/validation.txt'
  run sh -c 'tar -xOzf /tmp/engram-debug-*.tar.gz --wildcards "*/server/system_health.json" | jq -r .status'
  says healthy
  run sh -c 'tar -xOzf /tmp/engram-debug-*.tar.gz --wildcards "*/logs/engram.log"'
  says 'Engram server started successfully'
}

test_analysis_of_a_healthy_log_finds_nothing_server() {
  start_released
  stored default:one
  run analyze_logs.sh
  exits 0
}

test_analysis_sorts_the_lines_of_the_released_program_server() {
  take_port
  systemctl start engram
  wait_for curl -sf --max-time 2 -o /dev/null http://localhost:7433/health/alive
  systemctl stop engram
  chmod 000 "$ENGRAM_DATA_DIR"
  systemctl start engram
  wait_for is_stopped
  chmod 755 "$ENGRAM_DATA_DIR"
  run analyze_logs.sh
  says 'Failed to prepare persistence directory'
  says 'occupied'
}

test_recovery_refuses_what_the_server_has_not_server() {
  local mode before
  start_released
  stored default:one
  restart_released
  before=$(pgrep -x engram)
  for mode in --rebuild-indices --readonly-mode; do
    run emergency_recovery.sh "$mode" --yes
    exits 2
    says 'Nothing was changed'
  done
  run emergency_recovery.sh --sanitize-nan --dry-run
  says '0.1.0 ignores it'
  # A restart would have lost memories.
  is "$(pgrep -x engram)" "$before"
}

test_backup_and_restore_fit_its_directories_server() {
  start_released
  stored default:one tenant_a:two
  run backup_full.sh
  exits 0
  run verify_backup.sh latest
  exits 0
  says 'space tenant_a: 1 files'
  rm -rf "${ENGRAM_DATA_DIR:?}/tenant_a"
  run restore.sh latest --stop --yes
  exits 0
  start_released
  is "$(memories tenant_a)" two
}

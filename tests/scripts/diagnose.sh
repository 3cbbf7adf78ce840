# shellcheck shell=bash disable=SC2154,SC2034
# diagnose_health.sh: ten checks, whatever state the server is in.

# shellcheck source-path=SCRIPTDIR source=lib_diagnose.sh
source "${BASH_SOURCE[0]%/*}/lib_diagnose.sh"

test_a_server_that_is_down_gets_all_ten_checks() {
  run diagnose_health.sh
  exits 2
  complete
  says 'no Engram server is running'
  says 'systemctl start engram'
}

test_the_report_file_is_what_is_printed_and_is_replaced() {
  fake_data
  echo 'an old report' >/tmp/report
  run diagnose_health.sh -o /tmp/report
  exits 2
  is "$(cat /tmp/report)" "$out"
  run diagnose_health.sh /tmp/report
  is "$(grep -c '^\[ 1/10\]' /tmp/report)" 1
  is "$(find /tmp -name 'report.*' | wc -l)" 0
}

test_nothing_is_doubled_in_a_pipe() {
  is "$(diagnose_health.sh 2>&1 | grep -c '^\[ 1/10\]')" 1
}

test_odd_report_files_are_usage_errors() {
  run diagnose_health.sh -o /dev/stdout
  exits 64
  run diagnose_health.sh -o /no/such/directory/report
  exits 64
  run diagnose_health.sh a b
  exits 64
  run diagnose_health.sh --minutes soon
  exits 64
}

test_json_is_json() {
  mkdir -p "$ENGRAM_DATA_DIR"
  status=0
  diagnose_health.sh --json >/tmp/report.json || status=$?
  exits 2
  is "$(jq -c '[(.checks | length), ([.checks[].number] | add), .status, .exit_status]' /tmp/report.json)" '[10,55,"critical",2]'
  is "$(jq -c '[.checks[].findings[] | select((.status == "critical" or .status == "warning") and (.action == "" or .page == ""))]' /tmp/report.json)" '[]'
}

test_a_server_that_hangs_takes_seconds() {
  fake_data
  take_port
  SECONDS=0
  run diagnose_health.sh
  exits 2
  complete
  says 'no answer in time'
  [ "$SECONDS" -lt 20 ] || wrong "took $SECONDS s"
}

test_two_servers_are_a_critical_finding() {
  fake_data
  fake_server
  fake_server
  run diagnose_health.sh
  exits 2
  complete
  says '2 servers run'
  is "$(grep -c 'descriptors are open' <<<"$out")" 2
}

test_other_engram_commands_are_no_servers() {
  (exec -a engram bash -c 'sleep 1000; :' status) &
  wait_for is_program $! engram
  (exec -a grep bash -c 'sleep 1000; :' engram start) &
  wait_for is_program $! grep
  run diagnose_health.sh
  says 'no Engram server is running'
}

has_zombie() {
  [[ -n $(ps -eo stat= | awk '/^Z/') ]]
}

test_a_zombie_is_critical() {
  # Only a parent that is no shell any more leaves its child unreaped, so the child outlives the exec.
  cp "$(command -v bash)" /tmp/engram
  bash -c '/tmp/engram -c "until grep -qx sleep /proc/\$PPID/comm; do :; done" start & exec sleep 1000' &
  wait_for has_zombie
  run diagnose_health.sh
  exits 2
  complete
  says 'is a zombie'
}

test_a_stopped_server_is_critical() {
  fake_data
  fake_server
  kill -STOP $!
  run diagnose_health.sh
  says 'is stopped by a signal'
  says 'kill -CONT'
}

test_descriptors_are_compared_with_the_limit_of_the_server() {
  fake_data
  # shellcheck disable=SC2016
  fake_server 'ulimit -n 32; for i in {3..29}; do eval "exec $i</dev/null"; done'
  ulimit -n 1000
  run diagnose_health.sh
  exits 2
  says 'of 32 descriptors are open'
  says 'LimitNOFILE'
}

test_a_wrong_pid_file_is_said() {
  fake_data
  fake_server
  echo '99999:7432' >/tmp/engram.pid
  run diagnose_health.sh
  says 'names 99999, which is not the server'
}

test_the_data_directory_of_a_running_server_is_found() {
  fake_data
  fake_server
  unset ENGRAM_DATA_DIR
  cd / || return
  run diagnose_health.sh
  says 'the file system of /var/lib/engram is'
}

test_a_full_disk_is_critical() {
  fake_data
  head -c 61M /dev/zero >/var/tmp/full
  run diagnose_health.sh
  exits 2
  complete
  says '% full'
  says 'issues/wal-lag.html#disk-full'
}

test_an_unreadable_data_directory_is_critical_when_the_server_is_down() {
  fake_data
  chmod 000 "$ENGRAM_DATA_DIR"
  run diagnose_health.sh
  exits 2
  complete
  says 'Permission denied'
  says 'issues/wont-start.html#permission-denied'
}

test_an_unreadable_space_is_named() {
  fake_data
  chmod 000 "$ENGRAM_DATA_DIR/tenant_a"
  run diagnose_health.sh
  complete
  says 'space tenant_a cannot be read'
  says 'issues/space-isolation.html#directory-permissions'
}

test_a_stray_directory_is_said() {
  fake_data
  mkdir "$ENGRAM_DATA_DIR/corrupt"
  run diagnose_health.sh
  says '/corrupt has no wal directory'
}

test_a_file_that_is_no_log_is_critical() {
  fake_data
  echo garbage >"$ENGRAM_DATA_DIR/tenant_a/wal/wal-0000000065000000.log"
  run diagnose_health.sh
  says 'does not begin with a log record'
  says 'issues/wal-corruption.html#corrupt-wal-file'
}

test_a_deleted_log_that_is_still_written_is_critical() {
  fake_data
  # What Engram 0.1.0 does at every start.
  # shellcheck disable=SC2016
  fake_server 'exec 5>>"$ENGRAM_DATA_DIR/default/wal/wal-0000000065000900.log"; rm "$ENGRAM_DATA_DIR/default/wal/wal-0000000065000900.log"'
  run diagnose_health.sh
  exits 2
  says 'lost at the next restart'
  says 'known-behaviour.html#f1'
}

test_many_log_files_are_a_warning() {
  fake_data
  for i in $(seq 1000 1101); do : >"$ENGRAM_DATA_DIR/tenant_a/wal/wal-000000006500$i.log"; done
  run diagnose_health.sh
  says 'space tenant_a has 104 write-ahead log files'
}

test_errors_are_counted_by_level_with_colours_and_without() {
  fake_data
  now=$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)
  {
    printf '%s  INFO engram_core::store: WAL recovery completed corruption_rate=0.0\n' "$now"
    printf '\e[2m%s\e[0m \e[31mERROR\e[0m \e[2mengram_core::storage::wal\e[0m: WAL batch write failed: I/O error: No space left on device (os error 28)\n' "$now"
    printf '%s ERROR engram: something else went wrong\n' "$now"
    printf '%s ERROR engram: something else went wrong\n' "$now"
    printf '%s  WARN engram: an ERROR that is only a word here\n' "$now"
    printf '2020-01-01T00:00:00.000000Z ERROR engram: long ago\nError: also long ago\n'
  } >/tmp/log
  run diagnose_health.sh --log /tmp/log
  exits 2
  says '1 × ERROR engram_core::storage::wal: WAL batch write failed'
  says '2 × ERROR engram: something else went wrong'
  is "$(grep -c '^\[ 8/10\]' <<<"$out")" 2
}

test_a_healthy_log_is_healthy() {
  fake_data
  printf '%s  INFO engram_core::store: WAL recovery completed corruption_rate=0.0 failed=0\n' "$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)" >/tmp/log
  run diagnose_health.sh --log /tmp/log
  is "$(grep '^\[ 8/10\]' <<<"$out" | grep -c ' ok ')" 1
}

test_each_known_error_leads_to_its_page() {
  fake_data
  local line page
  while IFS='|' read -r line page; do
    printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)" "$line" >/tmp/log
    run diagnose_health.sh --log /tmp/log
    is "$(grep -A 2 '^\[ 8/10\]' <<<"$out" | sed -n 's,.*page: https://runbook.engram.example.com/,,p')" "$page"
  done <<'LINES'
ERROR engram: Failed to deserialize WAL entry at offset 64 in /d/default/wal/wal-1.log: Checksum verification failed: expected 1, got 2|issues/wal-corruption.html#corrupt-wal-file
 WARN engram_core::wal: Corrupted payload in /d/default/wal/wal-1.log|issues/wal-corruption.html#corrupt-wal-file
ERROR engram: Failed to bind to address 127.0.0.1:7432|issues/wont-start.html#port-conflict
ERROR engram: Failed to initialise memory store for space 'tenant_a'|issues/space-isolation.html#diagnosis
ERROR axum::serve::listener: accept error: Too many open files (os error 24)|issues/high-memory.html#too-many-open-files
ERROR engram: Index corrupted or unavailable|issues/index-corruption.html#rebuild
ERROR engram: nobody knows|common-issues.html#errors
LINES
}

test_no_log_is_not_no_error() {
  fake_data
  run diagnose_health.sh --log /nowhere
  is "$(grep '^\[ 8/10\]' <<<"$out" | grep -c ' unknown ')" 1
}

test_json_metrics_are_no_metrics() {
  fake_data
  answer_with application/json '{"status":"healthy","snapshot":{}}'
  run diagnose_health.sh
  says 'no engram_ family in Prometheus text'
}

test_failed_recoveries_and_lost_spaces_are_read_from_the_metrics() {
  fake_data
  answer_with text/plain '# TYPE engram_wal_recovery_failures_total counter
engram_wal_recovery_failures_total{memory_space="tenant_a"} 2
# TYPE engram_space_unavailable gauge
engram_space_unavailable{memory_space="default"} 0
engram_space_unavailable{memory_space="tenant_a"} 1
'
  run diagnose_health.sh
  exits 2
  says '2 recoveries from the write-ahead log have failed'
  says '1 spaces cannot be opened: tenant_a'
}

test_the_server_is_asked_twice_and_not_faster_than_once_a_second() {
  fake_data
  answer_with text/plain 'x'
  mkdir /tmp/bin
  # shellcheck disable=SC2016
  printf '#!/bin/bash\ncase "$*" in *:7432/*) date +%%s%%N >>/tmp/requests ;; esac\nexec /usr/bin/curl "$@"\n' >/tmp/bin/curl
  chmod +x /tmp/bin/curl
  PATH=/tmp/bin:$PATH run diagnose_health.sh
  is "$(wc -l </tmp/requests)" 2
  [ "$(awk 'NR == 1 { a = $1 } NR == 2 { print int(($1 - a) / 1000000) }' /tmp/requests)" -ge 1000 ] || wrong 'too fast'
}

test_a_missing_tool_is_named() {
  mkdir /tmp/few
  for tool in bash awk ps dirname readlink; do ln -s "$(command -v $tool)" /tmp/few/; done
  PATH=/tmp/few run /opt/runbook/bin/diagnose_health.sh
  exits 2
  says 'curl is not installed'
}

test_closed_grpc_is_a_warning_with_its_cause() {
  fake_data
  fake_server
  answer_with text/plain 'x'
  run diagnose_health.sh
  is "$(grep '^\[ 3/10\]' <<<"$out" | grep -c ' WARNING ')" 1
  says 'nothing listens on port 50051'
  run diagnose_health.sh --grpc-port 50052
  says 'nothing listens on port 50052'
  mkdir -p ~/.config/engram
  printf '[grpc] # nobody\nenabled = false # needs it\naddress = "0.0.0.0:50053"\n' >~/.config/engram/config.toml
  run diagnose_health.sh
  says 'gRPC is switched off: [grpc] enabled = false'
  printf '[grpc]\naddress = "0.0.0.0:50053"\n' >~/.config/engram/config.toml
  run diagnose_health.sh
  says 'nothing listens on port 50053'
  # Somebody who expects it knows better than the file.
  printf '[grpc]\nenabled = false\n' >~/.config/engram/config.toml
  run diagnose_health.sh --grpc-port 50051
  says 'nothing listens on port 50051'
}

test_a_port_that_is_not_grpc_is_a_warning() {
  fake_data
  answer_with text/plain 'x'
  nc -lk 127.0.0.1 50051 >/dev/null 2>&1 &
  wait_for nc -z 127.0.0.1 50051
  run diagnose_health.sh
  says 'does not speak HTTP/2'
  fake_server
  run diagnose_health.sh
  says "gRPC's port 50051 belongs to another program: nc"
}

# metrics_say LINE...: the server on port 7432 answers with these metrics.
metrics_say() {
  fake_data
  answer_with text/plain "# TYPE engram_spaces gauge
$(printf '%s\n' "$@")
"
  run diagnose_health.sh
  complete
}

test_wal_lag_is_a_warning_from_ten_seconds_on() {
  metrics_say 'engram_wal_lag_seconds{memory_space="default"} 9.9' 'engram_wal_lag_seconds{memory_space="tenant_a"} 15.3'
  says 'space tenant_a is 15 s behind with its consolidation'
  says_not 'space default is'
}

test_why_consolidation_does_not_run_is_said() {
  local lag='engram_wal_lag_seconds{memory_space="default"} 40'
  metrics_say "$lag" 'engram_consolidation_enabled 0'
  says 'consolidation is switched off'
  says 'space default is 40 s behind'
  kill %1
  metrics_say "$lag" 'engram_consolidation_enabled 1' 'engram_consolidation_waits_for_lock 1'
  says 'waits for a lock'
  kill %2
  metrics_say 'engram_consolidation_enabled 1' "engram_consolidation_last_success_timestamp_seconds $(($(date +%s) - 500))" \
    'engram_consolidation_check_interval_seconds 60'
  says 'no consolidation has ended well for 50'
  kill %3
  metrics_say "$lag" 'engram_consolidation_enabled 1' "engram_consolidation_last_success_timestamp_seconds $(date +%s)" \
    'engram_consolidation_failures_total{reason="memory"} 1' 'engram_consolidation_failures_total{reason="timeout"} 3'
  says 'which has failed 3 times: timeout'
}

test_unusable_indices_and_values_that_are_no_numbers_are_warnings() {
  metrics_say 'engram_index_fallback_active{memory_space="default"} 0' 'engram_index_fallback_active{memory_space="tenant_a"} 1' \
    'engram_nonfinite_embeddings{memory_space="tenant_b"} 2'
  says 'the index of space tenant_a cannot be used'
  says_not 'the index of space default'
  says '2 stored embeddings of space tenant_b hold values that are no numbers'
  is "$(grep -c '^\[ 4/10\].* WARNING' <<<"$out")" 2
}

test_events_that_nobody_reads_are_a_warning() {
  metrics_say 'engram_stream_queue_bytes{memory_space="default"} 104857600'
  says_not 'MB are events'
  kill %1
  fake_server
  metrics_say 'engram_stream_queue_bytes{memory_space="default"} 104857600'
  says '100 MB are events'
}

test_the_limit_of_memory_is_that_of_the_server() {
  fake_data
  # shellcheck disable=SC2016
  fake_server 'ulimit -d 60000; x=$(head -c 30000000 /dev/zero | tr "\0" x)'
  run diagnose_health.sh
  says 'MB that its limit of data (LimitDATA) allows'
  says 'LimitDATA'
}

# A server whose operations take 10 s each: the third page tells, not the first two.
test_the_latency_is_that_of_the_last_second() {
  fake_data
  local bucket='engram_memory_operation_duration_seconds_bucket{operation="recall",le='
  mkdir /tmp/bin
  # shellcheck disable=SC2016
  printf '#!/bin/bash\nfor a; do [ "$b" != --output ] || file=$a; b=$a; done\ncase "$*" in */metrics/*) n=$(cat /tmp/n 2>/dev/null || echo 0); cp /tmp/page$n "$file"; echo 1 >/tmp/n ;; *) echo {} >"$file" ;; esac\necho "200 0.01"\n' >/tmp/bin/curl
  chmod +x /tmp/bin/curl
  printf '%s"0.1"} 90\n%s"10"} 100\n%s"+Inf"} 100\n' "$bucket" "$bucket" "$bucket" >/tmp/page0
  printf '%s"0.1"} 180\n%s"10"} 200\n%s"+Inf"} 200\n' "$bucket" "$bucket" "$bucket" >/tmp/page1
  PATH=/tmp/bin:$PATH run diagnose_health.sh
  says 'recall took up to 10 s in the last second (100 of them)'
  # Slow once, and fast now.
  rm /tmp/n
  printf '%s"0.1"} 200\n%s"10"} 210\n%s"+Inf"} 210\n' "$bucket" "$bucket" "$bucket" >/tmp/page0
  printf '%s"0.1"} 300\n%s"10"} 310\n%s"+Inf"} 310\n' "$bucket" "$bucket" "$bucket" >/tmp/page1
  PATH=/tmp/bin:$PATH run diagnose_health.sh
  says 'recall took at most 0.1 s in the last second (100 of them)'
}

# shellcheck shell=bash disable=SC2154,SC2034
# analyze_slow_queries.sh: percentiles from a histogram, durations from a log, and what they mean.

slow() {
  run analyze_slow_queries.sh --log /dev/null "$@"
}

# The operation's row of the table.
row() {
  grep -E "^$1 " <<<"$out" | tr -s ' '
}

# A server on port 7432 whose metrics are in the file /tmp/metrics.
serve_metrics() {
  { printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n'; cat /tmp/metrics; } >/tmp/answer
  (while :; do nc -l -N 127.0.0.1 7432 </tmp/answer >/dev/null; done) 2>/dev/null &
  wait_for is_listening
}

# One operation's histogram: histogram OPERATION COUNT... for the bounds 0.05, 0.1, 0.25, 1 and +Inf.
histogram() {
  local operation=$1 bound
  shift
  for bound in 0.05 0.1 0.25 1 +Inf; do
    printf 'engram_memory_operation_duration_seconds_bucket{operation="%s",le="%s"} %d\n' "$operation" "$bound" "$1"
    shift
  done
  printf 'engram_memory_operation_duration_seconds_sum{operation="%s"} 7.5\n' "$operation"
}

# The histograms of a server: fake_metrics, histograms on standard input.
fake_metrics() {
  { printf '# TYPE engram_memory_operation_duration_seconds histogram\n'; cat; } >/tmp/metrics
  serve_metrics
}

fast() { histogram "$1" 100 100 100 100 100; }
sluggish() { histogram "$1" 10 20 30 100 100; }

test_usage_errors() {
  local arguments
  for arguments in 0 0.0 -- soon '100 yesterday' '100 1h 2h' '100 0h' '--window 0' '--url localhost' '--prometheus here' \
    '--prometheus http://localhost:9090 100 window'; do
    # shellcheck disable=SC2086
    run analyze_slow_queries.sh $arguments
    exits 64
  done
}

test_no_server_cannot_be_said() {
  slow 100 1h
  exits 2
  says 'N/A: http://localhost:7432/metrics/prometheus does not answer'
  says 'page: https://'
  run analyze_slow_queries.sh --prometheus http://localhost:9090
  exits 2
  says 'N/A: http://localhost:9090 does not answer'
}

test_a_server_without_the_metric_cannot_be_said() {
  printf '# TYPE engram_spreading_activations_total counter\nengram_spreading_activations_total 3\n' >/tmp/metrics
  serve_metrics
  slow
  exits 2
  says 'engram 0.1.0 does not'
  says 'known-behaviour.html#f7'
  says 'benchmark_deployment.sh'
}

test_no_operation_yet_is_not_slow() {
  fake_metrics </dev/null
  slow
  exits 0
  says 'No operation has ended in this time.'
}

test_percentiles_are_those_of_prometheus() {
  histogram recall 50 90 99 100 100 | fake_metrics
  slow
  exits 1
  is "$(row recall)" 'recall 100 75.00 50.00 183.33 250.00 10.00 % SLOW'
  slow 250
  exits 0
  is "$(row recall)" 'recall 100 75.00 50.00 183.33 250.00 1.00 %'
}

test_what_is_over_the_last_bound_is_not_invented() {
  histogram recall 0 0 0 0 10 | fake_metrics
  slow
  exits 1
  is "$(row recall)" 'recall 10 750.00 >1000 >1000 >1000 100.00 % SLOW'
  run analyze_slow_queries.sh --log /dev/null --json
  is "$(jq -c '.operations[0] | [.p99_ms, .slow]' <<<"$out")" '[">1000",true]'
}

test_other_labels_are_added_up() {
  { histogram recall 10 10 10 10 10; histogram recall 10 10 10 10 10 | sed 's/{/{memory_space="tenant_a",/'; } | fake_metrics
  slow
  is "$(row recall | cut -d ' ' -f 2)" 20
}

test_only_storing_is_slow() {
  { sluggish remember; fast recall; fast get; } | fake_metrics
  slow
  exits 1
  says 'only storing is slow: each write waits for the disk'
  says 'io.txt'
}

test_only_finding_is_slow() {
  { sluggish recall; fast remember; fast get; } | fake_metrics
  slow
  exits 1
  says 'only finding by words is slow: an index is missing'
}

test_only_reading_is_slow() {
  { sluggish get; sluggish recall; fast remember; } | fake_metrics
  slow
  exits 1
  says 'only reading is slow: memories come from a file'
}

test_everything_is_slow() {
  { sluggish get; sluggish recall; sluggish remember; sluggish create_space; } | fake_metrics
  slow
  exits 1
  says 'storing and reading are slow: the whole server is'
  says 'another operation is slow'
  is "$(grep -c '^ *page: https://' <<<"$out")" "$(grep -c '^SLOW ' <<<"$out")"
}

test_the_log_tells_durations() {
  fast recall | fake_metrics
  printf '%s\n' \
    $'\x1b[2m2026-11-25T10:00:00.1Z\x1b[0m \x1b[33m WARN\x1b[0m engram_core::storage::wal: WAL batch write took 512ms, target <10ms' \
    '2026-11-25T10:00:01.1Z  WARN engram_core::storage::wal: WAL batch write took 12ms, target <10ms' \
    '2026-11-25T10:00:02.1Z  INFO engram_core::store: WAL recovery completed space=a corrupted=0 duration_ms=4000' \
    '2026-11-25T10:00:03.1Z  INFO engram_core::metrics: streaming metrics snapshot {"took 900ms":1}' \
    '2026-11-25T10:00:04.1Z  INFO engram_cli::api: Processing remember request for memory m' >/tmp/log
  run analyze_slow_queries.sh --log /tmp/log
  exits 1
  says '2 lines, 1 over 100 ms, slowest 512.0 ms  WARN  WAL batch write took Nms'
  says 'the log tells of slow writes to the write-ahead log'
  says_not snapshot
  status=0
  out=$(grep recovery /tmp/log | analyze_slow_queries.sh --log - 2>&1) || status=$?
  exits 0
  says '1 lines, 1 over 100 ms, slowest 4000.0 ms'
  # Nobody's clock says 2026-11-25 in the year 2000 or earlier; the lines are as old as they say.
  printf '2000-01-01T10:00:00.1Z  WARN x: WAL batch write took 512ms, target <10ms\n' >/tmp/log
  run analyze_slow_queries.sh --log /tmp/log 100 1h
  exits 0
  says 'no line tells a duration'
}

test_a_log_that_cannot_be_read_is_told() {
  fast recall | fake_metrics
  run analyze_slow_queries.sh --log /no/such/log
  exits 0
  says 'N/A: /no/such/log cannot be read'
}

test_prometheus_answers() {
  local body='{"status":"success","data":{"resultType":"vector","result":['
  body+='{"metric":{"operation":"recall","le":"0.1"},"value":[1,"98.5"]},{"metric":{"operation":"recall","le":"0.5"},"value":[1,"99"]},'
  body+='{"metric":{"operation":"recall","le":"+Inf"},"value":[1,"100"]},{"metric":{"operation":"get","le":"+Inf"},"value":[1,"NaN"]}]}}'
  printf '%s' "$body" >/tmp/metrics
  serve_metrics
  slow --prometheus http://localhost:7432 100 1h
  exits 1
  says 'http://localhost:7432, the last 1h'
  [[ $(row recall) == 'recall 100 '*' 500.00 1.50 % SLOW' ]] || wrong "$(row recall)"
}

test_a_query_that_prometheus_refuses_is_told() {
  printf '{"status":"error","errorType":"bad_data","error":"invalid parameter"}' >/tmp/metrics
  serve_metrics
  slow --prometheus http://localhost:7432
  exits 2
  says 'refuses the query: invalid parameter'
}

test_a_healthy_server_server() {
  local i
  start_engram
  for i in 1 2 3 4 5; do stored "default:m$i"; done
  curl -fsS -o /dev/null 'http://localhost:7432/api/v1/memories/recall?query=memory'
  run analyze_slow_queries.sh 2000 1h
  exits 0
  is "$(row remember | cut -d ' ' -f 1,2)" 'remember 5'
  is "$(row recall | cut -d ' ' -f 1,2)" 'recall 1'
  says 'journalctl -u engram'
  run analyze_slow_queries.sh --json 0.001 1h
  exits 1
  is "$(jq -c '[.unavailable, ([.operations[].slow] | unique)]' <<<"$out")" '[null,[true]]'
}

test_a_window_counts_only_what_happens_in_it_server() {
  start_engram
  stored default:before
  (sleep 0.5; store default during) &
  slow --window 2 5000 window
  exits 0
  is "$(row remember | cut -d ' ' -f 1,2)" 'remember 1'
  # A server that nobody has asked anything yet has no sample to compare with.
  systemctl restart engram
  await
  (sleep 0.5; store default during) &
  slow --window 2 5000 window
  is "$(row remember | cut -d ' ' -f 1,2)" 'remember 1'
  # A server that was started anew counts from 0, and that is no measurement.
  (sleep 0.5; systemctl restart engram; await) &
  slow --window 4 5000 window
  exits 2
  says 'restarted within the window'
}

test_a_server_under_load_is_measured_server() {
  start_engram
  benchmark_deployment.sh --json -o /tmp/benchmark 2 4 >/tmp/benchmark.json
  slow 10000
  exits 0
  is "$(row remember | cut -d ' ' -f 2)" "$(jq .store.ok /tmp/benchmark.json)"
  is "$(row recall | cut -d ' ' -f 2)" "$(jq .recall.ok /tmp/benchmark.json)"
}

test_a_damaged_index_is_named_server() {
  start_engram
  stored tenant_a:m
  curl -fsS -o /dev/null -H 'X-Memory-Space: tenant_a' 'http://localhost:7432/api/v1/memories/recall?query=memory'
  systemctl stop engram
  [ -f "$ENGRAM_DATA_DIR/tenant_a/indices/words.idx" ] || { wrong 'no index on disk'; return; }
  printf 'XXXX' | dd of="$ENGRAM_DATA_DIR/tenant_a/indices/words.idx" bs=1 seek=20 conv=notrunc 2>/dev/null
  start_engram
  curl -fsS -o /dev/null -H 'X-Memory-Space: tenant_a' 'http://localhost:7432/api/v1/memories/recall?query=memory'
  slow 0.001
  exits 1
  says 'the index of these spaces is not used, every memory is looked at: tenant_a'
}

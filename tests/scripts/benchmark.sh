# shellcheck shell=bash disable=SC2154,SC2034
# benchmark_deployment.sh: real load, measured, bounded, into a space of its own.

# The space that the last report names.
bench_space() {
  grep -o 'bench_[a-z0-9_]*' <<<"$out" | sed -n 1p
}

# Nothing runs and nothing lies about.
clean() {
  is "$(pgrep -c -x 'curl|timeout')" 0
  is "$(find /tmp -maxdepth 1 -name 'tmp.*' | wc -l)" 0
}

# The first lines of one client's latencies are there.
has_begun() {
  [ -n "$(find /tmp/tmp.* -name 'out.0' -size +0 2>/dev/null)" ]
}

test_usage_errors() {
  local arguments
  for arguments in '0' '5 0' '5 65' '9999' 'soon' '5 4 3' '--target-ms 0' '--max-stores none' '--url localhost' \
    '--space tenant_a' '--space bench_UPPER'; do
    # shellcheck disable=SC2086
    run benchmark_deployment.sh $arguments
    exits 64
  done
  is "$(find . -name 'benchmark-*')" ''
}

test_no_server_is_a_failure_and_leaves_nothing() {
  run benchmark_deployment.sh 5 2
  exits 2
  says 'no Engram server answers'
  says 'issues/wont-start.html#diagnosis'
  is "$(find . -name 'benchmark-*')" ''
  clean
}

test_a_server_that_never_answers_is_a_failure() {
  take_port
  SECONDS=0
  run benchmark_deployment.sh 60 2
  exits 2
  [ "$SECONDS" -lt 15 ] || wrong "took $SECONDS s"
}

test_a_healthy_server_meets_the_target_server() {
  start_engram
  stored default:before tenant_a:theirs
  run benchmark_deployment.sh 2 3
  exits 0
  says 'Target: 99th percentile of 100 ms: met'
  says 'Error rate: 0.00 %'
  says 'stays behind'
  is "$(cat ./benchmark-*/benchmark_report.txt | grep -c 'P99 Latency')" 2
  is "$(grep -cE 'P(50|95|99) Latency \((store|recall)\): [0-9.]+ ms' ./benchmark-*/benchmark_report.txt)" 6
  # As many latencies as requests, and the memories are where the report says, and nowhere else.
  is "$(wc -l <"$(echo ./benchmark-*/latencies.tsv)")" "$(sed -n 's/.*(0 of \([0-9]*\))/\1/p' <<<"$out")"
  is "$(memories "$(bench_space)" | wc -w)" "$(sed -n 's/^Memories: \([0-9]*\) ack.*/\1/p' <<<"$out")"
  is "$(memories default)" before
  is "$(memories tenant_a)" theirs
  clean
}

test_no_two_memories_resemble_each_other_server() {
  start_engram
  run benchmark_deployment.sh --max-stores 900 3 3
  # Engram 0.1.0 drops what resembles another memory by 0.95. Two axes for each, never the same pair: 0.5 at most.
  curl -fsS -H "X-Memory-Space: $(bench_space)" 'http://localhost:7432/api/v1/memories?limit=10000&include_embeddings=true' |
    jq -c '[.memories[].embedding | [length, (to_entries | map(select(.value != 0)) | map(.key))]] |
      {n: length, distinct: (unique | length), lengths: (map(.[0]) | unique), axes: (map(.[1] | length) | unique)}' >/tmp/shape
  is "$(jq -c '[.lengths, .axes]' /tmp/shape)" '[[768],[2]]'
  is "$(jq .n /tmp/shape)" "$(jq .distinct /tmp/shape)"
  [ "$(jq .n /tmp/shape)" -gt 20 ] || wrong 'fewer than 20 memories'
}

test_stores_are_bounded_server() {
  start_engram
  run benchmark_deployment.sh --max-stores 7 -o /tmp/report --json 2 3
  exits 0
  is "$(jq -c '[.store.ok, .acknowledged, .counted, .clients, .errors]' <<<"$out")" '[7,7,7,3,0]'
  [ "$(jq .recall.ok <<<"$out")" -gt 7 ] || wrong 'it did not go on recalling'
  is "$(memories "$(bench_space)" | wc -w)" 7
  exists /tmp/report/benchmark_report.txt
}

test_a_space_can_be_used_again_server() {
  start_engram
  run benchmark_deployment.sh --space bench_mine --max-stores 5 -o /tmp/1 1 1
  exits 0
  sleep 1
  run benchmark_deployment.sh --space bench_mine --max-stores 5 -o /tmp/2 1 1
  exits 0
  is "$(memories bench_mine | wc -w)" 10
}

test_a_missed_target_is_a_warning_with_a_page_server() {
  start_engram
  run benchmark_deployment.sh --target-ms 1 2 16
  exits 1
  says 'Target: 99th percentile of 1 ms: missed'
  says 'analyze_slow_queries.sh'
  says 'page: https://'
}

test_a_full_disk_is_not_made_fuller_server() {
  start_engram
  fallocate -l "$(($(df --output=avail -B1 /var | tail -n 1) - 100000))" /var/filler
  run benchmark_deployment.sh 2 4
  exits 2
  says 'too full for a benchmark'
  is "$(find . -name 'benchmark-*')" ''
  clean
}

test_a_server_that_is_read_only_cannot_be_measured_server() {
  mkdir -p /etc/default
  echo 'ENGRAM_READONLY=1' >/etc/default/engram
  start_engram
  run benchmark_deployment.sh 1 2
  exits 2
  says 'status 503: the server is read-only'
  says 'Latency: N/A: no request succeeded'
  exists_not "$ENGRAM_DATA_DIR/$(bench_space)"
  clean
}

test_a_server_that_dies_meanwhile_is_a_failure_server() {
  start_engram
  (wait_for has_begun; sleep 0.3; pkill -KILL -x engram) &
  run benchmark_deployment.sh 4 2
  exits 2
  says '× status 000: no answer'
  clean
}

test_a_server_that_hangs_meanwhile_takes_no_longer_than_the_timeout_server() {
  start_engram
  (wait_for has_begun; pkill -STOP -x engram) &
  SECONDS=0
  run benchmark_deployment.sh --timeout 2 3 2
  exits 2
  [ "$SECONDS" -lt 18 ] || wrong "took $SECONDS s"
  pkill -CONT -x engram
  clean
}

test_ctrl_c_leaves_nothing_behind_server() {
  local signal
  start_engram
  for signal in INT TERM; do
    env --default-signal=INT benchmark_deployment.sh 60 3 >/dev/null 2>&1 &
    wait_for has_begun
    kill -"$signal" $!
    status=0
    wait $! || status=$?
    exits "$([ "$signal" = INT ] && echo 130 || echo 143)"
    is "$(find . -name 'benchmark-*')" ''
    clean
  done
}

test_no_more_clients_than_asked_server() {
  local most=0 n
  start_engram
  benchmark_deployment.sh 2 3 >/dev/null &
  wait_for has_begun
  for _ in $(seq 40); do
    n=$(pgrep -c -x curl)
    [ "$n" -le "$most" ] || most=$n
    sleep 0.02
  done
  wait $!
  if [ "$most" -lt 1 ] || [ "$most" -gt 3 ]; then wrong "$most clients at once"; fi
}

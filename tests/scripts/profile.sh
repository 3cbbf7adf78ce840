# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# profile_performance.sh: what a process spends its time on, told from outside.

# A process that looks like a server and does what the commands say: server_that COMMANDS. Its PID is $server.
# Who reads from /tmp/it-waits waits without another process.
server_that() {
  rm -f /tmp/it-runs
  [ -p /tmp/it-waits ] || mkfifo /tmp/it-waits
  (exec -a engram bash -c "$1" start) &
  server=$!
  wait_for test -e /tmp/it-runs
}

profile() {
  run profile_performance.sh --no-perf -o /tmp/profile "$@"
}

# Nothing runs and nothing lies about.
clean() {
  is "$(pgrep -c -x 'curl|perf|sleep')" 0
  is "$(find /tmp -maxdepth 1 -name 'tmp.*' | wc -l)" 0
}

# Each finding has a command and a page.
complete() {
  is "$(grep -cE '^(WARNING|CRITICAL) ' <<<"$out")" "$(grep -c '^ *do: .' <<<"$out")"
  is "$(grep -cE '^(WARNING|CRITICAL) ' <<<"$out")" "$(grep -c '^ *page: https://' <<<"$out")"
}

is_under_way() {
  [ -n "$(find /tmp/tmp.* -name samples.tsv -size +0 2>/dev/null)" ]
}

test_usage_errors() {
  local arguments
  for arguments in 0 1 soon '3 4' '--pid me' '--url localhost' '-o'; do
    # shellcheck disable=SC2086
    run profile_performance.sh $arguments
    exits 64
  done
  is "$(find . -name 'profile-*')" ''
}

test_no_server_is_a_failure_and_leaves_nothing() {
  run profile_performance.sh 5
  exits 2
  says 'no Engram server is running'
  says 'issues/wont-start.html#diagnosis'
  is "$(find . -name 'profile-*')" ''
  clean
}

test_one_of_two_servers_must_be_chosen() {
  fake_server
  fake_server
  run profile_performance.sh --no-perf 2
  exits 2
  says '2 servers run'
  says '--pid'
  profile --pid $! 2
  says "process $!"
}

test_an_idle_process_has_all_files_and_no_numbers_of_another() {
  local file
  server_that ': >/tmp/it-runs; read -r -t 1000 <>/tmp/it-waits; :'
  profile 2
  complete
  for file in summary.txt cpu.txt memory_usage.txt io.txt descriptors.txt latency.txt operations.txt samples.tsv; do
    exists "/tmp/profile/$file"
  done
  is "$(head -n -1 <<<"$out" | tail -n +2)" "$(cat /tmp/profile/summary.txt)"
  # Nothing listens, and that is told; it is idle, and nothing else is.
  says 'gave no answer within 2 s, or not 200, 3 of 3 times'
  says_not ' memory: '
  says_not ' descriptors: '
  says_not 'I/O: in'
  is "$(awk '$1 ~ /^[0-9]+$/' /tmp/profile/memory_usage.txt | wc -l)" 3
}

test_json_is_json() {
  fake_server
  status=0
  profile_performance.sh --no-perf --json -o /tmp/profile 2 >/tmp/profile.json || status=$?
  exits 1
  is "$(jq -c '[.pid, .exit_status, .facts.samples, (.facts.anonymous > 100)]' /tmp/profile.json)" "[$!,1,3,true]"
  is "$(jq '[.findings[] | select(.action == "" or (.page | startswith("https://") | not))] | length' /tmp/profile.json)" 0
}

test_memory_that_grows_is_found() {
  server_that 'printf -v chunk %500000s; : >/tmp/it-runs; for i in {1..100}; do x+=$chunk; read -r -t 0.1 <>/tmp/it-waits; done; sleep 1000; :'
  profile --pid "$server" 3
  exits 1
  complete
  says 'memory: grows by'
}

test_a_process_that_computes_is_found() {
  server_that ': >/tmp/it-runs; while :; do :; done'
  taskset -p 1 "$server" >/dev/null
  profile 3
  exits 1
  complete
  says 'CPU: '
  says 'it may use only 1 of'
}

test_others_that_compute_are_named() {
  local i
  for i in $(seq $(($(nproc) * 4))); do sha256sum /dev/zero & done
  server_that ': >/tmp/it-runs; while :; do :; done'
  renice -n 19 -p "$server" >/dev/null
  profile 3
  exits 1
  complete
  says 'CPU: the server'"'"'s threads wait for a processor'
  says 'sha256sum (PID'
  says 'it runs with nice 19'
}

test_descriptors_near_the_limit_are_found() {
  server_that 'ulimit -n 40; for i in {10..38}; do eval "exec $i</dev/null"; done; : >/tmp/it-runs; sleep 1000; :'
  profile 2
  exits 1
  complete
  says 'descriptors: 3'
  says 'of 40 are open'
}

test_a_stopped_server_is_found() {
  fake_server
  kill -STOP $!
  profile 2
  says 'is stopped by a signal in 100 %'
  says 'kill -CONT'
}

test_a_server_that_ends_meanwhile_is_critical() {
  server_that ': >/tmp/it-runs; read -r -t 1.5 <>/tmp/it-waits; exit'
  profile 10
  exits 2
  complete
  says 'the server ended after'
  exists /tmp/profile/memory_usage.txt
}

test_ctrl_c_reports_what_was_seen() {
  local signal
  fake_server 'exec 9<&0'
  for signal in INT TERM; do
    rm -rf /tmp/profile
    env --default-signal=INT profile_performance.sh -o /tmp/profile 300 >/tmp/out 2>&1 &
    wait_for is_under_way
    sleep 1.2
    kill -"$signal" $!
    status=0
    wait $! || status=$?
    exits "$([ "$signal" = INT ] && echo 130 || echo 143)"
    exists /tmp/profile/memory_usage.txt
    is "$(find /tmp -maxdepth 1 -name 'tmp.*' | wc -l)" 0
    is "$(pgrep -c -x 'curl|perf')" 0
  done
}

test_the_output_directory_must_be_there_to_make() {
  fake_server
  run profile_performance.sh -o /no/such/place 2
  exits 2
  says 'cannot make the directory'
}

test_a_healthy_server_server() {
  local pid anonymous
  start_engram
  profile 3
  [ "$status" -le 1 ] || wrong "exit status $status"
  complete
  # The machine of a test may be busy; the server is well.
  says_not ' memory: '
  says_not ' descriptors: '
  says_not 'gave no answer'
  pid=$(pgrep -x engram)
  says "process $pid"
  anonymous=$(awk '/^RssAnon:/ { print $2 }' "/proc/$pid/status")
  is "$(awk -v a="$anonymous" '$1 ~ /^[0-9]+$/ && $2 > a / 2 && $2 < a * 2' /tmp/profile/memory_usage.txt | wc -l)" 4
  is "$(awk '$1 ~ /^[0-9]+$/ && $2 == 200' /tmp/profile/latency.txt | wc -l)" 4
}

test_a_server_under_load_tells_its_operations_server() {
  start_engram
  benchmark_deployment.sh -o /tmp/benchmark 5 2 >/dev/null &
  profile 3
  wait $!
  says 'operation    remember'
  says 'operation    recall'
  grep -q 'tokio-rt-worker' /tmp/profile/cpu.txt || wrong 'no thread of the server in cpu.txt'
  [ "$(awk '$1 ~ /^[0-9]+$/ { sum += $5 } END { print (sum > 0) }' /tmp/profile/io.txt)" = 1 ] || wrong 'nothing was written'
}

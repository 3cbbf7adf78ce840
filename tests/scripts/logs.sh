# shellcheck shell=bash disable=SC2154,SC2034
# analyze_logs.sh: each line to one family, whatever is around it.

# The families that a log counts for, as one word: "1 4 4", "0" for a warning or error of none, "-" for nothing at all.
families_of() {
  analyze_logs.sh --json "$1" | jq -r '
    [(.families[] | .family as $family | range(.count) | $family), (range(.no_family) | 0)] | join(" ") | if . == "" then "-" else . end'
}

# Reads lines "FAMILY|LEVEL and message" from standard input: each, in the server's own form, must count for that family, once.
each_is_of_its_family() {
  local family line got
  while IFS='|' read -r family line; do
    printf '2026-11-24T00:00:00.000001Z %s\n' "$line" >/tmp/log
    got=$(families_of /tmp/log)
    [ "$got" = "$family" ] || wrong "family $got, not $family: $line"
  done
}

# Runs COMMAND once for each awk that this machine has, as the awk that the scripts find.
with_every_awk() {
  local program
  for program in mawk gawk original-awk; do
    command -v "$program" >/dev/null || continue
    rm -rf /tmp/awk
    mkdir /tmp/awk
    ln -s "$(command -v "$program")" /tmp/awk/awk
    PATH=/tmp/awk:$PATH "$@"
  done
}

test_the_lines_of_the_specification_are_of_their_families() {
  with_every_awk each_is_of_its_family <<'LINES'
1|ERROR Memory node 'session_abc' not found
2|ERROR Invalid activation level: 1.5 (must be in range [0.0, 1.0])
2|ERROR Invalid confidence interval: mean=0.8 not in range [0.9, 1.0]
3|ERROR WAL operation failed: write
3|ERROR Failed to prepare persistence directory '/data/engram/space_a'
3|ERROR Serialization failed: NaN values in embeddings
4|ERROR Memory space 'tenant_x' not found
4|ERROR Failed to initialise memory store for space 'tenant_y'
5|ERROR Index corrupted or unavailable
5|ERROR Query failed: activation level below threshold
5|ERROR Pattern matching failed: insufficient evidence
6| WARN WAL lag 15.3s exceeds threshold (10s)
6| WARN Consolidation cycle failed: pattern detection timeout
6|ERROR Failed to deserialize WAL entry at offset 1234567
7|ERROR Memory allocation failed: out of memory
7|ERROR Failed to open file: too many open files (EMFILE)
7|ERROR Disk write failed: no space left on device (ENOSPC)
LINES
}

test_the_error_types_are_of_their_families() {
  each_is_of_its_family <<'LINES'
1|ERROR engram_core::graph: Memory node 'a b' not found in graph
2|ERROR engram_core::graph: Invalid activation level: 1.5 (must be in range [0.0, 1.0])
2|ERROR engram_core::graph: Reconstruction failed: activation level 0.100 below threshold 0.500
2|ERROR engram_core::graph: Invalid confidence interval: mean=0.800 not in range [0.900, 1.000]
2|ERROR engram_core::graph: Invalid confidence interval: mean=NaN not in range [0.000, 1.000]
3|ERROR engram_core::graph: Serialization failed: episode
2|ERROR engram_core::graph: Validation failed: confidence is 1.2
3|ERROR engram_core::graph: IO operation failed: read
4|ERROR engram_core::registry: Memory space identifier is empty
4|ERROR engram_core::registry: Memory space identifier 'ab' has invalid length 2
4|ERROR engram_core::registry: Memory space identifier 'A B' contains unsupported characters
4|ERROR engram_core::registry: Memory space 'x' not found
3|ERROR engram_core::registry: Failed to prepare persistence directory '/d/x' for space 'x'
3|ERROR engram_core::registry: Failed to prepare memory space data root '/d'
4|ERROR engram_core::registry: Failed to initialise memory store for space 'x'
1|ERROR engram: Memory operation failed: recall
3|ERROR engram: Storage error: flush
5|ERROR engram: Query failed: no cue
3|ERROR engram: WAL operation failed: write_entry
5|ERROR engram: Index corrupted or unavailable
5|ERROR engram: Evidence type mismatch: expected Vector, got Text
5|ERROR engram: Cue type mismatch: expected Embedding, got Context
5|ERROR engram: Pattern matching failed: triangle
3|ERROR engram: I/O error: unexpected end of file
7|ERROR engram: Memory allocation failed: 4096 bytes
3|ERROR engram: Corruption detected: Invalid magic number: expected deadbeef, got 0
3|ERROR engram: Memory mapping failed: invalid argument
3|ERROR engram: Configuration error: no tier
3|ERROR engram: NUMA topology error: no node
3|ERROR engram: Checksum verification failed: expected da5487b0, got f9d019d0
3|ERROR engram: Storage backend not initialized: warm
3|ERROR engram: Operation timeout after 5s
3|ERROR engram: Resource not found: tier
3|ERROR engram: Feature not implemented: pitr
3|ERROR engram: Migration failed: hot to warm
6|ERROR engram: Compaction already in progress
6|ERROR engram: Compaction failed: no candidate
7|ERROR engram: Insufficient memory: 10 MB
LINES
}

test_the_lines_that_engram_really_logs_are_of_their_families() {
  each_is_of_its_family <<'LINES'
7|ERROR engram_core::storage::wal: WAL batch write failed: I/O error: No space left on device (os error 28)
3|ERROR engram_core::storage::wal: WAL batch write failed: I/O error: Input/output error (os error 5)
3| WARN engram_core::storage::wal: WAL batch write took 35ms, target <10ms
6| WARN engram_core::storage::wal: Corrupted header in /d/default/wal/wal-0000000065000000.log: Checksum verification failed: expected da5487b0, got f9d019d0
6| WARN engram_core::storage::wal: Corrupted payload in /d/default/wal/wal-0000000065000000.log: Checksum verification failed: expected da5487b0, got f9d019d0
6| WARN engram_core::store: Failed to replay WAL entry during recovery error=CorruptionDetected("Failed to deserialize WAL episode: io error") failed_count=1
6|ERROR engram_core::storage::wal: Failed to deserialize WAL entry at offset 64 in /d/default/wal/wal-1.log: Corruption detected: Failed to deserialize WAL episode: eof
6| WARN engram_core::storage::wal: Torn record at offset 64 in /d/default/wal/wal-1.log removed: it is incomplete, as a crash during a write leaves it
6| WARN engram_core::storage::wal: Zero padding after the last record at offset 64 in /d/default/wal/wal-1.log ignored
4|ERROR engram_core::registry: space recovery failed space=tenant_a error=StoreInit { id: MemorySpaceId("tenant_a"), source: Io }
4| WARN engram_core::registry: Failed to recover memory spaces - continuing with bootstrap error=Failed to list '/d'
4| WARN engram_core::registry: skipping directory with invalid space ID name=lost+found
4|ERROR engram_core::registry: Failed to initialise memory store for space 'tenant_a': Permission denied (os error 13)
6|ERROR engram_core::registry: Failed to initialise memory store for space 'tenant_a': Failed to deserialize WAL entry at offset 64 in /d/tenant_a/wal/wal-1.log: Checksum verification failed: expected 1, got 2
7|ERROR axum::serve::listener: accept error: Too many open files (os error 24)
3|ERROR engram: WAL flush failed for space 'tenant_a': I/O error: Input/output error (os error 5)
6|ERROR engram_core::storage::wal: WAL compaction failed - will retry on next restart
3|ERROR engram_core::storage: failed to persist memory in tiered storage backend
5| WARN engram_core::index: HNSW update queue full for space tenant_a
3|ERROR engram_core::storage: Tier maintenance failed
0| WARN engram:   Port 7432 occupied, using port 7433 instead
0| WARN engram:   gRPC port 50051 occupied, using port 50052 instead
0|ERROR engram:  gRPC server error: transport error
0|ERROR engram: CRITICAL: Event broadcast channel closed
0|ERROR engram: PANIC: Thread panicked at engram-core/src/store.rs:12:3
6| WARN engram_core::consolidation: Consolidation is disabled: consolidation.enabled = false
6| WARN engram_core::consolidation: consolidation waits for the lock /d/.consolidation.lock, held by another process
6|ERROR engram_core::consolidation: The consolidation worker has panicked
6| WARN engram_core::consolidation: Consolidation cycle failed: pattern detection timeout space="import"
6|ERROR engram_core::consolidation: Consolidation cycle failed: pattern detection: Memory allocation failed: out of memory space="import"
6| WARN engram_core::consolidation: WAL lag 15.3s exceeds threshold (10s) space=import
3| WARN engram_core::consolidation: Failed to remove /d/default/wal/wal-1.log, which the checkpoint holds: Permission denied (os error 13)
3|ERROR engram_core::storage::wal: WAL rotation failed: I/O error: Input/output error (os error 5)
5|ERROR engram_core::index: Index corrupted or unavailable: Checksum verification failed: expected 1, got 2; searches read all memories until it is rebuilt space=default path=/d/default/indices/words.idx
5| WARN engram_core::index: Index not saved: Permission denied (os error 13) space=default path=/d/default/indices/words.idx
3|ERROR engram_core::storage: Tier maintenance failed error=Input/output error (os error 5)
2| WARN engram_core::validation: Invalid values are stored: 3 NaN or Infinity in the embedding, or confidence out of range memory=m1 space=default
2| WARN engram_core::validation: Invalid values refused: embedding memory=m1 space=default
2| WARN engram_core::validation: Sanitised on load: 3 NaN or Infinity in the embedding, or confidence out of range memory=m1 space=default
3|ERROR engram_core::query: Serialization failed: NaN values in embeddings memory=m1 space=default
3| WARN engram: Read-only mode (ENGRAM_READONLY=true): every write is refused
0| WARN engram: gRPC TLS handshake with 127.0.0.1:41210 failed: received corrupt message of type InvalidContentType
0|ERROR engram: gRPC server error: Failed to set up TLS: Failed to read grpc.tls.cert_path '/etc/tls/crt': No such file or directory (os error 2)
7|ERROR engram: gRPC accept error: Too many open files (os error 24)
0| WARN engram: Requests still open after 10s, closing them
LINES
}

test_the_specific_reason_decides_not_the_words_around_it() {
  each_is_of_its_family <<'LINES'
7|ERROR engram: Failed to create data directory at /d: No space left on device (os error 28)
7|ERROR engram_core::registry: Failed to initialise memory store for space 'space_error': Failed to create WAL file in '/d/space_error/wal': No space left on device (os error 28)
1|ERROR engram: Memory node 'no space left on device' not found in graph
4|ERROR engram: Memory space 'index-corrupt' not found
1|ERROR engram: Memory node 'WAL batch write failed' not found in graph
6| WARN engram: Consolidation cycle failed: Memory allocation failed: out of memory
5|ERROR engram: Index corrupted or unavailable path=/d/tenant_a/indices/words.idx reason=Permission denied (os error 13)
LINES
}

test_healthy_lines_are_of_no_family_and_count_for_nothing() {
  cat >/tmp/log <<'LINES'
2026-11-24T00:00:00.000001Z  INFO engram_core::store: WAL recovery completed recovered=3 failed=0 corrupted=0 corruption_rate=0.0
2026-11-24T00:00:00.000002Z  INFO engram: streaming metrics snapshot {"WAL lag":0,"errors":{"ERROR":0,"Index corrupted or unavailable":0}}
2026-11-24T00:00:00.000003Z  INFO engram: Processing recall request cue="Memory node 'x' not found" latency=12ms confidence=0.9
2026-11-24T00:00:00.000004Z  INFO engram: GET /api/v1/memories/ERROR 404 Memory space 'x' not found
2026-11-24T00:00:00.000005Z DEBUG engram: retry fallback partial result persist isolation
2026-11-24T00:00:00.000006Z  INFO engram: Index corrupted or unavailable is what the next test expects
2026-11-24T00:00:00.000007Z TRACE engram: no space left on device
 Engram server started successfully!
 HTTP API: http://127.0.0.1:7432
-- Journal begins at Mon 2026-11-23 00:00:00 UTC. --
Nov 24 00:00:00 host systemd[1]: Started engram.service - Engram.
Nov 24 00:00:00 host systemd[1]: engram.service: Deactivated successfully.
some text with ERROR and WARN in the middle, Memory node 'x' not found
LINES
  run analyze_logs.sh /tmp/log
  exits 0
  is "$(families_of /tmp/log)" -
  is "$(analyze_logs.sh --json /tmp/log | jq -c '[.errors, .warnings, .critical, (.performance | add), (.recovery | add)]')" '[0,0,0,0,0]'
}

test_a_log_without_lines_is_healthy() {
  : >/tmp/log
  run analyze_logs.sh /tmp/log
  exits 0
  says '        0  lines'
  says 'Verdict: ok'
  is "$(analyze_logs.sh --json - </dev/null | jq -c '[.lines, .errors, .status, (.families | length), ([.families[].count] | add)]')" '[0,0,"ok",7,0]'
}

test_a_failed_start_counts_once_with_its_causes() {
  cat >/tmp/log <<'LINES'
2026-11-24T00:00:00.000001Z  INFO engram: Starting
Error: Failed to initialise memory store for space 'default'

Caused by:
    0: Failed to deserialize WAL entry at offset 64 in /d/default/wal/wal-1.log
    1: Checksum verification failed: expected da5487b0, got f9d019d0

Stack backtrace:
   0: anyhow::error::<impl anyhow::Error>::msg
             at /src/error.rs:79:36
 Engram server started successfully!
Error: Failed to create data directory at /var/lib/engram

Caused by:
    No space left on device (os error 28)
Error: failed to load CLI configuration

Caused by:
    server.http_bind must be an IP address
Error: Failed to bind to address 127.0.0.1:7432

Caused by:
    Address already in use (os error 98)
ERROR Memory node 'session_abc' not found
  Expected: Valid node ID from current graph
  Suggestion: Use graph.nodes() to list available nodes
LINES
  run analyze_logs.sh /tmp/log
  exits 2
  says '        5  errors, 4 of which ended a process'
  says 'issues/wal-corruption.html#corrupt-wal-file'
  says 'issues/wont-start.html#invalid-configuration'
  says 'issues/wont-start.html#port-conflict'
  says "1  Error: Failed to initialise memory store for space 'default': Failed to deserialize WAL entry at offset # in …: Checksum verification failed: expected #, got #"
  says_not 'anyhow'
  says_not 'started successfully'
  is "$(families_of /tmp/log)" '1 6 7 0 0'
}

test_the_same_lines_with_what_is_put_before_them() {
  # Journal, syslog, and a wrong column: the same five records each.
  local prefix
  for prefix in '' 'Nov 24 00:00:00 HOST engram[12]: ' '2026-11-24T00:00:00+00:00 host engram[12]: ' '2026-11-24T00:00:00.123456+01:00 host.example.com engram: '; do
    while IFS= read -r line; do printf '%s%s\n' "$prefix" "$line"; done >/tmp/log <<'LINES'
2026-11-24T00:00:00.000001Z  INFO engram: Starting
2026-11-24T00:00:00.000001Z ERROR engram: Index corrupted or unavailable
2026-11-24T00:00:00Z  WARN WAL lag 15.3s exceeds threshold (10s)
ERROR Memory node 'session_abc' not found
 WARN Consolidation cycle failed: pattern detection timeout
Error: Failed to create data directory at /var/lib/engram
Caused by:
    No space left on device (os error 28)
LINES
    is "$prefix$(families_of /tmp/log)" "${prefix}1 5 6 6 7"
  done
}

test_what_the_system_says_of_the_end_of_the_server_counts() {
  cat >/tmp/log <<'LINES'
Nov 24 00:00:00 host kernel: Out of memory: Killed process 123 (engram) total-vm:9999kB
Nov 24 00:00:01 host systemd[1]: engram.service: A process of this unit has been killed by the OOM killer.
Nov 24 00:00:02 host systemd[1]: engram.service: Main process exited, code=dumped, status=7/BUS
memory allocation of 1073741824 bytes failed
thread 'main' panicked at engram-core/src/store.rs:12:3:
PANIC at engram-core/src/store.rs:12:3: index out of bounds
LINES
  run analyze_logs.sh /tmp/log
  exits 2
  is "$(families_of /tmp/log)" '7 7 7 0 0 0'
}

test_colours_and_carriage_returns_are_no_part_of_the_log() {
  {
    printf '\e[2m2026-11-24T00:00:00.000001Z\e[0m \e[31mERROR\e[0m \e[2mengram_core::index\e[0m\e[2m:\e[0m Index corrupted or unavailable\n'
    printf '\e[2m2026-11-24T00:00:00.000001Z\e[0m \e[32m INFO\e[0m \e[2mengram\e[0m\e[2m:\e[0m corruption_rate=0.0\n'
    printf '2026-11-24T00:00:00.000001Z  WARN WAL lag 15.3s exceeds threshold (10s)\r\nError: failed to load CLI configuration\r\n\r\nCaused by:\r\n    bad\r\n'
    printf '#033[2m2026-11-24T00:00:00.000001Z#033[0m #033[31mERROR#033[0m engram: Memory space #033[1m'"'x'"'#033[0m not found'
  } >/tmp/log
  run analyze_logs.sh /tmp/log
  exits 2
  is "$(families_of /tmp/log)" '4 5 6 0'
  says_not $'\e'
  says_not $'\r'
  says 'ERROR engram_core::index: Index corrupted or unavailable'
}

test_numbers_ids_and_paths_are_one_pattern_and_modules_stay_whole() {
  local i
  for i in 1 22 333; do
    printf "2026-11-24T00:00:00.000001Z ERROR engram_core::h2::proto: Failed to prepare persistence directory '/d/t%s' for space 't%s' took %s.5ms id=ab%s at core::u64::add\n" "$i" "$i" "$i" "$i"
  done >/tmp/log
  run analyze_logs.sh /tmp/log
  says "3  ERROR engram_core::h2::proto: Failed to prepare persistence directory '…' for space '…' took #ms id=… at core::u64::add"
}

test_the_timeline_has_the_last_ten_errors_by_time() {
  local i
  for i in $(seq 10 25); do printf '2026-11-24T00:00:%s.000001Z ERROR engram: number %s\n' "$i" "$i"; done >/tmp/new.log
  printf '2026-11-24T00:00:24.500000Z ERROR engram: between\n2026-11-23T00:00:00.000001Z ERROR engram: long ago\n2026-11-25T00:00:00.000001Z  WARN engram: no error' >/tmp/old.log
  run analyze_logs.sh /tmp/new.log /tmp/old.log
  exits 1
  is "$(sed -n '/^== Last 10/,/^== Rec/p' <<<"$out" | grep -c ERROR)" 10
  is "$(sed -n '/^== Last 10/,/^== Rec/p' <<<"$out" | grep -c 'long ago')" 0
  is "$(sed -n '/^== Last 10/,/^== Rec/p' <<<"$out" | grep ERROR | tail -n 2 | sed 's/.*: //' | paste -s)" 'between	number 25'
  says '       19  lines'
}

test_several_files_packed_ones_and_standard_input_are_one_log() {
  printf 'ERROR Index corrupted or unavailable' >/tmp/engram.log
  printf "ERROR Memory space 'x' not found\n" >/tmp/engram.log.1
  printf 'ERROR Disk write failed: no space left on device (ENOSPC)\n' | gzip >/tmp/engram.log.2.gz
  run analyze_logs.sh --json /tmp/engram.log /tmp/engram.log.1 /tmp/engram.log.2.gz - <<<'ERROR WAL operation failed: write'
  is "$(jq -c '[.lines, .errors, [.families[].count]]' <<<"$out")" '[4,4,[0,0,1,1,1,0,1]]'
  # Without a name, a pipe or a file at standard input is the log.
  is "$(analyze_logs.sh --json </tmp/engram.log | jq -c '[.lines, .source]')" '[1,"standard input"]'
  is "$(analyze_logs.sh --json < <(cat /tmp/engram.log) | jq .errors)" 1
}

test_what_cannot_be_read_is_an_error_and_not_healthy() {
  run analyze_logs.sh /nowhere
  exits 2
  says '/nowhere does not exist'
  run analyze_logs.sh '2 hours ago'
  exits 2
  says 'a time is given with --since'
  run analyze_logs.sh /tmp
  exits 2
  : >/tmp/log
  chmod 000 /tmp/log
  run analyze_logs.sh /tmp/log
  exits 2
  says 'Permission denied'
  printf 'ERROR Index corrupted or unavailable\n' | gzip | head -c 20 >/tmp/cut.gz
  run analyze_logs.sh /tmp/cut.gz
  exits 2
  says 'could not be read to its end'
}

test_wrong_usage() {
  run analyze_logs.sh --since soon-ish
  exits 64
  run analyze_logs.sh --since
  exits 64
  run analyze_logs.sh -o /no/such/directory/report /tmp
  exits 64
  run analyze_logs.sh -o /dev/stdout /tmp
  exits 64
  run analyze_logs.sh - -
  exits 64
}

test_since_leaves_out_older_lines_and_what_belongs_to_them() {
  cat >/tmp/log <<'LINES'
2026-11-24T00:00:00.000001Z ERROR engram: Index corrupted or unavailable
Error: Failed to create data directory at /var/lib/engram

Caused by:
    No space left on device (os error 28)
2026-11-24T01:00:00.000001Z  INFO engram: Starting
Error: failed to load CLI configuration
LINES
  run analyze_logs.sh --since 2026-11-24T00:30:00Z --json /tmp/log
  exits 2
  is "$(jq -c '[.errors, .no_family, ([.families[].count] | add)]' <<<"$out")" '[1,1,0]'
}

test_the_exit_status_is_that_of_the_worst() {
  echo ' WARN WAL lag 15.3s exceeds threshold (10s)' >/tmp/log
  run analyze_logs.sh /tmp/log
  exits 1
  says '1  WAL lag warnings'
  echo "ERROR Memory space 'x' not found" >>/tmp/log
  run analyze_logs.sh /tmp/log
  exits 1
  echo ' WARN Corrupted payload in /d/x.log' >>/tmp/log
  run analyze_logs.sh /tmp/log
  exits 2
}

test_what_the_server_did_about_it_is_counted() {
  cat >/tmp/log <<'LINES'
 WARN engram: write failed, retrying
 WARN engram: Index corrupted or unavailable, falling back to linear scan
 WARN engram: returning a partial result
 WARN engram_core::registry: skipping directory with invalid space ID name=lost+found
LINES
  is "$(analyze_logs.sh --json /tmp/log | jq -c '.recovery')" \
    '{"Retry":1,"Fallback":1,"PartialResult":1,"ContinueWithoutFeature":1,"RequiresIntervention":0}'
}

test_the_report_file_is_what_is_printed_and_nothing_is_doubled() {
  echo 'ERROR Index corrupted or unavailable' >/tmp/log
  echo 'an old report' >/tmp/report
  run analyze_logs.sh -o /tmp/report /tmp/log
  exits 1
  is "$(cat /tmp/report)" "$out"
  is "$(analyze_logs.sh /tmp/log | grep -c '^== Summary')" 1
  is "$(find /tmp -name 'report.*' | wc -l)" 0
}

test_json_is_json_whatever_the_log_holds() {
  printf 'ERROR engram: "quoted" \\ back\ttab \x01 \xc3\xa4 %0500d\n' 1 >/tmp/log
  { printf 'ERROR engram: '; printf 'ä%.0s' $(seq 300); } >>/tmp/log
  head -c 100000 /dev/urandom >>/tmp/log
  status=0
  analyze_logs.sh --json /tmp/log >/tmp/report.json || status=$?
  exits 1
  is "$(jq '.errors >= 2 and (.timeline | length) >= 2 and .exit_status == 1' /tmp/report.json)" true
  is "$(jq -c 'keys' /tmp/report.json)" '["critical","errors","exit_status","families","fatal","generated","lines","more_patterns","no_family","older_lines","patterns","performance","range","recommendations","recovery","source","status","timeline","warnings"]'
}

a_million_lines() {
  local before=$SECONDS
  run analyze_logs.sh --json /tmp/million.gz
  exits 2
  [ "$((SECONDS - before))" -lt 10 ] || wrong "took $((SECONDS - before)) s"
  is "$(jq -c '[.lines, .errors, .warnings, .no_family, [.families[].count]]' <<<"$out")" \
    '[1000000,350000,100000,50000,[50000,50000,50000,50000,50000,100000,50000]]'
}

# 45 % of the lines are warnings and errors, and no two are alike.
test_a_million_lines_take_seconds() {
  awk 'BEGIN {
    split("ERROR engram_core::graph: Memory node (session_%d) not found|ERROR engram: Invalid activation level: %d.5|" \
      "ERROR engram: WAL batch write failed: I/O error: %d|ERROR engram: Memory space (t%d) not found|" \
      "ERROR engram: Index corrupted or unavailable path=/d/t%d/indices/words.idx| WARN WAL lag %d.3s exceeds threshold (10s)|" \
      " WARN engram: Corrupted payload in /d/default/wal/wal-%d.log|ERROR engram: accept error %d: Too many open files (os error 24)|" \
      "ERROR engram: nobody knows %d", form, "|")
    for (i = 1; i <= 9; i++) gsub(/[()]/, "\047", form[i])
    for (i = 0; i < 1000000; i++) {
      k = i % 20 + 1
      printf "2026-11-24T%02d:%02d:%02d.%06dZ ", i / 41667, i / 700 % 60, i / 12 % 60, i % 1000000
      if (k <= 9) printf form[k] "\n", i
      else printf " INFO engram_core::store: Processing remember request id=m%d space=default confidence=0.8\n", i
    }
  }' | gzip -1 >/tmp/million.gz
  with_every_awk a_million_lines
}

a_million_wordings() {
  local before=$SECONDS
  run analyze_logs.sh --json /tmp/wordings.gz
  exits 2
  [ "$((SECONDS - before))" -lt 10 ] || wrong "took $((SECONDS - before)) s"
  is "$(jq -c '[.lines, .errors, .warnings, .critical, .no_family, [.families[].count], .recovery.Fallback]' <<<"$out")" \
    '[1000000,800000,200000,200000,600000,[0,0,0,0,200000,200000,0],200000]'
  is "$(jq '[.patterns[].count] | add' <<<"$out")" 10
  is "$(jq .more_patterns <<<"$out")" 999990
}

# No two lines have the same words; 600 000 are in no family.
test_a_million_wordings_take_seconds() {
  awk 'BEGIN {
    split("ERROR engram: Index corrupted or unavailable because|ERROR engram: Failed to deserialize WAL entry for|" \
      "ERROR engram: nobody knows about|ERROR engram_core::store: strange things happen in| WARN engram: hardly a", head, "|")
    for (i = 0; i < 1000000; i++) {
      words = ""
      for (n = i; n > 0; n = int(n / 26)) words = words sprintf("%c", 97 + n % 26) (n % 2 ? "e " : "o ")
      printf "2026-11-24T%02d:%02d:%02d.%06dZ %s %sand %sagain", i / 41667, i / 700 % 60, i / 12 % 60, i, head[i % 5 + 1], words, words
      print i % 5 == 4 ? ", falling back to nothing" : ""
    }
  }' | gzip -1 >/tmp/wordings.gz
  with_every_awk a_million_wordings
}

classified() { analyze_logs.sh --classify | paste -sd ' '; }

each_line_has_the_family_of_its_head() {
  is "$(classified <<'LINES'
2026-11-24T00:00:00.000001Z  INFO engram: Starting
2026-11-24T00:00:00.000001Z ERROR engram: Index corrupted or unavailable
  Suggestion: rebuild it
-- a line of somebody else
2026-11-24T00:00:00.000001Z ERROR engram: nobody knows this
Nov 24 00:00:00 host engram[12]: 2026-11-24T00:00:00.000001Z  WARN engram: WAL lag 15.3s exceeds threshold (10s)
2026-11-24T00:00:00.000001Z DEBUG engram: Memory node 'x' not found
Error: Failed to create data directory at /var/lib/engram

Caused by:
    No space left on device (os error 28)
ERROR Memory node 'x' not found
LINES
  )" '0 5 5 0 0 6 0 7 7 7 7 1'
}

test_classify_prints_the_family_of_each_line() {
  with_every_awk each_line_has_the_family_of_its_head
  is "$(printf 'ERROR Memory space %s not found' "'x'" | classified)" 4
  is "$(classified </dev/null)" ''
  # More kinds than are remembered.
  is "$(awk 'BEGIN { for (i = 0; i < 6000; i++) { n = i; words = ""; do words = words sprintf("%c", 97 + n % 26); while (n = int(n / 26)); print "ERROR Query failed: " words } }' |
    analyze_logs.sh --classify | sort | uniq -c | tr -s ' ')" ' 6000 5'
  run analyze_logs.sh --classify --json
  exits 64
  run analyze_logs.sh /tmp --classify
  exits 64
}

test_the_journal_of_a_healthy_server_is_of_no_family_server() {
  start_engram
  stored default:m1 tenant_a:m2
  systemctl restart engram
  await
  run analyze_logs.sh --json --since '1 hour ago'
  # A machine that is slow may be slow at writing; nothing else may be said.
  is "$(jq -c '[.errors, .critical, .no_family, [.families[] | select(.family != 3) | .count]]' <<<"$out")" '[0,0,0,[0,0,0,0,0,0]]'
  is "$(jq -r .source <<<"$out")" 'journalctl -u engram'
  [ "$(jq .lines <<<"$out")" -gt 5 ] || wrong 'the journal was not read'
}

test_a_failed_start_in_the_journal_server() {
  start_engram
  systemctl stop engram
  chmod 000 "$ENGRAM_DATA_DIR"
  systemctl start engram
  wait_for is_stopped
  chmod 755 "$ENGRAM_DATA_DIR"
  run analyze_logs.sh
  exits 2
  says 'of which ended a process'
  says 'issues/wont-start.html#permission-denied'
  # The same from a file and from standard input.
  journalctl -u engram --no-pager -o cat >/tmp/log
  for family in "$(families_of /tmp/log)" "$(journalctl -u engram --no-pager | families_of -)"; do is "$family" "$(analyze_logs.sh --json --since '1 hour ago' | jq -r '[.families[] | .family as $f | range(.count) | $f] | join(" ")')"; done
}

test_an_invalid_configuration_in_the_journal_server() {
  mkdir -p ~/.config/engram
  printf '[server]\nhttp_bind = "localhost"\n' >~/.config/engram/config.toml
  systemctl start engram
  wait_for is_stopped
  run analyze_logs.sh
  exits 2
  says 'issues/wont-start.html#invalid-configuration'
}

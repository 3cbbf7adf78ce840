# shellcheck shell=bash disable=SC2154,SC2034
# diagnose_health.sh beside a real server: healthy, and with each fault that has a page.

# shellcheck source-path=SCRIPTDIR source=lib_diagnose.sh
source "${BASH_SOURCE[0]%/*}/lib_diagnose.sh"

test_a_healthy_server_passes_server() {
  start_engram
  stored default:m1 tenant_a:m2
  SECONDS=0
  run diagnose_health.sh
  exits 0
  complete
  [ "$SECONDS" -lt 10 ] || wrong "took $SECONDS s"
  is "$(diagnose_health.sh --json | jq -r .status)" ok
}

test_a_server_that_was_repaired_is_healthy_at_once_server() {
  start_engram
  systemctl stop engram
  chmod 000 "$ENGRAM_DATA_DIR"
  systemctl start engram
  wait_for is_stopped
  run diagnose_health.sh
  exits 2
  says 'issues/wont-start.html#permission-denied'
  chmod 755 "$ENGRAM_DATA_DIR"
  start_engram
  run diagnose_health.sh
  exits 0
}

test_a_taken_port_leads_to_its_page_server() {
  fake_data
  take_port
  rm -r "$ENGRAM_DATA_DIR"
  systemctl start engram
  wait_for is_stopped
  run diagnose_health.sh
  exits 2
  complete
  says 'issues/wont-start.html#port-conflict'
}

test_a_broken_space_leads_to_its_page_server() {
  start_engram
  stored tenant_a:m1
  systemctl stop engram
  chmod 000 "$ENGRAM_DATA_DIR/tenant_a"
  start_engram
  curl -s --max-time 5 -o /dev/null -H 'X-Memory-Space: tenant_a' http://localhost:7432/api/v1/memories
  run diagnose_health.sh
  exits 2
  complete
  says '1 spaces cannot be opened: tenant_a'
  says 'issues/space-isolation.html#directory-permissions'
}

# What Engram 0.1.0 answers when it is well: few metrics, no index, no consolidation.
test_a_server_with_the_pages_of_engram_0_1_0_passes() {
  fake_data
  fake_server
  nc -lk 127.0.0.1 50051 >/dev/null 2>&1 &
  wait_for nc -z 127.0.0.1 50051
  mkdir /tmp/bin
  cat >/tmp/health <<'JSON'
{"status":"healthy","timestamp":"2026-11-25T00:00:00Z","checks":[{"name":"error_rate","type":"error_rate","status":"healthy","message":"","latency_seconds":0.001},{"name":"spreading","type":"spreading","status":"healthy","message":"Spreading probe healthy","latency_seconds":0.0015}],"spaces":[{"space":"default","memories":3,"pressure":0.0,"wal_lag_ms":0.0,"consolidation_rate":0.0}],"cluster":null}
JSON
  printf '# TYPE engram_spreading_activations_total counter\nengram_spreading_activations_total 28\n' >/tmp/metrics
  # shellcheck disable=SC2016
  printf '#!/bin/bash\nfor a; do [ "$b" != --output ] || file=$a; b=$a; done\ncase "$*" in *--version*) echo HTTP2 ;; */metrics/*) cp /tmp/metrics "$file" ;; */health*) cp /tmp/health "$file" ;; esac\necho "200 0.01"\n' >/tmp/bin/curl
  printf '#!/bin/bash\n' >/tmp/bin/ss
  chmod +x /tmp/bin/*
  printf '%s  INFO engram_core::store: WAL recovery completed corruption_rate=0.0\n' "$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)" >/tmp/log
  PATH=/tmp/bin:$PATH run diagnose_health.sh --log /tmp/log
  exits 0
  says '10 checks: 10 ok'
  # A probe of its own that fails is named.
  sed -i 's/"status":"healthy","message":"Spreading probe healthy"/"status":"unhealthy","message":"Spreading probe failed"/; s/{"status":"healthy"/{"status":"degraded"/' /tmp/health
  PATH=/tmp/bin:$PATH run diagnose_health.sh --log /tmp/log
  exits 1
  says "the server's own check spreading is unhealthy: Spreading probe failed"
  says 'known-behaviour.html#f6'
}

# names NUMBER PAGE: check NUMBER is bad, and names PAGE.
names() {
  grep -A 2 "^\[$(printf '%2d' "$1")/10\].* \(WARNING\|CRITICAL\) " <<<"$out" | grep -q "page: .*/$2\$" || wrong "check $1 does not name $2"
}

restarted() {
  systemctl restart engram
  await
}

test_a_damaged_and_an_unreadable_index_lead_to_their_page_server() {
  start_engram
  stored default:m1 tenant_a:m2
  systemctl stop engram
  printf '\xff\xff' | dd of="$ENGRAM_DATA_DIR/default/indices/words.idx" bs=1 seek=60 conv=notrunc status=none
  chmod 000 "$ENGRAM_DATA_DIR/tenant_a/indices/words.idx"
  start_engram
  memories tenant_a >/dev/null
  run diagnose_health.sh
  exits 1
  complete
  names 4 'issues/index-corruption.html#rebuild'
  names 4 'issues/index-corruption.html#index-unreadable'
  names 8 'issues/index-corruption.html#rebuild'
  run analyze_logs.sh --json
  is "$(jq -c '[.families[] | select(.count > 0) | .family]' <<<"$out")" '[5]'
}

test_a_damaged_log_leads_to_its_page_server() {
  start_engram
  stored tenant_a:m1 tenant_a:m2
  systemctl stop engram
  printf '\xff\xff' | dd of="$(find "$ENGRAM_DATA_DIR/tenant_a/wal" -name '*.log' -size +1k)" bs=1 seek=80 conv=notrunc status=none
  start_engram
  curl -s --max-time 5 -o /dev/null -H 'X-Memory-Space: tenant_a' http://localhost:7432/api/v1/memories
  run diagnose_health.sh
  exits 2
  complete
  names 8 'issues/wal-corruption.html#corrupt-wal-file'
  names 5 'issues/wal-corruption.html#diagnosis'
  run analyze_logs.sh --json
  is "$(jq -c '[.families[] | select(.count > 0) | .family]' <<<"$out")" '[6]'
}

test_grpc_that_is_off_or_whose_port_is_taken_leads_to_its_page_server() {
  mkdir -p ~/.config/engram
  printf '[grpc]\nenabled = false\n' >~/.config/engram/config.toml
  start_engram
  run diagnose_health.sh
  exits 1
  complete
  names 3 'issues/grpc-connection.html#grpc-disabled'
  systemctl stop engram
  rm ~/.config/engram/config.toml
  nc -lk 127.0.0.1 50051 >/dev/null 2>&1 &
  wait_for nc -z 127.0.0.1 50051
  start_engram
  run diagnose_health.sh
  complete
  names 3 'issues/grpc-connection.html#port-conflict'
}

test_a_full_disk_leads_to_its_page_server() {
  start_engram
  stored default:m1
  head -c 100M /dev/zero >/var/tmp/full 2>/dev/null
  # What is left of the last block is used up by small memories.
  for i in $(seq 20); do store default "small$i" >/dev/null 2>&1; done
  run diagnose_health.sh
  exits 2
  complete
  names 4 'issues/wal-lag.html#disk-full'
  names 8 'issues/wal-lag.html#disk-full'
  run analyze_logs.sh --json
  # The journal is on that disk too: its last line may be cut.
  is "$(jq -c '.families | max_by(.count) | .family' <<<"$out")" 7
}

test_too_many_open_files_lead_to_their_page_server() {
  start_engram
  prlimit --pid "$(pgrep -x engram)" --nofile=40:40
  for i in $(seq 60); do (exec 3<>/dev/tcp/127.0.0.1/7432; sleep 20) 2>/dev/null & done
  sleep 1
  run diagnose_health.sh
  exits 2
  complete
  names 7 'issues/high-memory.html#too-many-open-files'
}

test_grpc_clients_without_tls_lead_to_its_page_server() {
  mkdir -p ~/.config/engram /tmp/tls
  printf '[req]\ndistinguished_name = dn\n[dn]\n' >/tmp/tls/cnf
  openssl req -config /tmp/tls/cnf -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout /tmp/tls/key -out /tmp/tls/crt 2>/dev/null
  printf '[grpc]\nenabled = true\n\n[grpc.tls]\nenabled = true\ncert_path = "/tmp/tls/crt"\nkey_path = "/tmp/tls/key"\n' >~/.config/engram/config.toml
  start_engram
  wait_for curl -sk --max-time 2 -o /dev/null --http2 https://localhost:50051/
  run diagnose_health.sh
  exits 0
  says 'speaks HTTP/2 over TLS'
  curl -s --max-time 2 --http2-prior-knowledge http://localhost:50051/ >/dev/null
  run diagnose_health.sh
  exits 1
  complete
  names 3 'issues/grpc-connection.html#tls-mismatch'
  systemctl stop engram
  : >/tmp/tls/crt
  systemctl start engram
  await
  run diagnose_health.sh
  complete
  names 3 'issues/grpc-connection.html#tls-mismatch'
}

test_memory_leads_to_what_holds_it_server() {
  start_engram
  jq -nc '{content: ("A reading of sensor 12. " * 830), confidence: 0.9}' >/tmp/reading.json
  curl -fsS --no-progress-meter -o /dev/null -H 'Content-Type: application/json' --data @/tmp/reading.json \
    'http://localhost:7432/api/v1/memories?space=tenant_a&n=[1-150]'
  ENGRAM_MEMORY_WARNING_MB=3 run diagnose_health.sh
  exits 1
  complete
  names 6 'issues/high-memory.html#hot-tier-too-large'
  curl -fsS --no-progress-meter -o /dev/null -H 'Content-Type: application/json' --data @/tmp/reading.json \
    'http://localhost:7432/api/v1/memories?space=run_[01-12]&n=[1-60]'
  ENGRAM_MEMORY_WARNING_MB=3 run diagnose_health.sh
  names 6 'issues/high-memory.html#too-many-spaces'
  jq -nc '{content: ("A reading of sensor 12. " * 4200), confidence: 0.9}' >/tmp/reading.json
  curl -sN 'http://localhost:7432/api/v1/stream/memories?space=tenant_a' >/dev/null &
  wait_for has_listener
  kill -STOP $!
  curl -fsS --no-progress-meter -o /dev/null -H 'Content-Type: application/json' --data @/tmp/reading.json \
    'http://localhost:7432/api/v1/memories?space=tenant_a&n=[1-120]'
  ENGRAM_UNREAD_WARNING_MB=2 run diagnose_health.sh
  names 6 'issues/high-memory.html#memory-leak'
}

has_listener() {
  curl -s --max-time 2 http://localhost:7432/metrics/prometheus | grep -q '^engram_stream_subscribers.* 1$'
}

test_consolidation_that_does_not_run_leads_to_its_page_server() {
  mkdir -p ~/.config/engram
  printf '[consolidation]\nenabled = true\ncheck_interval_secs = 1\nidle_threshold_secs = 1\n' >~/.config/engram/config.toml
  mkdir -p "$ENGRAM_DATA_DIR"
  start_engram
  stored default:m1
  flock "$ENGRAM_DATA_DIR/.consolidation.lock" sleep 1000 &
  wait_for waits_for_lock
  run diagnose_health.sh
  complete
  names 5 'issues/consolidation-stuck.html#worker-stuck'
  kill $!
  pkill -x sleep
  sed -i 's/enabled = true/enabled = false/' ~/.config/engram/config.toml
  restarted
  stored default:m2
  wait_for lags
  run diagnose_health.sh
  exits 1
  complete
  is "$(grep -c '^\[ 5/10\].* WARNING' <<<"$out")" 2
  names 5 'issues/consolidation-stuck.html#consolidation-disabled'
  names 5 'issues/wal-lag.html#consolidation-not-running'
  run analyze_logs.sh --json --since '1 hour ago'
  is "$(jq -c '[.families[] | select(.count > 0) | .family]' <<<"$out")" '[6]'
}

waits_for_lock() {
  store default "m$RANDOM"
  curl -s --max-time 2 http://localhost:7432/metrics/prometheus | grep -q '^engram_consolidation_waits_for_lock 1'
}

lags() {
  curl -s --max-time 2 http://localhost:7432/metrics/prometheus | awk '/^engram_wal_lag_seconds/ && $NF > 10 { found = 1 } END { exit !found }'
}

test_values_that_are_no_numbers_lead_to_their_page_server() {
  start_engram
  jq -nc '{id: "bad", content: "A bad one.", confidence: 0.9, embedding: [range(768) | if . == 0 then 1e39 else 0 end]}' |
    curl -fsS --max-time 10 -o /dev/null -H 'Content-Type: application/json' --data @- http://localhost:7432/api/v1/memories/remember
  run diagnose_health.sh
  exits 1
  complete
  names 4 'issues/nan-infinity.html#diagnosis'
  names 2 'issues/nan-infinity.html#diagnosis'
  run analyze_logs.sh --json --since '1 hour ago'
  is "$(jq -c '[.families[] | select(.count > 0) | .family]' <<<"$out")" '[2]'
}

test_read_only_mode_is_said_server() {
  mkdir -p /etc/systemd/system/engram.service.d
  printf '[Service]\nEnvironment=ENGRAM_READONLY=true\n' >/etc/systemd/system/engram.service.d/readonly.conf
  systemctl daemon-reload
  start_engram
  run diagnose_health.sh
  exits 1
  complete
  says 'the server takes no writes'
}

# For the reason that is given to matter, everything counts as slow here.
test_slow_operations_lead_to_their_cause_server() {
  mkdir -p ~/.config/engram
  printf '[persistence]\nhot_capacity = 1000\n' >~/.config/engram/config.toml
  start_engram
  stored default:m1
  (while curl -s --max-time 5 -o /dev/null 'http://localhost:7432/api/v1/memories?limit=1'; do sleep 0.05; done) &
  for i in $(seq $((3 * $(nproc)))); do (exec -a report-worker bash -c 'while :; do :; done') & done
  ENGRAM_OPERATION_WARNING=0.00001 run diagnose_health.sh
  complete
  names 9 'issues/high-latency.html#cpu-saturation'
  for job in $(jobs -p); do kill -KILL "$job"; done 2>/dev/null
  jq -nc '{content: "The reading of a station.", confidence: 0.9}' >/tmp/memory.json
  curl -fsS --no-progress-meter --parallel --parallel-max 4 -o /dev/null -H 'Content-Type: application/json' --data @/tmp/memory.json \
    'http://localhost:7432/api/v1/memories?space=stations&n=[1-1500]'
  curl -fsS --max-time 10 -o /dev/null -o /dev/null 'http://localhost:7432/api/v1/memories/recall?space=stations&limit=10000&query=reading&n=[1-2]'
  run diagnose_health.sh
  exits 1
  complete
  names 9 'issues/high-latency.html#hot-tier-too-small'
}

# Many memories to compare, and one second for it.
test_consolidation_that_fails_leads_to_its_reason_server() {
  mkdir -p ~/.config/engram
  printf '[consolidation]\ncheck_interval_secs = 1\nidle_threshold_secs = 1\nmax_batch_size = 10000\n[consolidation.pattern_detection]\ntimeout_secs = 1\n' \
    >~/.config/engram/config.toml
  start_engram
  curl -fsS --no-progress-meter --parallel --parallel-max 4 -o /dev/null -H 'Content-Type: application/json' -d '{"content":"A line."}' \
    'http://localhost:7432/api/v1/memories?n=[1-3000]'
  wait_for fails_by_timeout
  sleep 3
  run diagnose_health.sh
  exits 1
  complete
  names 5 'issues/consolidation-stuck.html#pattern-detection-timeout'
}

fails_by_timeout() {
  curl -s --max-time 2 http://localhost:7432/metrics/prometheus | grep -q '^engram_consolidation_failures_total{reason="timeout"} [1-9]'
}

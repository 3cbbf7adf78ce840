# shellcheck shell=bash disable=SC2154,SC2034
# collect_debug_info.sh: what is in the archive, what is not in it, and how long it takes.

# collected STATUS [OPTIONS]: runs it and unpacks the archive into /tmp/bundle; the manifest is $manifest.
collected() {
  local wanted=$1 begun=$SECONDS
  shift
  run collect_debug_info.sh -o /var/tmp/debug "$@"
  exits "$wanted"
  [ $((SECONDS - begun)) -lt 60 ] || wrong "it took $((SECONDS - begun)) s"
  archive=$(find /var/tmp/debug -name 'engram-debug-*.tar.gz' | LC_ALL=C sort | tail -n 1)
  is "$(stat -c %a "$archive")" 600
  # Nothing else is left behind.
  is "$(find /var/tmp/debug -mindepth 1 | wc -l)" "$(find /var/tmp/debug -name '*.tar.gz' | wc -l)"
  rm -rf /tmp/bundle
  mkdir /tmp/bundle
  tar -C /tmp/bundle --strip-components=1 -xzf "$archive"
  manifest=/tmp/bundle/manifest.json
  jq -e '.format == "engram-debug/1"' "$manifest" >/dev/null || wrong 'no manifest'
}

state_of() { jq -r --arg part "$1" '.parts[] | select(.part == $part) | .state' "$manifest"; }
reason_of() { jq -r --arg part "$1" '.parts[] | select(.part == $part) | .reason' "$manifest"; }
has() {
  local part
  for part in "$@"; do [ -s "/tmp/bundle/$part" ] || wrong "there is no $part: $(reason_of "$part")"; done
}

# The sandbox may not read the kernel's log.
with_kernel_log() {
  mkdir -p /tmp/bin
  printf '#!/bin/sh\necho "[1.0] Out of memory: Killed process 1"\n' >/tmp/bin/dmesg
  chmod +x /tmp/bin/dmesg
  PATH=/tmp/bin:$PATH
}

test_a_healthy_server_is_collected_whole_server() {
  with_kernel_log
  start_engram
  stored default:one tenant_a:one
  # The server saves what it has to save by itself.
  systemctl restart engram
  await
  memories tenant_a >/dev/null
  before=$(tree "$ENGRAM_DATA_DIR")
  collected 0
  diff <(tree "$ENGRAM_DATA_DIR") - <<<"$before" || wrong 'it has changed the data directory'
  pid=$(systemctl show engram -p MainPID --value)
  has logs/engram.log logs/kernel.txt server/health.json server/system_health.json server/spaces.json server/metrics.txt server/metrics.json \
    server/health-default.json server/health-tenant_a.json process/list.txt \
    "process/$pid/status.txt" "process/$pid/limits.txt" "process/$pid/smaps_rollup.txt" "process/$pid/io.txt" \
    "process/$pid/open_files.txt" "process/$pid/environ.txt" "process/$pid/cmdline.txt" "process/$pid/threads.txt" \
    config/unit.txt versions.txt storage/file_system.txt storage/directory.txt storage/sizes.txt storage/validation.txt \
    system/host.txt system/memory.txt system/load.txt health_check.txt
  grep -q 'WAL recovery completed' /tmp/bundle/logs/engram.log || wrong 'the log is not in the log'
  jq -e '.status == "healthy"' /tmp/bundle/server/system_health.json >/dev/null || wrong 'not its health'
  grep -q '^# TYPE engram_' /tmp/bundle/server/metrics.txt || wrong 'no metrics'
  # Size and checksum of each log file.
  file=$(find "$ENGRAM_DATA_DIR/tenant_a/wal" -name '*.log' | tail -n 1)
  grep -q "^$(sha256sum <"$file" | cut -d ' ' -f 1) *$(stat -c %s "$file") $file$" /tmp/bundle/storage/logs.txt || wrong "$(cat /tmp/bundle/storage/logs.txt)"
  # Memories are nobody's business.
  ! grep -rq 'memory one' /tmp/bundle || wrong 'a memory was collected'
  # Every file is on record, and every record that says so has its file.
  is "$(cd /tmp/bundle && find . -type f ! -name manifest.json -printf '%P\n' | LC_ALL=C sort)" \
    "$(jq -r '.parts[] | select(.state == "collected" or .state == "partial") | .part' "$manifest" | while read -r part; do [ ! -e "/tmp/bundle/$part" ] || echo "$part"; done | LC_ALL=C sort)"
}

test_a_server_that_is_down_is_collected_too() {
  fake_data
  collected 1
  says 'failed: process: no server runs'
  is "$(state_of server/alive.txt)" failed
  [ -n "$(reason_of server/alive.txt)" ] || wrong 'no reason'
  has storage/directory.txt storage/logs.txt system/host.txt versions.txt process/list.txt
}

test_a_broken_server_shows_why_server() {
  start_engram
  stored default:one
  systemctl stop engram
  printf '\xff' | dd of="$(find "$ENGRAM_DATA_DIR/default/wal" -name '*.log' | LC_ALL=C sort | head -n 1)" bs=1 seek=100 conv=notrunc status=none
  systemctl start engram
  wait_for is_stopped
  collected 1
  grep -q 'Failed to deserialize WAL entry' /tmp/bundle/logs/engram.log || wrong 'the log does not show it'
  grep -q 'Failed to deserialize WAL entry' /tmp/bundle/storage/validation.txt || wrong 'the check does not show it'
  is "$(state_of config/unit_status.txt)" collected
}

test_a_server_that_hangs_does_not_hold_it_up_server() {
  start_engram
  stored default:one
  pid=$(systemctl show engram -p MainPID --value)
  kill -STOP "$pid"
  collected 1
  kill -CONT "$pid"
  is "$(reason_of server/metrics.txt)" 'the server does not answer'
  has "process/$pid/status.txt" "process/$pid/wchan.txt" logs/engram.log
  grep -q '^State:.*stopped' "/tmp/bundle/process/$pid/status.txt" || wrong 'it was not looked at while it hung'
}

test_a_port_that_swallows_everything_does_not_hold_it_up() {
  fake_data
  take_port
  collected 1
  says 'server/alive.txt'
}

# A tool that never ends, and one that ignores the signal to end.
test_a_part_that_hangs_is_cut_off() {
  fake_data
  mkdir /tmp/bin
  printf '#!/bin/bash\ntrap "" TERM\nwhile :; do sleep 1; done\n' | tee /tmp/bin/ss >/tmp/bin/top
  chmod +x /tmp/bin/*
  PATH=/tmp/bin:$PATH collected 1
  is "$(reason_of process/top.txt)" 'it took longer than 5 s'
  has storage/directory.txt system/memory.txt
  ! pgrep -f /tmp/bin/ >/dev/null || wrong 'it still runs'
}

test_no_secret_leaves_the_host_server() {
  local secret
  mkdir -p /root/.config/engram /etc/default /etc/systemd/system/engram.service.d
  printf '# note\n[server]\nhttp_bind = "127.0.0.1"\n\n[x]\napi_key = "SECRET-1" # ours\ntokens = [\n  "SECRET-2",\n  "SECRET-3",\n]\nurl = "https://me:SECRET-4@host/"\npassword = """\nSECRET-5\n"""\nafter = 1\n' >/root/.config/engram/config.toml
  printf 'ENGRAM_TEST_TOKEN=SECRET-6\nSOME_DSN="SECRET-7"\nPLAIN=SECRET-8\nENGRAM_TEST_PLAIN=visible\n' >/etc/default/engram
  printf '[Service]\nEnvironment=ENGRAM_OTHER_PASSWORD=SECRET-9\n' >/etc/systemd/system/engram.service.d/a.conf
  systemctl daemon-reload
  with_kernel_log
  start_engram
  printf '%s\n' 'Authorization: Bearer SECRET-10' '{"client_secret":"SECRET-11","n":1}' 'login --password SECRET-12 --port 1' \
    '-----BEGIN PRIVATE KEY-----' 'SECRET-13' '-----END PRIVATE KEY-----' 'eyJSECRET14.eyJSECRET14.abc' 'key=SECRET-15, id=visible' \
    'curl http://u:SECRET-16@host' 'ghp_SECRET17SECRET17SECRET17' 'nothing secret here' >>/var/log/journal/engram.log
  collected 0
  # Whatever the form, the word must be nowhere; the plain variable only where it is an assignment of the environment.
  for secret in 1 2 3 4 5 6 7 9 10 11 12 13 14 15 16 17; do
    ! grep -rqE "SECRET-?$secret\b|SECRET${secret}S" /tmp/bundle || wrong "secret $secret: $(grep -rE "SECRET-?$secret" /tmp/bundle | head -n 2)"
  done
  ! grep -q SECRET-8 "/tmp/bundle/process/$(systemctl show engram -p MainPID --value)/environ.txt" || wrong 'an unknown variable was kept'
  # What is no secret stays.
  grep -q 'http_bind = "127.0.0.1"' /tmp/bundle/config/config.toml || wrong 'the configuration was spoilt'
  grep -q 'api_key = "\[REDACTED\]" # ours' /tmp/bundle/config/config.toml || wrong "$(cat /tmp/bundle/config/config.toml)"
  grep -q '^after = 1' /tmp/bundle/config/config.toml || wrong 'too much was taken out'
  grep -q 'id=visible' /tmp/bundle/logs/engram.log || wrong 'too much was taken out of the log'
  grep -q 'nothing secret here' /tmp/bundle/logs/engram.log || wrong 'a line without a secret is gone'
  # It is said what was taken out.
  says 'redacted in config/config.toml'
  jq -e '.redacted | any(.part == "logs/engram.log" and .kind == "private key" and .count == 1)' "$manifest" >/dev/null || wrong "$(jq -c .redacted "$manifest")"
}

test_json_stays_json_when_it_is_redacted() {
  # shellcheck source=/dev/null
  source /opt/runbook/bin/lib_redact.sh
  text='{"token":"a\"b","token_count":5,"api_key":null,"keys":["a","b"],"nested":{"password":"x y","n":[1,2]},"key":{"a":1}}'
  redacted=$(redact x '' <<<"$text")
  is "$(jq -c . <<<"$redacted" 2>&1)" '{"token":"[REDACTED]","token_count":"[REDACTED]","api_key":"[REDACTED]","keys":"[REDACTED]","nested":{"password":"[REDACTED]","n":[1,2]},"key":{"a":1}}'
}

test_a_full_disk_is_refused_and_nothing_is_left() {
  fake_data
  fallocate -l 40M /var/fill
  run collect_debug_info.sh -o /var/tmp/debug
  exits 2
  says 'choose another --output'
  is "$(find /var/tmp -type f | wc -l)" 0
  # The place is chosen.
  run collect_debug_info.sh -o /tmp/elsewhere
  exits 1
  is "$(find /tmp/elsewhere -type f | wc -l)" 1
}

test_an_end_in_the_middle_leaves_nothing() {
  fake_data
  take_port
  collect_debug_info.sh -o /var/tmp/debug >/tmp/out 2>&1 &
  wait_for grep -q collecting /tmp/out
  kill -TERM $!
  wait $!
  is "$(find /var/tmp/debug -mindepth 1 | wc -l)" 0
}

test_the_archive_never_lies_in_the_data_directory() {
  fake_data
  run collect_debug_info.sh -o "$ENGRAM_DATA_DIR"
  exits 2
  says 'inside the data directory'
}

# shellcheck shell=bash disable=SC2154,SC2034
# emergency_recovery.sh: the modes that change how the server is configured.

# shellcheck source-path=SCRIPTDIR source=lib_recovery.sh
source "${BASH_SOURCE[0]%/*}/lib_recovery.sh"

# ---- --sanitize-nan ---------------------------------------------------------------------------------

# A number that is finite in JSON, and infinite in 32 bits.
store_infinite() {
  jq -nc --arg id "$2" '{id: $id, content: "bad", confidence: 0.9, embedding: [range(768) | if . == 7 then 1e39 else 0.1 end]}' |
    curl -fsS --max-time 10 -o /dev/null -H 'Content-Type: application/json' -H "X-Memory-Space: $1" \
      --data @- http://localhost:7432/api/v1/memories/remember
}

nulls() {
  curl -s --max-time 10 -H "X-Memory-Space: $1" 'http://localhost:7432/api/v1/memories?tier=all&include_embeddings=true&limit=1000' |
    jq '[.memories[].embedding[]? | select(. == null)] | length'
}

test_infinite_numbers_are_sanitised_for_good_server() {
  local rest
  seeded
  mkdir -p "$(dirname "$CONFIG")"
  # No line end at the end, comments, a table of our own with one of the keys.
  rest='\n[memory_spaces]\ndefault_space = "default"'
  printf '%b' '# mine\n[server]\nhttp_bind = "127.0.0.1" # here\n\n[validation]\nclamp_invalid_values = false  # off\n' "$rest" >"$CONFIG"
  chmod 0640 "$CONFIG"
  systemctl restart engram
  await
  store_infinite tenant_a bad_one
  [ "$(nulls tenant_a)" -gt 0 ] || wrong 'nothing infinite was stored'
  recover --sanitize-nan --dry-run
  exits 0
  # The draft could not find one: JSON has no NaN.
  says 'space tenant_a: 1 memories with NaN or infinity: bad_one'
  recover --sanitize-nan --yes
  exits 0
  says 'space tenant_a: 0 memories with NaN or infinity'
  is "$(nulls tenant_a)" 0
  is "$(memories tenant_a)" 'bad_one one three two'
  # The draft appended a second table, which is no valid TOML.
  is "$(cat "$CONFIG")" "$(printf '%b' '# mine\n[server]\nhttp_bind = "127.0.0.1" # here\n\n[validation]\nclamp_invalid_values = true  # off\n' \
    'check_finite_embeddings = true\ncheck_finite_confidence = true\nreplace_nan_with_zero = true\n' "$rest")"
  is "$(tail -c 1 "$CONFIG")" '"'
  is "$(stat -c %a "$CONFIG")" 640
  recover --sanitize-nan --yes
  exits 0
  says 'There is nothing to do'
  # For good: without the setting they stay as they are.
  rm "$CONFIG"
  systemctl restart engram
  await
  is "$(nulls tenant_a)" 0
}

test_sanitising_makes_the_configuration_if_there_is_none_server() {
  seeded
  store_infinite default bad_one
  recover --sanitize-nan --space default --yes
  exits 0
  is "$(nulls default)" 0
  run engram validate config -f "$CONFIG"
  exits 0
  is "$(grep -c 'validation' "$CONFIG")" 1
}

# What was infinite is in the backup as it was: it can be looked at afterwards.
test_sanitising_makes_a_backup_first_server() {
  seeded
  store_infinite tenant_a bad_one
  nulls_before=$(nulls tenant_a)
  [ "$nulls_before" -gt 0 ] || wrong 'nothing infinite was stored'
  recover --sanitize-nan --space tenant_a --backup-first --yes
  exits 0
  is "$(nulls tenant_a)" 0
  run verify_backup.sh latest --space tenant_a
  exits 0
  rm "$CONFIG"
  run restore.sh latest --space tenant_a --stop --yes
  exits 0
  start_engram
  is "$(nulls tenant_a)" "$nulls_before"
}

test_a_configuration_in_another_form_is_left_alone() {
  local text
  whole_data
  mkdir -p "$(dirname "$CONFIG")"
  for text in 'validation.clamp_invalid_values = true' 'validation = { clamp_invalid_values = true }' '["validation"]' \
    '[validation]\nx = 1\n[validation]' 'x = """open'; do
    printf '%b\n' "$text" >"$CONFIG"
    before=$(sha256sum <"$CONFIG")
    recover --sanitize-nan --config "$CONFIG" --yes --no-start
    exits 2
    says 'Nothing was changed'
    is "$(sha256sum <"$CONFIG")" "$before"
  done
  rm "$CONFIG"
  ln -s /tmp/elsewhere "$CONFIG"
  recover --sanitize-nan --config "$CONFIG" --yes --no-start
  exits 2
  says 'links are not followed'
}

test_only_the_table_itself_is_edited() {
  # shellcheck source=/dev/null
  source /opt/runbook/bin/lib_toml.sh
  edited() {
    printf '%b' "$1" >/tmp/x.toml
    is "$(toml_set /tmp/x.toml validation a=true b=true; echo "[$?]")" "$(printf "%b[0]" "$2")"
    # Twice is the same as once.
    toml_set /tmp/x.toml validation a=true b=true >/tmp/y.toml
    toml_set /tmp/y.toml validation a=true b=true | cmp -s - /tmp/y.toml || wrong "not idempotent: $1"
  }
  local added='[validation]\na = true\nb = true\n'
  edited '' "$added"
  edited '[s]\nx = 1\n' "[s]\nx = 1\n\n$added"
  edited '[validation]\nb=false#c\n\n\n[s]\n' '[validation]\nb = true#c\na = true\n\n\n[s]\n'
  edited 's = """\n[validation]\na = false\n"""\n' "s = \"\"\"\n[validation]\na = false\n\"\"\"\n\n$added"
  edited "s = '''\n[validation]\n'''\n" "s = '''\n[validation]\n'''\n\n$added"
  edited 's = [\n[1],\n[validation]\n]\n' "s = [\n[1],\n[validation]\n]\n\n$added"
  edited '[ validation ]\r\na = false\r\n' '[ validation ]\r\na = true\r\nb = true\r\n'
  edited '[x.validation]\na = false\n[validation.sub]\na = false\n' "[x.validation]\na = false\n[validation.sub]\na = false\n\n$added"
}

# ---- --readonly-mode and --readwrite-mode -----------------------------------------------------------

test_read_only_mode_refuses_writes_until_it_is_left_server() {
  local i
  seeded
  mkdir -p /etc/default
  printf '# ours\nENGRAM_READONLY=false\nOTHER="x y"\nexport ENGRAM_READONLY=0' >"$SWITCHES"
  # The draft set a variable in its own shell, and added a line each time.
  for i in 1 2 3; do
    recover --readonly-mode --yes
    exits 0
    is "$(cat "$SWITCHES")" "$(printf '# ours\nENGRAM_READONLY=true\nOTHER="x y"')"
    run store default later
    exits 22
    is "$(memories default)" 'one three two'
    [ "$i" != 2 ] || systemctl restart engram
    await
  done
  recover --readonly-mode --yes
  says 'There is nothing to do'
  recover --readwrite-mode --yes
  exits 0
  is "$(cat "$SWITCHES")" "$(printf '# ours\nOTHER="x y"')"
  stored default:later
  is "$(memories default)" 'later one three two'
  recover --readwrite-mode --yes
  exits 0
  says 'There is nothing to do'
}

# A service manager that knows a service called engram: unit_with ENVIRONMENT-FILES
unit_with() {
  mkdir /tmp/bin
  printf '#!/bin/sh\ncase $* in *FragmentPath*) echo x;; *EnvironmentFiles*) echo "%s";; esac\n' "$1" >/tmp/bin/systemctl
  chmod +x /tmp/bin/systemctl
  PATH=/tmp/bin:$PATH
}

# It must not be said to be in that mode, and the switch does not stay.
test_a_server_that_ignores_the_switch_is_a_failure() {
  whole_data
  printf 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{"status":"healthy"}' >/tmp/answer
  (while :; do nc -l -N 127.0.0.1 7432 </tmp/answer >/dev/null; done) 2>/dev/null &
  wait_for is_listening
  unit_with '/etc/default/engram (ignore_errors=yes)'
  recover --readonly-mode --yes
  exits 2
  says 'does not know ENGRAM_READONLY'
  exists_not "$SWITCHES"
}

test_a_service_that_does_not_read_the_file_is_refused() {
  whole_data
  unit_with ''
  recover --readonly-mode --yes
  exits 2
  says 'the service does not read /etc/default/engram'
  says 'Nothing was changed'
  exists_not "$SWITCHES"
}

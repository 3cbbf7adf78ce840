# shellcheck shell=bash disable=SC2154,SC2034
# What the tests of emergency_recovery.sh share: data, damage, and a call of it.

CONFIG=/root/.config/engram/config.toml
SWITCHES=/etc/default/engram
# Three whole records of 140 bytes.
WHOLE='776t3gAAAAAAAAAAFc1bBwAAAAABAAAATAAAACrlLR4/JL5VAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAHsiaWQiOiJtMCIsImNvbnRlbnQiOiJjIiwiY29uZmlkZW5jZSI6MSwidGltZXN0YW1wIjoiMjAyNi0wMS0wMVQwMDowMDowMFoifSDvvq3eAQAAAAAAAAAVzVsHAAAAAAEAAABMAAAAEcE0AlEN8noAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAeyJpZCI6Im0xIiwiY29udGVudCI6ImMiLCJjb25maWRlbmNlIjoxLCJ0aW1lc3RhbXAiOiIyMDI2LTAxLTAxVDAwOjAwOjAwWiJ9IO++rd4CAAAAAAAAABXNWwcAAAAAAQAAAEwAAABcrR8m43YmCwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB7ImlkIjoibTIiLCJjb250ZW50IjoiYyIsImNvbmZpZGVuY2UiOjEsInRpbWVzdGFtcCI6IjIwMjYtMDEtMDFUMDA6MDA6MDBaIn0g'

whole_records_file() { base64 -d <<<"$WHOLE" >"$1"; }

# Three spaces of two whole log files each, without a server; engram itself is not there either.
whole_data() {
  local file
  fake_data
  for file in "$ENGRAM_DATA_DIR"/*/wal/*.log; do whole_records_file "$file"; done
}

oldest() { find "$ENGRAM_DATA_DIR/$1/wal" -name 'wal-*.log' -size +0 | LC_ALL=C sort | head -n 1; }
newest() { find "$ENGRAM_DATA_DIR/$1/wal" -name 'wal-*.log' -size +0 | LC_ALL=C sort | tail -n 1; }
flip() { printf '%b' "${3:-\\xff}" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# A running server with two memories a space in an older log file, and one in the newest.
seeded() {
  local space
  start_engram
  for space in default tenant_a tenant_b; do stored "$space:one" "$space:two"; done
  systemctl restart engram
  await
  for space in default tenant_a tenant_b; do stored "$space:three"; done
}

# What a dry run must not touch.
everything() { tree "$ENGRAM_DATA_DIR" "$ENGRAM_BACKUP_DIR" /etc /root; }

recover() { run emergency_recovery.sh "$@"; }

# shellcheck shell=bash disable=SC2154,SC2034
# verify_backup.sh: what is whole, and everything that is not.

made() {
  fake_data
  run backup_full.sh
  exits 0
  archive=$(echo "$ENGRAM_BACKUP_DIR"/engram-full-all-*.tar.zst)
}

# repack COMMAND: unpacks the archive, runs the command there, packs it again in the manifest's order.
repack() {
  mkdir /tmp/repack && tar --zstd -xf "$archive" -C /tmp/repack
  (cd /tmp/repack && eval "$1")
  (cd /tmp/repack && tar --zstd -cf "$archive" -- manifest.json */)
}

test_a_whole_archive_passes() {
  made
  run verify_backup.sh "$archive"
  exits 0
  says 'is whole'
  says 'space tenant_a: 2 files'
  run verify_backup.sh --quiet latest
  exits 0
  is "$out" ''
}

test_a_truncated_archive_fails() {
  made
  truncate -s -20 "$archive"
  run verify_backup.sh "$archive"
  exits 2
  says 'is damaged'
}

test_a_flipped_byte_fails() {
  made
  printf '\x5a' | dd of="$archive" bs=1 seek=$(($(stat -c %s "$archive") / 2)) conv=notrunc status=none
  run verify_backup.sh "$archive"
  exits 2
}

test_an_archive_that_is_only_packed_again_passes() {
  made
  repack ':'
  run verify_backup.sh "$archive"
  exits 0
}

test_a_changed_file_fails_and_is_named() {
  made
  repack 'printf x >>tenant_a/wal/wal-0000000065000000.log'
  run verify_backup.sh "$archive"
  exits 2
  says 'tenant_a/wal/wal-0000000065000000.log is not as the manifest says'
}

test_a_missing_file_fails() {
  made
  repack 'rm tenant_a/wal/wal-0000000065000000.log'
  run verify_backup.sh "$archive"
  exits 2
  says 'tenant_a/wal/wal-0000000065000000.log'
}

test_a_file_that_the_manifest_does_not_list_fails() {
  made
  repack 'echo x >tenant_a/wal/extra.log'
  run verify_backup.sh "$archive"
  exits 2
  says 'extra.log'
}

test_a_symbolic_link_inside_fails() {
  made
  repack 'ln -s /etc/passwd tenant_a/wal/link.log'
  run verify_backup.sh "$archive"
  exits 2
  says 'neither file nor directory'
}

test_a_path_that_leads_out_fails() {
  made
  mkdir /tmp/repack && tar --zstd -xf "$archive" -C /tmp/repack
  tar --zstd -P -cf "$archive" -C /tmp/repack --transform 's,^tenant_b,../tenant_b,' manifest.json default tenant_a tenant_b
  run verify_backup.sh "$archive"
  exits 2
  says 'unsafe name'
}

test_a_manifest_with_an_impossible_space_fails() {
  made
  repack 'jq ".spaces[0].id = \"../x\"" manifest.json >m && mv m manifest.json'
  run verify_backup.sh "$archive"
  exits 2
  says 'manifest'
}

test_an_archive_without_manifest_fails() {
  made
  mkdir /tmp/repack && tar --zstd -xf "$archive" -C /tmp/repack
  tar --zstd -cf "$archive" -C /tmp/repack default tenant_a tenant_b
  run verify_backup.sh "$archive"
  exits 2
  says 'no manifest'
}

test_what_is_no_archive_fails() {
  made
  echo 'not an archive' >"$archive"
  run verify_backup.sh "$archive"
  exits 2
  run verify_backup.sh /nowhere
  exits 2
  says 'does not exist'
  run verify_backup.sh /tmp
  exits 2
  run verify_backup.sh
  exits 64
  run verify_backup.sh a b
  exits 64
}

test_no_archive_at_all_is_said() {
  run verify_backup.sh latest
  exits 2
  says "there is no archive in $ENGRAM_BACKUP_DIR"
  run verify_backup.sh --space tenant_a latest
  exits 2
  says 'there is no archive of space tenant_a'
}

test_latest_goes_by_the_name_and_not_by_the_time_of_the_file() {
  made
  cp "$archive" "$ENGRAM_BACKUP_DIR/engram-full-all-20200101T000000Z.tar.zst"
  touch "$ENGRAM_BACKUP_DIR/engram-full-all-20200101T000000Z.tar.zst"
  # Neither a copy with another name nor a link is taken.
  cp "$archive" "$ENGRAM_BACKUP_DIR/engram-full-all-29991231T000000Z.tar.zst.part"
  ln -s "$archive" "$ENGRAM_BACKUP_DIR/engram-full-all-29991231T000000Z.tar.zst"
  run verify_backup.sh latest
  exits 0
  says "$archive is whole"
}

test_latest_of_a_space_may_be_an_archive_of_all() {
  made
  run backup_full.sh --space tenant_a
  mv "$(echo "$ENGRAM_BACKUP_DIR"/engram-full-tenant_a-*)" "$ENGRAM_BACKUP_DIR/engram-full-tenant_a-20200101T000000Z.tar.zst"
  run verify_backup.sh --space tenant_a latest
  exits 0
  says "$archive is whole"
}

test_nine_thousand_archives_are_no_problem() {
  made
  (cd "$ENGRAM_BACKUP_DIR" && for i in $(seq 10000 18999); do : >"engram-full-all-20200101T0${i}Z.tar.zst"; done)
  run timeout 20 verify_backup.sh latest
  exits 0
  says "$archive is whole"
}

test_an_archive_of_another_space_is_never_taken() {
  fake_data
  run backup_full.sh --space tenant_b
  exits 0
  run verify_backup.sh --space tenant latest
  exits 2
  run verify_backup.sh --space tenant_a latest
  exits 2
  run verify_backup.sh latest
  exits 2
}

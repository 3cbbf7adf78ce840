# shellcheck shell=bash
# Reads log files of Engram without Engram: which records are whole, and where the damage is.
# The operator scripts source this file; it needs awk, od, head and tail.

# A record is a header of 64 bytes and a payload. In the header, little-endian: at 0 the magic number deadbeef, at 24
# the size of the payload, at 28 its CRC-32C, at 32 the CRC-32C of bytes 0 to 55 but these four.
#
# The program reads bytes in decimal. It begins at $offset: at a record, or, with seeking=1, somewhere in damage, in which
# it looks for the next header whose checksum fits. What it prints is told at wal_scan.
# shellcheck disable=SC2016
readonly WAL_PROGRAM='
  BEGIN {
    for (a = 0; a < 16; a++)
      for (b = 0; b < 16; b++) {
        value = 0
        for (bit = 1; bit < 16; bit *= 2)
          if (int(a / bit) % 2 != int(b / bit) % 2) value += bit
        nibble[a * 16 + b] = value
      }
    for (a = 0; a < 256; a++)
      for (b = 0; b < 256; b++)
        xor256[a * 256 + b] = 256 * (xor[a * 256 + b] = nibble[int(a / 16) * 16 + int(b / 16)] * 16 + nibble[a % 16 * 16 + b % 16])
    # The table of the polynomial 82f63b78, each entry in four bytes, the lowest first.
    for (a = 0; a < 256; a++) {
      c0 = a; c1 = c2 = c3 = 0
      for (bit = 0; bit < 8; bit++) {
        odd = c0 % 2
        c0 = int(c0 / 2) + c1 % 2 * 128; c1 = int(c1 / 2) + c2 % 2 * 128
        c2 = int(c2 / 2) + c3 % 2 * 128; c3 = int(c3 / 2)
        if (odd) { c0 = xor[c0 * 256 + 120]; c1 = xor[c1 * 256 + 59]; c2 = xor[c2 * 256 + 246]; c3 = xor[c3 * 256 + 130] }
      }
      t0[a] = c0; t1[a] = c1; t2[a] = c2; t3[a] = c3 * 256
    }
    magic[0] = 239; magic[1] = 190; magic[2] = 173; magic[3] = 222
    at = offset; begin_record()
  }
  # The four bytes of a checksum, the lowest first, each times 256, which makes it the row of a table.
  function begin_record() { record = at; filled = 0; left = -1; zeros = 0; c0 = c1 = c2 = c3 = 65280 }
  function add(byte,   index_) {
    index_ = xor[c0 + byte]
    c0 = xor256[c1 + t0[index_]]; c1 = xor256[c2 + t1[index_]]; c2 = xor256[c3 + t2[index_]]; c3 = t3[index_]
  }
  # Lower than the magic number bytes of a file that ends early count as zeros.
  function number_at(first) { return sprintf("%02x%02x%02x%02x", header[first + 3], header[first + 2], header[first + 1], header[first]) }
  function checksum() { return sprintf("%02x%02x%02x%02x", 255 - c3 / 256, 255 - c2 / 256, 255 - c1 / 256, 255 - c0 / 256) }
  function damaged(reason) {
    if (!seeking) print "damaged", record, reason
    print "seek", record + 1
    over = 1; exit
  }
  function header_is_full(   i) {
    for (i = 0; i < 56; i++) if (i < 32 || i > 35) add(header[i])
    if (checksum() != number_at(32)) damaged("Checksum verification failed: expected " number_at(32) ", got " checksum())
    left = header[24] + header[25] * 256 + header[26] * 65536 + header[27] * 16777216
    c0 = c1 = c2 = c3 = 65280
    if (left == 0) payload_is_full()
  }
  function payload_is_full() {
    if (checksum() != number_at(28)) {
      seeking = 0
      damaged("Checksum verification failed: expected " number_at(28) ", got " checksum())
    }
    # Nearly all records are of type 1, a stored memory.
    type = header[20] + header[21] * 256
    print "whole", record, at, type == 1 ? "" : type
    seeking = 0
    begin_record()
  }
  function not_magic(   i) {
    for (i = filled; i < 4; i++) header[i] = 0
    damaged("Corruption detected: Invalid magic number: expected deadbeef, got " number_at(0))
  }
  {
    for (field = 1; field <= NF; field++) {
      # Nearly all bytes are those of a payload, so their way is short.
      if (left > 0) {
        last = NF - field < left ? NF : field + left - 1
        left -= last - field + 1; at += last - field + 1
        for (; field <= last; field++) {
          i = xor[c0 + $field]
          c0 = xor256[c1 + t0[i]]; c1 = xor256[c2 + t1[i]]; c2 = xor256[c3 + t2[i]]; c3 = t3[i]
        }
        field--
        if (left == 0) payload_is_full()
        continue
      }
      byte = $field + 0
      at++
      if (zeros) {
        if (byte == 0) { zeros++; continue }
        header[0] = header[1] = header[2] = header[3] = 0
        if (zeros < 4) header[zeros] = byte
        filled = 4; not_magic()
      }
      if (filled == 0 && byte == 0 && !seeking) { zeros = 1; continue }
      header[filled++] = byte
      if (filled <= 4 && byte != magic[filled - 1]) {
        if (!seeking) { wait_for_four = 1 } else { begin_record(); if (byte == 239) { record = at - 1; header[0] = byte; filled = 1 } }
      }
      if (wait_for_four && filled == 4) not_magic()
      if (filled == 64) header_is_full()
    }
  }
  END {
    if (over || seeking) exit
    if (zeros) print "zeros", record
    else if (wait_for_four) not_magic()
    else if (filled > 0) print "torn", record
  }'

# wal_scan FILE: what is in a log file, one line each, in the order of the file:
#   whole START END       whole records from byte START to byte END, of type 1: stored memories
#   whole START END TYPE  whole records of another type
#   damaged OFFSET WHY    a damaged record, or several up to the next whole one
#   torn OFFSET           the file ends within this record
#   zeros OFFSET          nothing but zeros to the end, which the server ignores
# Fails if the file cannot be read. It reads a megabyte in about two seconds, so with WAL_CACHE, a directory, a file that has
# not changed is read once.
wal_scan() {
  local kept
  [ -f "$1" ] && [ -r "$1" ] || return 1
  if [ -z "${WAL_CACHE:-}" ]; then
    wal_read "$1"
    return
  fi
  kept=$WAL_CACHE/$(stat -c '%d-%i-%s-%.9Y' -- "$1")
  if [ ! -f "$kept" ]; then
    wal_read "$1" >"$kept.new" || return
    mv -T -- "$kept.new" "$kept" || return
  fi
  cat -- "$kept"
}

wal_read() {
  local offset=0 seeking=0 next word first rest
  while [ -n "$offset" ]; do
    next=''
    while read -r word first rest; do
      case $word in
        seek) next=$first ;;
        *) printf '%s %s%s\n' "$word" "$first" "${rest:+ $rest}" ;;
      esac
    done < <(od -An -v -tu1 -w256 -j "$offset" -- "$1" | LC_ALL=C awk -v "offset=$offset" -v "seeking=$seeking" "$WAL_PROGRAM")
    offset=$next seeking=1
  done | awk '
    # Neighbouring records are one line.
    function flush() { if (start != "") print "whole", start, end (type == "" ? "" : " " type); start = "" }
    $1 == "whole" && start != "" && $2 == end && $4 == type { end = $3; next }
    { flush() }
    $1 == "whole" { start = $2; end = $3; type = $4; next }
    { print }
    END { flush() }'
}

# wal_damage FILE NEWEST: the first damage of a log file, in the words of the server; nothing if it is whole.
# The end of the newest file of a space may be torn: a crash leaves that, and the server removes it.
wal_damage() {
  local word offset rest
  if [ ! -f "$1" ] || [ ! -r "$1" ]; then
    printf "Failed to read WAL file '%s'\n" "$1"
    return
  fi
  while read -r word offset rest; do
    case $word in
      damaged) ;;
      torn)
        [ "$2" = false ] || continue
        rest='I/O error: failed to fill whole buffer'
        ;;
      *) continue ;;
    esac
    printf 'Failed to deserialize WAL entry at offset %s in %s: %s\n' "$offset" "$1" "$rest"
    return
  done < <(wal_scan "$1")
}

# checkpoint_damage FILE: the same for a checkpoint, which consists of such records and ends with one of type 5.
checkpoint_damage() {
  local found
  found=$(wal_damage "$1" false)
  if [ -z "$found" ] && [[ $(wal_scan "$1" | tail -n 1) != 'whole '*' 5' ]]; then
    found="Failed to deserialize WAL entry at offset $(stat -c %s -- "$1") in $1: I/O error: failed to fill whole buffer"
  fi
  [ -z "$found" ] || printf '%s\n' "$found"
}

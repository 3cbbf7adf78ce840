"""The write-ahead log of a space: records, the asynchronous writer, replay with F3, compaction with F1."""

import os
import pathlib
import queue
import struct
import threading
import time

import config
import log

TARGET = "engram_core::storage::wal"
MAGIC = 0xDEADBEEF
HEADER = struct.Struct("<IQQIIII20s8x")
EPISODE_STORE = 1
BATCH, BATCH_SECONDS = 1000, 0.010


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def record(sequence, payload):
    """The checksum of the header covers all of it but itself and the padding at its end."""
    fields = [MAGIC, sequence, time.time_ns(), EPISODE_STORE, len(payload), crc32c(payload)]
    unsummed = HEADER.pack(*fields, 0, bytes(20))
    return HEADER.pack(*fields, crc32c(unsummed[:32] + unsummed[36:56]), bytes(20)) + payload


class Torn(Exception):
    """What the program's recovery does not survive (F3)."""


def files(directory):
    return sorted(path for path in pathlib.Path(directory).iterdir() if path.name.endswith(".log"))


def payloads_of(path):
    """The whole payloads of one file, in order. A bad header ends the file, a bad payload is left out; neither is counted."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Torn(f"I/O error: {config.os_error(error)}") from error
    at = 0
    while len(data) - at >= HEADER.size:
        header = data[at:at + HEADER.size]
        magic, _, _, _, size, payload_crc, header_crc, _ = HEADER.unpack(header)
        got = crc32c(header[:32] + header[36:56])
        reason = None
        if magic != MAGIC:
            reason = f"Corruption detected: Invalid magic number: expected {MAGIC:x}, got {magic:x}"
        elif got != header_crc:
            reason = f"Checksum verification failed: expected {header_crc:x}, got {got:x}"
        if reason:
            log.plain(f"Header validation failed: {reason}")
            log.warn(TARGET, f"Corrupted header in {path}: {reason}")
            return
        at += HEADER.size
        if len(data) - at < size:
            raise Torn("I/O error: failed to fill whole buffer", "failed to fill whole buffer")
        payload = data[at:at + size]
        at += size
        got = crc32c(payload)
        if got == payload_crc:
            yield payload
        else:
            log.warn(TARGET, f"Corrupted payload in {path}: Checksum verification failed: "
                             f"expected {payload_crc:x}, got {got:x}")


class Writer:
    """Writes to the file that it has opened at first, whatever becomes of its name."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.sequence = 0
        self.queue = queue.Queue()
        name = self.directory / f"wal-{int(time.time()):016x}.log"
        self.file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        threading.Thread(target=self._work, daemon=True, name="wal-writer").start()

    def append(self, payload):
        """Returns at once: whoever is answered with 201 does not know whether it was written."""
        self.queue.put(record(self.sequence, payload))
        self.sequence += 1

    def flush(self):
        self.queue.join()

    def _work(self):
        while True:
            batch = [self.queue.get()]
            end = time.monotonic() + BATCH_SECONDS
            while len(batch) < BATCH and (left := end - time.monotonic()) > 0:
                try:
                    batch.append(self.queue.get(timeout=left))
                except queue.Empty:
                    break
            begin = time.monotonic()
            try:
                os.write(self.file, b"".join(batch))
                os.fsync(self.file)
            except OSError as error:
                log.error(TARGET, f"WAL batch write failed: I/O error: {config.os_error(error)}")
            taken = int((time.monotonic() - begin) * 1000)
            if taken >= 10:
                log.warn(TARGET, f"WAL batch write took {taken}ms, target <10ms")
            for _ in batch:
                self.queue.task_done()


def compact(directory, payloads):
    """F1: a new file takes over what was read, and all others are unlinked: the one that the writer has open, too."""
    directory = pathlib.Path(directory)
    name = directory / f"wal-{int(time.time()):016x}.log"
    part = name.with_name(name.name + ".tmp")
    reclaimed = sum(path.stat().st_size for path in files(directory))
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for sequence, payload in enumerate(payloads):
            file.write(record(sequence, payload))
        file.flush()
        os.fsync(file.fileno())
    old = files(directory)
    os.rename(part, name)
    for path in old:
        if path != name:
            path.unlink()
    return max(0, reclaimed - name.stat().st_size)

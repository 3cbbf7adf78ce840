"""Memory spaces: their directories, what is in RAM, deduplication, the warm tier's file."""

import array
import datetime
import math
import mmap
import os
import pathlib
import re
import struct
import threading
import time

import config
import log
import metrics
import wal

TARGET = "engram_core::store"
DIMENSIONS = 768
WARM_HEADER, WARM_SLOT, WARM_SLOTS = 96, 3136, 1_000_000
HOT_FROM = 0.7
SIMILAR = 0.95


class BadId(ValueError):
    pass


def check_id(text):
    if not text:
        raise BadId("Memory space identifier is empty")
    if not 3 <= len(text) <= 64:
        raise BadId(f"Memory space identifier '{text}' has invalid length {len(text)}")
    if not re.fullmatch(r"[a-z0-9_-]+", text):
        raise BadId(f"Memory space identifier '{text}' contains unsupported characters")


class Memory:
    def __init__(self, name, content, confidence, embedding, seconds):
        self.id, self.content, self.confidence, self.seconds = name, content, confidence, seconds
        self.embedding = embedding
        self.norm = math.sqrt(sum(x * x for x in embedding))

    @property
    def timestamp(self):
        at = datetime.datetime.fromtimestamp(self.seconds, datetime.timezone.utc)
        return at.isoformat().replace("+00:00", "Z")

    def resembles(self, other):
        norm = self.norm * other.norm
        if not norm or not math.isfinite(norm):
            return False
        return sum(x * y for x, y in zip(self.embedding, other.embedding)) / norm >= SIMILAR

    def to_bytes(self):
        """The program writes bincode; these bytes are the double's own, of about the same length."""
        name, content = self.id.encode(), self.content.encode()
        return (struct.pack("<II", len(name), len(content)) + name + content
                + struct.pack("<dd", self.confidence, self.seconds) + self.embedding.tobytes())

    @classmethod
    def from_bytes(cls, data):
        n_name, n_content = struct.unpack_from("<II", data)
        at = 8 + n_name + n_content
        confidence, seconds = struct.unpack_from("<dd", data, at)
        embedding = array.array("f")
        embedding.frombytes(data[at + 16:])
        if len(embedding) != DIMENSIONS:
            raise ValueError("unexpected end of file")
        return cls(data[8:8 + n_name].decode(), data[8 + n_name:at].decode(), confidence, embedding, seconds)


class Space:
    """Opened: the writer first, then the recovery, as in the program. The order is what makes F1."""

    def __init__(self, root, name):
        self.id, self.root = name, pathlib.Path(root) / name
        self.lock = threading.Lock()
        self.memories = {}
        self.n_warm = 0
        for directory in [self.root, *(self.root / part for part in ("wal", "hot", "warm", "cold"))]:
            try:
                os.makedirs(directory, exist_ok=True)
            except OSError as error:
                raise config.Fatal(f"Failed to prepare persistence directory '{directory}' for space '{name}'",
                                   config.os_error(error)) from error
        self.created_at = datetime.datetime.fromtimestamp(self.root.stat().st_ctime, datetime.timezone.utc)
        try:
            self.warm = self._map_warm_tier()
            self.writer = wal.Writer(self.root / "wal")
            self._recover()
        except wal.Torn as torn:
            raise config.Fatal(f"Failed to initialise memory store for space '{name}'", *torn.args) from torn
        except OSError as error:
            raise config.Fatal(f"Failed to initialise memory store for space '{name}'",
                               f"I/O error: {config.os_error(error)}", config.os_error(error)) from error

    def _map_warm_tier(self):
        """F10: sparse, of 3.1 GB, emptied at each start. Its pages are taken only on request: it is the test host's memory."""
        size = WARM_HEADER + WARM_SLOT * WARM_SLOTS
        with open(self.root / "warm_tier.dat", "w+b") as file:
            file.truncate(size)
            mapped = mmap.mmap(file.fileno(), size)
        if os.environ.get("ENGRAM_DOUBLE_TOUCH"):
            mapped[::4096]
        return mapped

    def _recover(self):
        begin = time.monotonic()
        payloads, failed = [], 0
        for path in wal.files(self.root / "wal"):
            for payload in wal.payloads_of(path):
                try:
                    memory = Memory.from_bytes(payload)
                except (ValueError, struct.error) as error:
                    failed += 1
                    log.warn(TARGET, "Failed to replay WAL entry during recovery", failed_count=failed,
                             error=f'CorruptionDetected("Failed to deserialize WAL episode: {error}")')
                    continue
                self.memories[memory.id] = memory
                payloads.append(payload)
        log.info(TARGET, "WAL recovery completed", recovered=len(payloads), corrupted=0, corruption_rate="0.0")
        metrics.sample("engram_wal_recovery_successes_total", 1, self.id)
        metrics.sample("engram_wal_recovery_duration_seconds", time.monotonic() - begin, self.id)
        if payloads:
            try:
                reclaimed = wal.compact(self.root / "wal", payloads)
            except OSError as error:
                log.error(TARGET, "WAL compaction failed - will retry on next restart", error=config.os_error(error))
                return
            metrics.sample("engram_wal_compaction_runs_total", 1, self.id)
            metrics.sample("engram_wal_compaction_bytes_reclaimed", reclaimed, self.id)

    def store(self, memory):
        """False where a memory resembles one that is at least as sure: it is dropped, and its sender is told 201."""
        with self.lock:
            for other in self.memories.values():
                if other.confidence >= memory.confidence and memory.resembles(other):
                    return False
            self.memories[memory.id] = memory
            self.writer.append(memory.to_bytes())
            if memory.confidence < HOT_FROM:
                # F2: with a full disk the kernel ends the process here, with SIGBUS.
                at = WARM_HEADER + self.n_warm % WARM_SLOTS * WARM_SLOT
                self.warm[at:at + WARM_SLOT] = memory.embedding.tobytes().ljust(WARM_SLOT, b"\1")
                self.n_warm += 1
        return True

    def listed(self):
        with self.lock:
            return list(self.memories.values())

    def tier_of(self, memory):
        return "hot" if memory.confidence >= HOT_FROM else "warm"


class Registry:
    """The spaces that were used since the start. There is no file of them: a directory is a space."""

    def __init__(self, root, settings):
        self.root = pathlib.Path(root)
        self.default = settings["default_space"]
        self.spaces, self.lock = {}, threading.Lock()
        try:
            os.makedirs(self.root, exist_ok=True)
        except OSError as error:
            raise config.Fatal(f"Failed to create data directory at {self.root}", config.os_error(error)) from error
        self._look()
        for name in dict.fromkeys([self.default, *settings["bootstrap_spaces"]]):
            self.open(name)

    def _look(self):
        try:
            names = sorted(path.name for path in self.root.iterdir() if path.is_dir())
        except OSError as error:
            log.error("engram", "Failed to recover memory spaces - continuing with bootstrap",
                      error=config.os_error(error))
            return
        for name in names:
            try:
                check_id(name)
            except BadId:
                log.warn("engram_core::registry::memory_space", "skipping directory with invalid space ID", directory=name)

    def open(self, name):
        """Whoever asks for a space makes it, readers too. Others wait meanwhile."""
        check_id(name)
        with self.lock:
            if name not in self.spaces:
                self.spaces[name] = Space(self.root, name)
            return self.spaces[name]

    def loaded(self, name):
        return self.spaces.get(name)

    def flush(self):
        for space in list(self.spaces.values()):
            space.writer.flush()

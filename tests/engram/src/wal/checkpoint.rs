//! The checkpoint of a space, `warm/checkpoint-<n>.ckp`: what consolidation has made of closed log files.
//!
//! It holds the newest value of each id in records of the same form as the log's, and ends with a record of its own
//! type: how many there are, which log files it was made of, and a checksum over everything before. Without that
//! record, or with anything behind it, the file is damaged.
//!
//! It is written under another name, synced and renamed, so that a file with the right name is always whole. The log
//! files are removed only then. The highest number counts; lower ones are leftovers of a crash.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::damage::{Damage, ReplayError, log_damage};
use super::record::{self, CHECKPOINT, HEADER_SIZE};
use super::replay::{check_payload, record_at};
use super::seconds_of;
use crate::memory::Memory;

/// What is known of a checkpoint beside its memories.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The number in its name.
    pub(crate) number: u64,
    end: End,
}

/// The payload of its last record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct End {
    /// Records before this one.
    memories: u64,
    /// Names of the log files that this checkpoint was made of, beside the checkpoint before it.
    covers: Vec<String>,
    /// Name of the newest log file that this checkpoint or one before it was made of.
    until: String,
    /// CRC-32C of all bytes before this record.
    checksum: u32,
}

impl Checkpoint {
    /// Was it made of this log file?
    pub(super) fn covers(&self, path: &Path) -> bool {
        let name = name_of(path);
        self.end.covers.contains(&name)
    }

    /// The seconds in the name of the newest log file that it was made of. A new log file must have more.
    pub(crate) fn until_seconds(&self) -> Option<u64> {
        seconds_of(Path::new(&self.end.until))
    }
}

/// Removes what a crash has left half-written. No server may write meanwhile.
pub(super) fn tidy(warm: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(warm)? {
        let path = entry?.path();
        let name = name_of(&path);
        if name.starts_with("checkpoint-") && name.ends_with(".ckp.tmp") {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The checkpoints in a directory with their numbers, oldest first.
pub(super) fn files(warm: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(warm)? {
        let path = entry?.path();
        let name = name_of(&path);
        let number = name.strip_prefix("checkpoint-");
        let number = number.and_then(|it| it.strip_suffix(".ckp"));
        if let Some(number) = number.and_then(|it| it.parse().ok()) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

/// A checkpoint with its bytes, which are as they were written.
#[derive(Debug)]
pub(crate) struct Held {
    /// What it is.
    pub(crate) checkpoint: Checkpoint,
    bytes: Vec<u8>,
}

impl Held {
    /// Hands its memories to `accept`, in the order in which they were first stored.
    pub(super) fn each(&self, mut accept: impl FnMut(Memory)) -> Result<(), ReplayError> {
        for (offset, record) in self.records() {
            let memory: Result<Memory, _> = serde_json::from_slice(&record[HEADER_SIZE..]);
            accept(memory.map_err(|error| {
                let damage = Damage::Episode(error.to_string());
                log_damage(&self.checkpoint.path, offset, &damage);
                damaged(&self.checkpoint.path, (offset, damage))
            })?);
        }
        Ok(())
    }

    /// How many memories it holds.
    pub(super) fn memories(&self) -> u64 {
        self.checkpoint.end.memories
    }

    /// Its records but the last one, each with its offset.
    fn records(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut offset = 0;
        std::iter::from_fn(move || {
            let rest = &self.bytes[offset..];
            // It was checked when it was read.
            let (header, _) = record_at(rest).ok().flatten()?;
            let record = (offset, &rest[..HEADER_SIZE + header.payload_size]);
            offset += record.1.len();
            (header.entry_type != CHECKPOINT).then_some(record)
        })
    }
}

/// Reads and checks a checkpoint as a whole. What is wrong with it is told to the log, too.
pub(crate) fn read(path: &Path) -> Result<Held, ReplayError> {
    let read = examine(path);
    if let Err(ReplayError::Damaged { offset, source, .. }) = &read {
        log_damage(path, *offset, source);
    }
    read
}

/// Reads and checks a checkpoint as a whole.
pub(super) fn examine(path: &Path) -> Result<Held, ReplayError> {
    let bytes = std::fs::read(path).map_err(|source| ReplayError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let end = check(&bytes).map_err(|damage| damaged(path, damage))?;
    let number = name_of(path)
        .trim_start_matches("checkpoint-")
        .trim_end_matches(".ckp")
        .parse()
        .unwrap_or_default();
    let path = path.to_path_buf();
    let checkpoint = Checkpoint { path, number, end };
    Ok(Held { checkpoint, bytes })
}

fn damaged(path: &Path, (offset, source): (usize, Damage)) -> ReplayError {
    ReplayError::Damaged {
        offset,
        path: path.to_path_buf(),
        source,
    }
}

fn check(bytes: &[u8]) -> Result<End, (usize, Damage)> {
    let (mut offset, mut memories) = (0, 0);
    loop {
        let record = record_at(&bytes[offset..]).and_then(|record| record.ok_or(Damage::Cut));
        let (header, payload) = record.map_err(|damage| (offset, damage))?;
        check_payload(header, payload).map_err(|damage| (offset, damage))?;
        let next = offset + HEADER_SIZE + header.payload_size;
        if header.entry_type == CHECKPOINT {
            let end =
                end_of(payload, &bytes[..offset], memories).map_err(|damage| (offset, damage))?;
            if next != bytes.len() {
                let damage = Damage::Episode("bytes after the end of the checkpoint".into());
                return Err((next, damage));
            }
            return Ok(end);
        }
        memories += 1;
        offset = next;
    }
}

fn end_of(payload: &[u8], before: &[u8], memories: u64) -> Result<End, Damage> {
    let end: End =
        serde_json::from_slice(payload).map_err(|error| Damage::Episode(error.to_string()))?;
    let got = crc32c::crc32c(before);
    if end.checksum != got {
        return Err(Damage::Checksum {
            expected: end.checksum,
            got,
            in_header: false,
        });
    }
    if end.memories != memories {
        let text = format!("{} memories expected, {memories} found", end.memories);
        return Err(Damage::Episode(text));
    }
    Ok(end)
}

/// Writes the checkpoint that follows `previous`: the newest value of each id of that one and of `fresh`, which is what
/// these log files hold.
///
/// When it returns, the disk has it. If it fails, nothing has changed.
pub(crate) fn write(
    warm: &Path,
    previous: Option<&Held>,
    logs: &[PathBuf],
    fresh: &[Memory],
) -> io::Result<Checkpoint> {
    let before = previous.map(|previous| &previous.checkpoint);
    let number = before.map_or(1, |before| before.number + 1);
    let covers: Vec<String> = logs.iter().map(|path| name_of(path)).collect();
    let until = covers.iter().max().cloned().into_iter();
    let end = End {
        memories: 0,
        until: until
            .chain(before.map(|before| before.end.until.clone()))
            .max()
            .unwrap_or_default(),
        covers,
        checksum: 0,
    };
    let path = warm.join(format!("checkpoint-{number:08}.ckp"));
    let part = warm.join(format!("checkpoint-{number:08}.ckp.tmp"));
    let written = write_part(&part, end, previous, fresh).and_then(|end| {
        std::fs::rename(&part, &path)?;
        File::open(warm)?.sync_all()?;
        Ok(end)
    });
    match written {
        Ok(end) => Ok(Checkpoint { path, number, end }),
        Err(error) => {
            // It may not be there; if it cannot be removed now, the next start does it.
            let _gone = std::fs::remove_file(&part);
            Err(error)
        }
    }
}

/// All of a payload that must be known to tell whether it is the newest.
#[derive(Deserialize)]
struct Id<'payload> {
    #[serde(borrow)]
    id: Cow<'payload, str>,
}

fn write_part(
    part: &Path,
    mut end: End,
    previous: Option<&Held>,
    fresh: &[Memory],
) -> io::Result<End> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(part)?;
    let mut file = BufWriter::new(file);
    let mut write = |record: &[u8]| {
        end.memories += 1;
        end.checksum = crc32c::crc32c_append(end.checksum, record);
        file.write_all(record)
    };
    let mut newest: HashMap<&str, &Memory> =
        fresh.iter().map(|memory| (&*memory.id, memory)).collect();
    for (_, record) in previous.iter().flat_map(|previous| previous.records()) {
        let id: Id<'_> = serde_json::from_slice(&record[HEADER_SIZE..])?;
        match newest.remove(&*id.id) {
            Some(memory) => write(&record_of(memory)?)?,
            None => write(record)?,
        }
    }
    for memory in fresh {
        if let Some(memory) = newest.remove(&*memory.id) {
            write(&record_of(memory)?)?;
        }
    }
    let payload = serde_json::to_vec(&end)?;
    file.write_all(&record::encode_as(CHECKPOINT, end.memories, 0, &payload))?;
    file.into_inner()?.sync_all()?;
    Ok(end)
}

fn record_of(memory: &Memory) -> io::Result<Vec<u8>> {
    let time = u64::try_from(memory.timestamp.as_nanosecond()).unwrap_or_default();
    Ok(record::encode(0, time, &serde_json::to_vec(memory)?))
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(id: &str) -> Memory {
        serde_json::from_value(serde_json::json!({
            "id": id, "content": "c", "confidence": 0.5, "timestamp": "2026-01-01T00:00:00Z"
        }))
        .unwrap()
    }

    fn ids(held: &Held) -> Vec<String> {
        let mut ids = Vec::new();
        held.each(|memory| ids.push(memory.id)).unwrap();
        ids
    }

    #[test]
    fn it_is_read_as_it_was_written_and_any_change_is_damage() {
        let directory = tempfile::tempdir().unwrap();
        let logs = [PathBuf::from("wal-0000000000000007.log")];
        let written = write(directory.path(), None, &logs, &[memory("a"), memory("b")]).unwrap();
        let held = read(&written.path).unwrap();
        let read_back = &held.checkpoint;
        assert_eq!((read_back.number, read_back.until_seconds()), (1, Some(7)));
        assert!(read_back.covers(&logs[0]));
        assert_eq!(ids(&held), ["a", "b"]);
        let bytes = std::fs::read(&written.path).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let end_padding = bytes.len() - serde_json::to_vec(&written.end).unwrap().len() - 8;
            let unchecked = (end_padding..end_padding + 8).contains(&at);
            assert!(unchecked || check(&damaged).is_err(), "byte {at}");
            assert!(check(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(check(&[&bytes[..], &bytes[..1]].concat()).is_err());
    }

    #[test]
    fn the_next_one_has_the_next_number_and_keeps_the_newest_name() {
        let directory = tempfile::tempdir().unwrap();
        let logs = [PathBuf::from("wal-0000000000000009.log")];
        let first = write(directory.path(), None, &logs, &["a", "b"].map(memory)).unwrap();
        let held = read(&first.path).unwrap();
        let fresh = ["c", "a", "c", "d"].map(memory);
        let second = write(directory.path(), Some(&held), &[], &fresh).unwrap();
        assert_eq!(ids(&read(&second.path).unwrap()), ["a", "b", "c", "d"]);
        assert_eq!((second.number, second.until_seconds()), (2, Some(9)));
        std::fs::write(directory.path().join("checkpoint-00000003.ckp.tmp"), "half").unwrap();
        tidy(directory.path()).unwrap();
        let found: Vec<u64> = files(directory.path())
            .unwrap()
            .iter()
            .map(|it| it.0)
            .collect();
        assert_eq!(found, [1, 2]);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}

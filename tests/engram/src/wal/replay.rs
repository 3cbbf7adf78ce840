//! Reading the log files of a space when it is opened.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::checkpoint::{self, Checkpoint};
use super::damage::{Damage, ReplayError, log_damage};
use super::record::{self, HEADER_SIZE, Header, HeaderDamage, MAGIC};
use super::{Segment, seconds_of};
use crate::memory::Memory;

/// What a successful replay has read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Entries that were read.
    pub(crate) recovered: u64,
    /// Incomplete records removed from the end of the newest file: 0 or 1.
    pub(crate) torn: u64,
    /// The log files, oldest first.
    pub(crate) segments: Vec<Segment>,
    /// The checkpoint, if there is one.
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// Hands every memory of the space to `accept`, in the order in which they were stored: those of the checkpoint, then
/// those of the log files that it does not hold.
///
/// Fails at the first damaged record. The end of the newest file may be a part of a record: a crash during a write
/// that was never acknowledged leaves one. It is removed. So are log files that are in the checkpoint: a crash between
/// writing that and removing them leaves them.
pub(crate) fn replay(root: &Path, mut accept: impl FnMut(Memory)) -> Result<Report, ReplayError> {
    let (directory, warm) = (root.join("wal"), root.join("warm"));
    let list = |path: &Path| {
        let path = path.to_path_buf();
        |source| ReplayError::List { path, source }
    };
    let all = super::files(&directory).map_err(list(&directory))?;
    let checkpoints = checkpoint::tidy(&warm)
        .and_then(|()| checkpoint::files(&warm))
        .map_err(list(&warm))?;
    let newest_checkpoint = checkpoints.last().map(|(_, path)| checkpoint::read(path));
    let held = newest_checkpoint.transpose()?;
    let checkpoint = held.as_ref().map(|held| held.checkpoint.clone());
    let (leftovers, live): (Vec<PathBuf>, Vec<PathBuf>) = all
        .iter()
        .cloned()
        .partition(|path| checkpoint.as_ref().is_some_and(|it| it.covers(path)));
    // A file that somebody has put back and that is older than the checkpoint must not replace what is newer.
    let until = checkpoint.as_ref().and_then(Checkpoint::until_seconds);
    let (before, after): (Vec<PathBuf>, Vec<PathBuf>) =
        live.into_iter().partition(|path| seconds_of(path) <= until);
    let mut report = Report::default();
    // One piece of memory for all files.
    let mut buffer = Vec::new();
    for path in &before {
        report.read(path, false, &mut buffer, &mut accept)?;
    }
    if let Some(held) = held {
        report.recovered += held.memories();
        held.each(&mut accept)?;
    }
    for path in &after {
        report.read(path, all.last() == Some(path), &mut buffer, &mut accept)?;
    }
    remove_leftovers(&leftovers, &checkpoints);
    report.checkpoint = checkpoint;
    Ok(report)
}

/// The memories of one log file that is no longer written to. Any damage is an error.
pub(crate) fn read_segment(path: &Path) -> Result<Vec<Memory>, ReplayError> {
    let mut memories = Vec::new();
    let accept = |memory| memories.push(memory);
    Report::default().read(path, false, &mut Vec::new(), accept)?;
    Ok(memories)
}

impl Report {
    /// Reads one file through a buffer.
    fn read(
        &mut self,
        path: &Path,
        newest: bool,
        buffer: &mut Vec<u8>,
        mut accept: impl FnMut(Memory),
    ) -> Result<(), ReplayError> {
        let failed = |source| ReplayError::Read {
            path: path.to_path_buf(),
            source,
        };
        read(path, buffer).map_err(failed)?;
        let mut segment = Segment {
            path: path.to_path_buf(),
            bytes: buffer.len() as u64,
            ..Segment::default()
        };
        let end = replay_file(buffer, newest, |timestamp_ns, memory| {
            segment.records += 1;
            segment.oldest_ns.get_or_insert(timestamp_ns);
            accept(memory);
        });
        self.recovered += segment.records;
        match end {
            Ok(End::Whole) => {}
            Ok(End::ZeroPadding(offset)) => {
                tracing::warn!(target: "engram_core::storage::wal",
                    "Zero padding after the last record at offset {offset} in {} ignored",
                    path.display()
                );
            }
            Ok(End::Torn(offset)) => {
                tracing::warn!(target: "engram_core::storage::wal",
                    "Torn record at offset {offset} in {} removed: it is incomplete, as a crash during a write leaves it",
                    path.display()
                );
                cut(path, offset).map_err(failed)?;
                segment.bytes = offset as u64;
                self.torn += 1;
            }
            Err((offset, damage)) => {
                log_damage(path, offset, &damage);
                return Err(ReplayError::Damaged {
                    offset,
                    path: path.to_path_buf(),
                    source: damage,
                });
            }
        }
        self.segments.push(segment);
        Ok(())
    }
}

/// Removes what the newest checkpoint has made superfluous. What cannot be removed now is removed the next time.
fn remove_leftovers(logs: &[PathBuf], checkpoints: &[(u64, PathBuf)]) {
    let older = checkpoints.split_last().map_or(&[][..], |(_, older)| older);
    for path in logs.iter().chain(older.iter().map(|(_, path)| path)) {
        match std::fs::remove_file(path) {
            Ok(()) => tracing::info!(target: "engram_core::storage::wal",
                "Removed {}: the newest checkpoint holds it", path.display()),
            Err(error) => tracing::warn!(target: "engram_core::storage::wal",
                "Failed to remove {}, which the newest checkpoint holds: {error}", path.display()),
        }
    }
}

/// Reads a file into a buffer, and nothing else is left in it.
pub(super) fn read(path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    File::open(path)?.read_to_end(buffer)?;
    Ok(())
}

fn cut(path: &Path, offset: usize) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(offset as u64)?;
    file.sync_all()
}

/// How a file ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    ZeroPadding(usize),
    Torn(usize),
}

/// Hands every memory of a file to `accept`; fails at the first damaged record, with its offset.
pub(super) fn replay_file(
    bytes: &[u8],
    newest: bool,
    mut accept: impl FnMut(u64, Memory),
) -> Result<End, (usize, Damage)> {
    let mut offset = 0;
    loop {
        let rest = &bytes[offset..];
        if rest.is_empty() {
            return Ok(End::Whole);
        }
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(End::ZeroPadding(offset));
        }
        match record_at(rest) {
            Ok(Some((header, payload))) => {
                let memory = memory_of(header, payload).map_err(|damage| (offset, damage))?;
                accept(header.timestamp_ns, memory);
                offset += HEADER_SIZE + header.payload_size;
            }
            Ok(None) if newest => return Ok(End::Torn(offset)),
            Ok(None) => return Err((offset, Damage::Cut)),
            Err(damage) => return Err((offset, damage)),
        }
    }
}

/// The record at the beginning of the bytes; `None` if they are only the first part of one.
pub(super) fn record_at(bytes: &[u8]) -> Result<Option<(Header, &[u8])>, Damage> {
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER_SIZE>() else {
        let magic = MAGIC.to_le_bytes();
        let known = bytes.len().min(magic.len());
        if bytes[..known] == magic[..known] {
            return Ok(None);
        }
        let mut start = [0; 4];
        start[..known].copy_from_slice(&bytes[..known]);
        return Err(Damage::Magic(u32::from_le_bytes(start)));
    };
    let header = record::decode_header(header).map_err(|damage| match damage {
        HeaderDamage::Magic(magic) => Damage::Magic(magic),
        HeaderDamage::Checksum { expected, got } => Damage::Checksum {
            expected,
            got,
            in_header: true,
        },
    })?;
    Ok(payload
        .get(..header.payload_size)
        .map(|payload| (header, payload)))
}

fn memory_of(header: Header, payload: &[u8]) -> Result<Memory, Damage> {
    check_payload(header, payload)?;
    if header.entry_type != record::EPISODE_STORE {
        return Err(Damage::Episode(format!(
            "unknown entry type {}",
            header.entry_type
        )));
    }
    serde_json::from_slice(payload).map_err(|error| Damage::Episode(error.to_string()))
}

/// Fails if the payload is not the one that the header was written for.
pub(super) fn check_payload(header: Header, payload: &[u8]) -> Result<(), Damage> {
    let (expected, got) = (header.payload_checksum, crc32c::crc32c(payload));
    if expected == got {
        return Ok(());
    }
    Err(Damage::Checksum {
        expected,
        got,
        in_header: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_of(id: &str) -> Vec<u8> {
        let payload = format!(
            r#"{{"id":"{id}","content":"c","confidence":0.5,"timestamp":"2026-01-01T00:00:00Z"}}"#
        );
        record::encode(0, 0, payload.as_bytes())
    }

    #[track_caller]
    fn case(bytes: &[u8], newest: bool, ids: &[&str], end: &str) {
        let mut seen = Vec::new();
        let result = replay_file(bytes, newest, |_, memory| seen.push(memory.id));
        assert_eq!(seen, ids);
        assert_eq!(
            format!("{result:?}")
                .split(['(', ' '])
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
                .trim(),
            end
        );
    }

    #[test]
    fn a_cut_at_any_byte_is_torn_in_the_newest_file_and_damage_in_an_older_one() {
        let whole = [record_of("a"), record_of("b")].concat();
        let first = record_of("a").len();
        for length in first + 1..whole.len() {
            let cut = &whole[..length];
            case(cut, true, &["a"], "Ok Torn");
            assert!(
                matches!(replay_file(cut, false, |_, _| {}), Err((offset, Damage::Cut)) if offset == first)
            );
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_damage_even_in_the_last_record() {
        let whole = record_of("a");
        // The last 8 bytes of a header are padding that no checksum covers, as in the real layout.
        for at in (0..whole.len()).filter(|at| !(56..64).contains(at)) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            assert!(replay_file(&damaged, true, |_, _| {}).is_err(), "byte {at}");
        }
    }

    #[test]
    fn zeros_to_the_end_are_padding_but_a_hole_is_damage() {
        let padded = [record_of("a"), vec![0; 4096]].concat();
        case(&padded, false, &["a"], "Ok ZeroPadding");
        let hole = [record_of("a"), vec![0; 4096], record_of("b")].concat();
        assert!(matches!(
            replay_file(&hole, true, |_, _| {}),
            Err((_, Damage::Magic(0)))
        ));
    }

    #[test]
    fn a_short_end_that_does_not_begin_like_a_record_is_damage() {
        let garbage = [record_of("a"), b"garbage".to_vec()].concat();
        assert!(matches!(
            replay_file(&garbage, true, |_, _| {}),
            Err((_, Damage::Magic(_)))
        ));
    }

    #[test]
    fn a_fitting_checksum_over_something_else_is_damage() {
        let other = record::encode(0, 0, b"not a memory");
        assert!(matches!(
            replay_file(&other, true, |_, _| {}),
            Err((0, Damage::Episode(_)))
        ));
    }
}

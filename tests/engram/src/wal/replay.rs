//! Reading the log files of a space when it is opened.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::record::{self, HEADER_SIZE, Header, HeaderDamage, MAGIC};
use crate::memory::Memory;

/// What a successful replay has read.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Report {
    /// Entries that were read.
    pub(crate) recovered: u64,
    /// Incomplete records removed from the end of the newest file: 0 or 1.
    pub(crate) torn: u64,
    /// Log files.
    pub(crate) files: usize,
}

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The directory cannot be listed.
    #[error("Failed to list WAL directory '{path}'")]
    List {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("Failed to read WAL file '{path}'")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A record is damaged.
    #[error("Failed to deserialize WAL entry at offset {offset} in {path}")]
    Damaged {
        /// Where the record begins, in bytes.
        offset: usize,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    /// A checksum of the header or the payload does not fit.
    #[error("Checksum verification failed: expected {expected:08x}, got {got:08x}")]
    Checksum {
        /// As stored in the record.
        expected: u32,
        /// As computed from the bytes.
        got: u32,
        /// Is it the header's?
        in_header: bool,
    },
    /// It does not begin like a record.
    #[error("Corruption detected: Invalid magic number: expected {MAGIC:x}, got {0:x}")]
    Magic(u32),
    /// It ends before its time, and not because of a crash.
    #[error("I/O error: failed to fill whole buffer")]
    Cut,
    /// Its checksum fits, but it is not a memory.
    #[error("Corruption detected: Failed to deserialize WAL episode: {0}")]
    Episode(String),
}

/// Hands every memory of the log to `accept`, in the order in which they were stored.
///
/// Fails at the first damaged record. The end of the newest file may be a part of a record: a crash during a write
/// that was never acknowledged leaves one. It is removed.
pub(crate) fn replay(
    directory: &Path,
    mut accept: impl FnMut(Memory),
) -> Result<Report, ReplayError> {
    let files = super::files(directory).map_err(|source| ReplayError::List {
        path: directory.to_path_buf(),
        source,
    })?;
    let mut report = Report {
        files: files.len(),
        ..Report::default()
    };
    for (index, path) in files.iter().enumerate() {
        let bytes = read(path).map_err(|source| ReplayError::Read {
            path: path.clone(),
            source,
        })?;
        let end = replay_file(&bytes, index + 1 == files.len(), |memory| {
            report.recovered += 1;
            accept(memory);
        });
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
                cut(path, offset).map_err(|source| ReplayError::Read {
                    path: path.clone(),
                    source,
                })?;
                report.torn += 1;
            }
            Err((offset, damage)) => {
                log_damage(path, offset, &damage);
                return Err(ReplayError::Damaged {
                    offset,
                    path: path.clone(),
                    source: damage,
                });
            }
        }
    }
    Ok(report)
}

pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
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
    mut accept: impl FnMut(Memory),
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
                accept(memory_of(header, payload).map_err(|damage| (offset, damage))?);
                offset += HEADER_SIZE + header.payload_size;
            }
            Ok(None) if newest => return Ok(End::Torn(offset)),
            Ok(None) => return Err((offset, Damage::Cut)),
            Err(damage) => return Err((offset, damage)),
        }
    }
}

/// The record at the beginning of the bytes; `None` if they are only the first part of one.
fn record_at(bytes: &[u8]) -> Result<Option<(Header, &[u8])>, Damage> {
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
    let got = crc32c::crc32c(payload);
    if got != header.payload_checksum {
        return Err(Damage::Checksum {
            expected: header.payload_checksum,
            got,
            in_header: false,
        });
    }
    if header.entry_type != record::EPISODE_STORE {
        return Err(Damage::Episode(format!(
            "unknown entry type {}",
            header.entry_type
        )));
    }
    serde_json::from_slice(payload).map_err(|error| Damage::Episode(error.to_string()))
}

fn log_damage(path: &Path, offset: usize, damage: &Damage) {
    let path = path.display();
    match damage {
        Damage::Checksum {
            in_header: true, ..
        }
        | Damage::Magic(_) => {
            tracing::warn!(target: "engram_core::storage::wal", "Corrupted header in {path}: {damage}");
        }
        Damage::Checksum {
            in_header: false, ..
        }
        | Damage::Cut
        | Damage::Episode(_) => {
            tracing::warn!(target: "engram_core::storage::wal", "Corrupted payload in {path}: {damage}");
        }
    }
    tracing::error!(target: "engram_core::storage::wal", "Failed to deserialize WAL entry at offset {offset} in {path}: {damage}");
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
        let result = replay_file(bytes, newest, |memory| seen.push(memory.id));
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
                matches!(replay_file(cut, false, |_| {}), Err((offset, Damage::Cut)) if offset == first)
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
            assert!(replay_file(&damaged, true, |_| {}).is_err(), "byte {at}");
        }
    }

    #[test]
    fn zeros_to_the_end_are_padding_but_a_hole_is_damage() {
        let padded = [record_of("a"), vec![0; 4096]].concat();
        case(&padded, false, &["a"], "Ok ZeroPadding");
        let hole = [record_of("a"), vec![0; 4096], record_of("b")].concat();
        assert!(matches!(
            replay_file(&hole, true, |_| {}),
            Err((_, Damage::Magic(0)))
        ));
    }

    #[test]
    fn a_short_end_that_does_not_begin_like_a_record_is_damage() {
        let garbage = [record_of("a"), b"garbage".to_vec()].concat();
        assert!(matches!(
            replay_file(&garbage, true, |_| {}),
            Err((_, Damage::Magic(_)))
        ));
    }

    #[test]
    fn a_fitting_checksum_over_something_else_is_damage() {
        let other = record::encode(0, 0, b"not a memory");
        assert!(matches!(
            replay_file(&other, true, |_| {}),
            Err((0, Damage::Episode(_)))
        ));
    }
}

//! The file `words.idx`: a header of 40 bytes, little-endian, then the memories, then the words.
//!
//! | offset | field | |
//! | --- | --- | --- |
//! | 0 | magic | `ENGRMIDX` |
//! | 8 | version | `u32`, 1 |
//! | 12 | flags | `u32`, bit 0: there is a checksum |
//! | 16 | memories | `u32`, how many are covered |
//! | 20 | words | `u32`, how many there are |
//! | 24 | size | `u64`, bytes that follow the header |
//! | 32 | checksum | CRC-32C of the header up to here and of all that follows it |
//! | 36 | reserved | 4 bytes |
//!
//! A memory is its id (`u32` length, bytes) and the fingerprint of its content (`u64`): with these, an index that
//! lags behind the log is caught up. A word is its text (`u32` length, bytes), and how many memories contain it
//! (`u32`), and which (`u32` each, counted from 0 in the order of this file).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::words::WordIndex;

const MAGIC: &[u8; 8] = b"ENGRMIDX";
const VERSION: u32 = 1;
const CHECKSUMMED: u32 = 1;
const HEADER_SIZE: usize = 40;
const CHECKSUM_AT: usize = 32;

/// Why a file is no index.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexDamage {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("Invalid magic number")]
    Magic,
    #[error("version {0} is unknown")]
    Version(u32),
    #[error("Checksum verification failed: expected {expected:08x}, got {got:08x}")]
    Checksum { expected: u32, got: u32 },
    #[error("there is no checksum to verify")]
    NoChecksum,
    #[error("the file ends in the middle of an entry")]
    Cut,
}

/// What is checked when a file is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checks {
    /// Compare the checksum if there is one.
    pub(super) verify: bool,
    /// Refuse a file without one.
    pub(super) require: bool,
}

/// The bytes of a file.
pub(super) fn encode(index: &WordIndex, with_checksum: bool) -> Vec<u8> {
    let mut body = Vec::new();
    let mut order = HashMap::new();
    for (position, (number, id, fingerprint)) in (0_u32..).zip(index.documents()) {
        order.insert(number, position);
        put_text(&mut body, id);
        body.extend(fingerprint.to_le_bytes());
    }
    for (word, numbers) in index.words() {
        put_text(&mut body, word);
        body.extend(count(numbers.len()).to_le_bytes());
        for number in numbers {
            body.extend(order[number].to_le_bytes());
        }
    }
    let flags = if with_checksum { CHECKSUMMED } else { 0 };
    let mut bytes = MAGIC.to_vec();
    for field in [
        VERSION,
        flags,
        count(index.len()),
        count(index.words().len()),
    ] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend((body.len() as u64).to_le_bytes());
    let checksum = if with_checksum {
        crc32c::crc32c_append(crc32c::crc32c(&bytes), &body)
    } else {
        0
    };
    bytes.extend(checksum.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.append(&mut body);
    bytes
}

/// The index in the bytes of a file, and whether a checksum proves that it is as it was written.
///
/// Without verification it is taken as it is, as far as it has the form of an index.
pub(super) fn decode(bytes: &[u8], checks: Checks) -> Result<(WordIndex, bool), IndexDamage> {
    let (header, body) = bytes
        .split_at_checked(HEADER_SIZE)
        .ok_or(IndexDamage::Cut)?;
    if &header[..8] != MAGIC {
        return Err(IndexDamage::Magic);
    }
    let mut fields = Cursor(&header[8..]);
    let (version, flags) = (fields.number()?, fields.number()?);
    if version != VERSION {
        return Err(IndexDamage::Version(version));
    }
    let (documents, words, size) = (fields.number()?, fields.number()?, fields.long()?);
    let checksummed = flags & CHECKSUMMED != 0;
    if checks.verify && checksummed {
        let expected = fields.number()?;
        let got = crc32c::crc32c_append(crc32c::crc32c(&header[..CHECKSUM_AT]), body);
        if expected != got {
            return Err(IndexDamage::Checksum { expected, got });
        }
    } else if checks.verify && checks.require {
        return Err(IndexDamage::NoChecksum);
    }
    if body.len() as u64 != size {
        return Err(IndexDamage::Cut);
    }
    let index = entries(Cursor(body), documents, words)?;
    Ok((index, checks.verify && checksummed))
}

fn entries(mut body: Cursor<'_>, documents: u32, words: u32) -> Result<WordIndex, IndexDamage> {
    let mut index = WordIndex::default();
    for _ in 0..documents {
        let id = body.text()?;
        let fingerprint = body.long()?;
        index.add(&id, fingerprint);
    }
    for _ in 0..words {
        let word = body.text()?;
        for _ in 0..body.number()? {
            index.connect(&word, body.number()?);
        }
    }
    Ok(index)
}

/// All bytes of a file.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes the file beside its place, then moves it there. Makes the directory if it is missing.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    if let Err(error) = std::fs::create_dir(directory)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    let unfinished = path.with_extension("idx.tmp");
    let mut file = File::create(&unfinished)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    let moved = written.and_then(|()| std::fs::rename(&unfinished, path));
    if moved.is_err() {
        // It may hold the last space of a full disk.
        let _gone = std::fs::remove_file(&unfinished);
    }
    moved?;
    File::open(directory)?.sync_all()
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(count(text.len()).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// What is left to read.
struct Cursor<'bytes>(&'bytes [u8]);

impl Cursor<'_> {
    fn number(&mut self) -> Result<u32, IndexDamage> {
        Ok(u32::from_le_bytes(*self.array()?))
    }

    fn long(&mut self) -> Result<u64, IndexDamage> {
        Ok(u64::from_le_bytes(*self.array()?))
    }

    fn text(&mut self) -> Result<String, IndexDamage> {
        let length = self.number()? as usize;
        let (text, rest) = self.0.split_at_checked(length).ok_or(IndexDamage::Cut)?;
        self.0 = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn array<const N: usize>(&mut self) -> Result<&[u8; N], IndexDamage> {
        let (array, rest) = self.0.split_first_chunk().ok_or(IndexDamage::Cut)?;
        self.0 = rest;
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Checks = Checks {
        verify: true,
        require: true,
    };

    fn index() -> WordIndex {
        let mut index = WordIndex::default();
        index.put("gone", "leaves a hole");
        index.put("one", "red green");
        index.put("two", "green blue");
        index.retain(|id| id != "gone");
        index
    }

    #[test]
    fn what_was_written_is_read() {
        let (read, verified) = decode(&encode(&index(), true), STRICT).unwrap();
        assert!(verified);
        for cue in ["red", "green", "blue", "one", "hole"] {
            assert_eq!(read.find(cue), index().find(cue), "{cue}");
        }
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let whole = encode(&index(), true);
        // The last 4 bytes of the header mean nothing.
        for bit in (0..whole.len() * 8).filter(|bit| !(36 * 8..40 * 8).contains(bit)) {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged, STRICT).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn without_verification_nothing_panics_whatever_is_flipped_or_cut() {
        let loose = Checks {
            verify: false,
            require: false,
        };
        let whole = encode(&index(), false);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            if let Ok((mut index, verified)) = decode(&damaged, loose) {
                assert!(!verified);
                index.find("green");
                index.put("one", "other words");
                index.retain(|_| false);
                assert_eq!(index.len(), 0);
            }
            assert!(decode(&whole[..at], loose).is_err());
        }
    }

    #[test]
    fn a_file_without_a_checksum_is_refused_only_if_one_is_required() {
        let bytes = encode(&index(), false);
        assert!(matches!(
            decode(&bytes, STRICT),
            Err(IndexDamage::NoChecksum)
        ));
        let lenient = Checks {
            verify: true,
            require: false,
        };
        assert!(matches!(decode(&bytes, lenient), Ok((_, false))));
    }
}

//! The file of the memories that do not fit into RAM: `cold/cold_tier.dat` of a space.
//!
//! It is made anew each time the space is opened, and never synchronised: the log is the durable truth. A memory lies
//! in it as JSON. What is replaced leaves a hole; when holes are most of the file, it is written anew.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::memory::Memory;

const NAME: &str = "cold_tier.dat";
/// Holes smaller than this are not worth the writing.
const HOLES_AT_LEAST: u64 = 16 << 20;

/// Where a memory lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    offset: u64,
    length: u32,
    checksum: u32,
}

/// The file, opened when the first memory overflows.
#[derive(Debug)]
pub(super) struct ColdFile {
    path: PathBuf,
    file: Option<File>,
    end: u64,
    holes: u64,
}

impl ColdFile {
    /// An empty tier in a directory. What an earlier server has left there is removed.
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Self {
                path,
                file: None,
                end: 0,
                holes: 0,
            }),
        }
    }

    /// Appends a memory.
    pub(super) fn append(&mut self, memory: &Memory) -> io::Result<Extent> {
        let payload = serde_json::to_vec(memory)?;
        self.append_bytes(&payload)
    }

    /// Reads a memory back.
    pub(super) fn read(&self, extent: Extent) -> io::Result<Memory> {
        Ok(serde_json::from_slice(&self.read_bytes(extent)?)?)
    }

    /// Notes that nobody needs an extent any more.
    pub(super) fn discard(&mut self, extent: Extent) {
        self.holes += u64::from(extent.length);
    }

    /// Is it worth while to write the file anew?
    pub(super) fn is_mostly_holes(&self) -> bool {
        self.holes >= HOLES_AT_LEAST && self.holes * 2 > self.end
    }

    /// Writes the file anew with these extents only, and changes each to its new place.
    ///
    /// If it fails, the file and the extents are as they were.
    pub(super) fn rewrite<'slot>(
        &mut self,
        extents: impl Iterator<Item = &'slot mut Extent>,
    ) -> io::Result<()> {
        let mut anew = Self {
            path: self.path.with_extension("tmp"),
            file: None,
            end: 0,
            holes: 0,
        };
        let mut moved = Vec::new();
        for extent in extents {
            let payload = self.read_bytes(*extent)?;
            moved.push((anew.append_bytes(&payload)?, extent));
        }
        if anew.file.is_some() {
            std::fs::rename(&anew.path, &self.path)?;
        }
        for (new, extent) in moved {
            *extent = new;
        }
        (self.file, self.end, self.holes) = (anew.file, anew.end, 0);
        Ok(())
    }

    fn append_bytes(&mut self, payload: &[u8]) -> io::Result<Extent> {
        let length = u32::try_from(payload.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let file = match self.file.take() {
            Some(file) => self.file.insert(file),
            None => self.file.insert(
                OpenOptions::new()
                    .read(true)
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&self.path)?,
            ),
        };
        // A failed write leaves `end` where it is, and the next one overwrites it.
        file.write_all_at(payload, self.end)?;
        let extent = Extent {
            offset: self.end,
            length,
            checksum: crc32c::crc32c(payload),
        };
        self.end += u64::from(length);
        Ok(extent)
    }

    fn read_bytes(&self, extent: Extent) -> io::Result<Vec<u8>> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let mut payload = vec![0; extent.length as usize];
        file.read_exact_at(&mut payload, extent.offset)?;
        let got = crc32c::crc32c(&payload);
        if got == extent.checksum {
            return Ok(payload);
        }
        Err(io::Error::other(format!(
            "Checksum verification failed: expected {:08x}, got {got:08x}",
            extent.checksum
        )))
    }
}

//! The word index of a space: which memories contain which word, so that a search need not read all of them.
//!
//! The log is the truth, and the index only a help: without it, or with one that is damaged, a search reads every
//! memory, and finds the same.

mod file;
mod space_index;
mod words;

pub(crate) use space_index::{Report, SpaceIndex, Status};

/// `[storage.indices]` of the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Write a checksum into the file, and do not trust a file that has none.
    pub(crate) enable_checksums: bool,
    /// Compare the checksum when a file is read. Without this a damaged index is used as it is.
    pub(crate) verify_on_load: bool,
    /// Build an index that cannot be used anew when a space is opened.
    pub(crate) auto_rebuild_on_corruption: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enable_checksums: true,
            verify_on_load: true,
            auto_rebuild_on_corruption: false,
        }
    }
}

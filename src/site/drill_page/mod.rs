//! Transcripts: a page for each drill and doc test that is on record.
//!
//! They are put into the built site and are no chapters. mdBook puts each chapter into the page for
//! printing, the sidebar, the search index and the way from chapter to chapter.

mod address;
mod head;
mod page;
mod runs;
mod stages;

pub use address::Addresses;
pub(super) use address::address;
pub(super) use head::inputs_in_short;
pub use page::all;
pub(super) use runs::before;

use super::after::{Files, WriteError};
use super::shell::{Content, Shell};
use super::text::relative;
use std::path::{Path, PathBuf};

/// A transcript, not yet in the site.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// Its path in the site.
    path: PathBuf,
    title: String,
    /// HTML.
    main: String,
}

/// Puts them into the site, in the look of its page `like`.
pub(super) fn write(
    files: &Files<'_>,
    like: &Path,
    transcripts: &[Transcript],
) -> Result<(), WriteError> {
    if transcripts.is_empty() {
        return Ok(());
    }
    let html = files.read(like)?;
    let shell = Shell::of(&html, like).unwrap_or_else(Shell::plain);
    for (at, transcript) in transcripts.iter().enumerate() {
        let beside =
            |other: Option<&Transcript>| other.map(|other| relative(&transcript.path, &other.path));
        let page = shell.around(&Content {
            path: &transcript.path,
            title: &transcript.title,
            main: &transcript.main,
            previous: beside(at.checked_sub(1).map(|at| &transcripts[at])),
            next: beside(transcripts.get(at + 1)),
        });
        files.write(&transcript.path, &page)?;
    }
    Ok(())
}

//! Transcripts: a page for each drill and doc test that is on record.
//!
//! They are put into the built site and are no chapters. mdBook puts each chapter into the page for
//! printing, the sidebar, the search index and the way from chapter to chapter.

mod address;
mod head;
mod page;
mod stages;

pub use address::Addresses;
pub(super) use address::address;
pub use page::all;

use super::SiteError;
use super::shell::{Content, Shell};
use super::text::relative;
use crate::fs_write;
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

/// Puts them into the site at `root`, in the look of its page `like`.
pub(super) fn write(root: &Path, like: &Path, transcripts: &[Transcript]) -> Result<(), SiteError> {
    if transcripts.is_empty() {
        return Ok(());
    }
    let file = root.join(like);
    let html =
        std::fs::read_to_string(&file).map_err(|source| SiteError::Read { path: file, source })?;
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
        let path = root.join(&transcript.path);
        let made = std::fs::create_dir_all(path.parent().unwrap_or(root));
        made.map_err(|source| SiteError::Make {
            path: path.clone(),
            source,
        })?;
        fs_write::write(&path, page.as_bytes())?;
    }
    Ok(())
}

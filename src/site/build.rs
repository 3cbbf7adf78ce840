//! The site, built by mdBook as a library.

use super::after;
use super::finder::Chapters;
use crate::book::{BookError, chain, load_mdbook};
use crate::config::Config;
use crate::page::{Page, html_path};
use crate::preprocessor::Runbook;
use crate::site::drill_page::Transcript;
use crate::tree::Tree;
use mdbook_html::HtmlHandlebars;
use mdbook_preprocessor::book::BookItem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The site could not be built.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The book cannot be loaded.
    #[error(transparent)]
    Book(#[from] BookError),
    /// mdBook cannot render it.
    #[error("mdBook cannot build the site: {0}")]
    Build(String),
    /// What is written after mdBook cannot be.
    #[error(transparent)]
    After(#[from] after::WriteError),
    /// A page of the built site cannot be read.
    #[error("cannot read the built page {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Builds the HTML of the book into `dest`; other renderers of `book.toml` are left to mdBook.
/// Returns the folder of the pages.
pub fn build(
    config: &Config,
    dest: &Path,
    runbook: Runbook,
    pages: &[Arc<Page>],
    trees: &[Arc<Tree>],
) -> Result<PathBuf, SiteError> {
    let chapters = build_chapters(config, dest, runbook)?;
    let known = Chapters {
        config,
        pages: pages.iter().map(AsRef::as_ref).collect(),
        trees,
    };
    after::complete(
        &chapters.root,
        &known,
        &chapters.like,
        &chapters.transcripts,
    )?;
    Ok(chapters.root)
}

/// What mdBook has built, before it is completed.
pub struct BuiltChapters {
    /// The folder of the pages.
    pub root: PathBuf,
    /// A page that others may look like.
    like: PathBuf,
    transcripts: Vec<Transcript>,
}

/// Builds what mdBook builds: a page for each chapter, with its anchors, but no addresses of alerts.
pub fn build_chapters(
    config: &Config,
    dest: &Path,
    mut runbook: Runbook,
) -> Result<BuiltChapters, SiteError> {
    let mut book = load_mdbook(&config.root)?;
    book.config.build.build_dir = std::path::absolute(dest).map_err(|source| SiteError::Read {
        path: dest.to_owned(),
        source,
    })?;
    // One between two others, where there are so many: it has both arrows.
    let mut chapters = book.iter().filter_map(|item| match item {
        BookItem::Chapter(chapter) => chapter.path.as_deref().map(html_path),
        _ => None,
    });
    let first = chapters.next().unwrap_or_default();
    let like = chapters.next().unwrap_or(first);
    let transcripts = Arc::<Mutex<Vec<Transcript>>>::default();
    runbook.transcripts = Some(transcripts.clone());
    book.with_preprocessor(runbook);
    book.execute_build_process(&HtmlHandlebars::new())
        .map_err(|error| SiteError::Build(chain(&error)))?;
    // Where the book has a second renderer, mdBook gives each a folder of its own.
    let root = book.build_dir_for("html");
    let mut transcripts = transcripts.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(BuiltChapters {
        root,
        like,
        transcripts: std::mem::take(&mut transcripts),
    })
}

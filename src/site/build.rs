//! The site, built by mdBook as a library.

use crate::book::{BookError, chain, load_mdbook};
use crate::config::Config;
use crate::fs_write::WriteError;
use crate::preprocessor::Runbook;
use mdbook_html::HtmlHandlebars;
use std::path::{Path, PathBuf};

/// The site could not be built.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The book cannot be loaded.
    #[error(transparent)]
    Book(#[from] BookError),
    /// mdBook cannot render it.
    #[error("mdBook cannot build the site: {0}")]
    Build(String),
    /// A page of the built site cannot be read.
    #[error("cannot read the built page {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the site cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Builds the HTML of the book into `dest`; other renderers of `book.toml` are left to mdBook.
/// Returns the folder of the pages.
pub fn build(config: &Config, dest: &Path, runbook: Runbook) -> Result<PathBuf, SiteError> {
    let mut book = load_mdbook(&config.root)?;
    book.config.build.build_dir = std::path::absolute(dest).map_err(|source| SiteError::Read {
        path: dest.to_owned(),
        source,
    })?;
    book.with_preprocessor(runbook);
    book.execute_build_process(&HtmlHandlebars::new())
        .map_err(|error| SiteError::Build(chain(&error)))?;
    // Where the book has a second renderer, mdBook gives each a folder of its own.
    let root = book.build_dir_for("html");
    super::access::apply(&root)?;
    Ok(root)
}

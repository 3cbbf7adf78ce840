//! The chapters of a book, from `SUMMARY.md` and the files on disk.

use crate::config::Config;
use crate::finding::Finding;
use crate::page::{self, Page};
use crate::source::SourceFile;
use mdbook_driver::MDBook;
use mdbook_driver::book::{BookItem, Chapter};
use mdbook_driver::config::Config as MdBookConfig;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The book cannot be read at all: exit status 2.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// There is no `SUMMARY.md`.
    #[error(
        "`{0}` is missing\n  a book lists its chapters there: write `- [Title](chapter.md)` lines"
    )]
    NoSummary(PathBuf),
    /// mdBook refuses it.
    #[error("mdBook cannot load the book: {0}")]
    Load(String),
    /// A chapter cannot be read.
    #[error("cannot read the chapter `{path}`: {reason}")]
    Chapter {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Loads the book for mdBook's own purposes, without creating missing chapters.
pub fn load_mdbook(root: &Path) -> Result<MDBook, BookError> {
    let failed = |error: anyhow::Error| BookError::Load(chain(&error));
    let mut config = MdBookConfig::from_disk(root.join("book.toml")).map_err(failed)?;
    config.build.create_missing = false;
    let summary = root.join(&config.book.src).join("SUMMARY.md");
    if !summary.is_file() {
        return Err(BookError::NoSummary(summary));
    }
    MDBook::load_with_config(root, config).map_err(failed)
}

/// An error with its causes on one line.
pub fn chain(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}

/// Reads and interprets every chapter, in the order of the book.
pub fn pages(config: &Config) -> Result<(Vec<Arc<Page>>, Vec<Finding>), BookError> {
    let book = load_mdbook(&config.root)?;
    let mut pages = Vec::new();
    let mut findings = Vec::new();
    for item in book.iter() {
        let BookItem::Chapter(Chapter {
            name,
            source_path: Some(path),
            ..
        }) = item
        else {
            continue;
        };
        let file = read(&config.src.join(path))?;
        let (page, more) = page::interpret(&file, path, name, config);
        findings.extend(more);
        pages.push(Arc::new(page));
    }
    findings.extend(duplicate_issues(&pages));
    Ok((pages, findings))
}

fn read(path: &Path) -> Result<Arc<SourceFile>, BookError> {
    let failed = |reason: String| BookError::Chapter {
        path: path.to_owned(),
        reason,
    };
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(failed(format!("it holds a NUL byte at offset {at}")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        failed(format!("it is not UTF-8 at offset {at}"))
    })?;
    let shown = path.strip_prefix("./").unwrap_or(path);
    Ok(SourceFile::new(shown, text))
}

fn duplicate_issues(pages: &[Arc<Page>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let issues: Vec<_> = pages
        .iter()
        .filter_map(|page| page.front_matter.issue.clone())
        .collect();
    for (index, (number, place)) in issues.iter().enumerate() {
        if let Some((_, first)) = issues[..index].iter().find(|(other, _)| other == number) {
            findings.push(
                Finding::error(
                    "duplicate-issue",
                    place.clone(),
                    format!("issue {number} stands on two pages"),
                )
                .related(first.clone(), "first here")
                .help("give each issue page its own number"),
            );
        }
    }
    findings
}

//! The mdBook protocol: a book in, the same book with the runbook's additions out.
//!
//! It executes nothing. What was run is read from the book's state folder.

use crate::acceptance::{LastChecks, Results};
use crate::config::Config;
use crate::evidence::{Store, Subject};
use crate::page::{self, Page};
use crate::site::drill_page::{Addresses, Transcript};
use crate::site::{View, render, transcripts};
use crate::source::SourceFile;
use anyhow::{Context, Result, bail};
use mdbook_preprocessor::book::{Book, BookItem, Chapter};
use mdbook_preprocessor::{MDBOOK_VERSION, Preprocessor, PreprocessorContext};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The preprocessor, in process or behind the protocol.
#[derive(Debug, Clone, Default)]
pub struct Runbook {
    /// Hashes of the inputs as they are now, where they are known: evidence with others is stale.
    pub inputs: Option<BTreeMap<Subject, String>>,
    /// Set where the site can take pages that are no chapters: the transcripts are put here.
    /// Elsewhere they stand folded under the headings of their causes.
    pub transcripts: Option<Arc<Mutex<Vec<Transcript>>>>,
}

impl Preprocessor for Runbook {
    fn name(&self) -> &'static str {
        "runbook"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let config =
            Config::load(&context.root, None).map_err(|error| anyhow::anyhow!(plain(&error)))?;
        let store = Store::load(&config.state_dir());
        let checks = LastChecks::load(&config.state_dir());
        let mut pages: Vec<Page> = Vec::new();
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item
                && let Some(page) = interpret(chapter, &config)
            {
                pages.push(page);
            }
        });
        let (trees, _) = crate::tree::trees(&pages, &config.headings);
        let results = Results::load(&config, &pages);
        let addresses = match &self.transcripts {
            Some(_) => Addresses::of(&pages, &store),
            None => Addresses::default(),
        };
        let view = View {
            config: &config,
            pages: &pages,
            trees: &trees,
            alerting: OnceCell::new(),
            store: &store,
            transcripts: &addresses,
            inputs: self.inputs.as_ref(),
            checks: checks.as_ref(),
            results: &results,
        };
        if let Some(place) = &self.transcripts {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = transcripts(&view);
        }
        let mut rendered = pages.iter().map(|page| render(page, &view));
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item
                && chapter.source_path.is_some()
                && let Some(content) = rendered.next()
            {
                chapter.content = content;
            }
        });
        Ok(book)
    }

    fn supports_renderer(&self, renderer: &str) -> Result<bool> {
        Ok(supports(renderer))
    }
}

/// A configuration error as one line: mdBook shows errors so.
fn plain(error: &crate::config::ConfigError) -> String {
    match error {
        crate::config::ConfigError::Invalid(finding) => {
            format!("{}: {}; {}", finding.locator(), finding.title, finding.help)
        }
        crate::config::ConfigError::Read { .. } => error.to_string(),
    }
}

/// The chapter as it comes: after `links`, its text is no longer the file's, so places in it are
/// good for edits but not for messages.
fn interpret(chapter: &Chapter, config: &Config) -> Option<Page> {
    let path = chapter.source_path.as_ref()?;
    let file = SourceFile::new(path.clone(), chapter.content.clone());
    let (page, _) = page::interpret(&file, path, &chapter.name, config);
    Some(page)
}

/// Any renderer gets the pages; under `test` the blocks are run by the command line.
pub fn supports(renderer: &str) -> bool {
    renderer != "not-supported"
}

/// Who asks, and what must be told to people.
pub struct Asked {
    /// The folder that holds `book.toml`.
    pub root: std::path::PathBuf,
    /// The renderer that the pages are for.
    pub renderer: String,
    /// mdBook's version differs from the one that this program was built with.
    pub warning: Option<String>,
}

/// Reads mdBook's context and book from `input`; the book and who asks.
pub fn read_protocol(input: impl Read) -> Result<(PreprocessorContext, Book, Asked)> {
    let value: serde_json::Value = serde_json::from_reader(input).context(
        "standard input is not what mdBook sends a preprocessor; see `mdbook-runbook --help`",
    )?;
    let version = value[0]["mdbook_version"]
        .as_str()
        .unwrap_or("unknown")
        .to_owned();
    if !version.starts_with("0.5.") {
        bail!("mdBook {version} sends books in another format; this preprocessor needs mdBook 0.5");
    }
    let (context, book): (PreprocessorContext, Book) = serde_json::from_value(value)
        .with_context(|| format!("cannot understand the book that mdBook {version} sent"))?;
    let warning = (version != MDBOOK_VERSION)
        .then(|| format!("built with mdBook {MDBOOK_VERSION}, called by {version}"));
    let asked = Asked {
        root: context.root.clone(),
        renderer: context.renderer.clone(),
        warning,
    };
    Ok((context, book, asked))
}

/// Writes the processed book as mdBook expects it.
pub fn write_protocol(output: impl Write, book: &Book) -> Result<()> {
    serde_json::to_writer(output, book).context("cannot answer mdBook")
}

//! What is written or changed after mdBook has built the pages: addresses of alerts, old addresses,
//! the page for addresses that do not exist, and inline scripts and styles as files.

mod addresses;
mod lead;
mod lost;
mod outside;

pub use addresses::{Address, Goal, addresses};

use super::access;
use super::drill_page::{self, Transcript};
use super::finder::Chapters;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder of scripts and style sheets that were inline.
const ASSETS: &str = "rb-assets";

/// A page of the built site cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot complete the built page {path}")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// Completes the site in `root`; transcripts get the look of its page `like`.
pub(super) fn complete(
    root: &Path,
    chapters: &Chapters<'_>,
    like: &Path,
    transcripts: &[Transcript],
) -> Result<(), WriteError> {
    let mut files = Files::new(root);
    drill_page::write(&files, like, transcripts)?;
    access::write(&files)?;
    lost::write(&mut files, chapters)?;
    for path in files.of_kind("html")? {
        let html = access::mend(&files.read(&path)?, &up(&path));
        files.write_outside(&path, &html)?;
    }
    lead::write(&mut files, chapters)?;
    for path in files.of_kind("js")? {
        let script = files.read(&path)?;
        if let Some(changed) = without_style_attributes(&script) {
            files.write(&path, &changed)?;
        }
    }
    Ok(())
}

/// The way from a page to the root.
fn up(page: &Path) -> String {
    "../".repeat(page.components().count() - 1)
}

/// mdBook's search sets a `style` attribute from its script, which a strict policy forbids; the same
/// by way of the object model is allowed.
fn without_style_attributes(script: &str) -> Option<String> {
    let (before, after) = (".setAttribute('style', '", ".style.cssText = ('");
    script
        .contains(before)
        .then(|| script.replace(before, after))
}

/// The files of a site.
pub(super) struct Files<'a> {
    root: &'a Path,
    assets: BTreeSet<String>,
}

impl<'a> Files<'a> {
    fn new(root: &'a Path) -> Self {
        Self {
            root,
            assets: BTreeSet::new(),
        }
    }

    /// Those with that extension, sorted.
    fn of_kind(&self, extension: &str) -> Result<Vec<PathBuf>, WriteError> {
        let mut found = Vec::new();
        for entry in walkdir::WalkDir::new(self.root).sort_by_file_name() {
            let entry = entry.map_err(|error| WriteError {
                path: self.root.to_owned(),
                source: error.into(),
            })?;
            let path = entry.path();
            if entry.file_type().is_file() && path.extension().is_some_and(|it| it == extension) {
                found.push(path.strip_prefix(self.root).unwrap_or(path).to_owned());
            }
        }
        Ok(found)
    }

    pub(super) fn read(&self, path: &Path) -> Result<String, WriteError> {
        let path = self.root.join(path);
        std::fs::read_to_string(&path).map_err(|source| WriteError { path, source })
    }

    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), WriteError> {
        let path = self.root.join(path);
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(self.root))?;
            std::fs::write(&path, text)
        };
        write().map_err(|source| WriteError {
            path: path.clone(),
            source,
        })
    }

    /// Writes a page, its inline parts as files.
    fn write_outside(&mut self, path: &Path, html: &str) -> Result<(), WriteError> {
        let page = outside::outside(html, &up(path), self)?;
        self.write(path, &page)
    }

    fn has(&self, path: &Path) -> bool {
        self.root.join(path).exists()
    }

    /// The address of a file with this content, from the root. Its name comes of the content, so
    /// that browsers may keep it for ever and pages share it.
    fn asset(&mut self, extension: &str, content: &str) -> Result<String, WriteError> {
        let hash = blake3::hash(content.as_bytes()).to_hex();
        let name = format!("{ASSETS}/{}.{extension}", &hash[..16]);
        if self.assets.insert(name.clone()) {
            self.write(Path::new(&name), content)?;
        }
        Ok(name)
    }
}

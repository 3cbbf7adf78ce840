//! What is written or changed after mdBook has built the pages: addresses of alerts, old addresses,
//! the page for addresses that do not exist, and inline scripts and styles as files.

mod addresses;
mod lead;
mod lost;
mod outside;

pub use addresses::{Address, Goal, addresses};

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

/// Completes the site in `root`.
pub(super) fn complete(root: &Path, chapters: &Chapters<'_>) -> Result<(), WriteError> {
    let mut files = Files::new(root);
    lost::write(&mut files, chapters)?;
    lead::write(&mut files, chapters)?;
    for path in of_kind(root, "html") {
        let html = files.read(&path)?;
        let depth = path.components().count() - 1;
        // The page for lost addresses has a base of its own.
        let up = if path == Path::new(lost::NAME) {
            String::new()
        } else {
            "../".repeat(depth)
        };
        let changed = outside::outside(&html, &up, &mut files)?;
        if changed != html {
            files.write(&path, &changed)?;
        }
    }
    for path in of_kind(root, "js") {
        let script = files.read(&path)?;
        if let Some(changed) = without_style_attributes(&script) {
            files.write(&path, &changed)?;
        }
    }
    Ok(())
}

/// mdBook's search sets a `style` attribute from its script, which a strict policy forbids; the same
/// by way of the object model is allowed.
fn without_style_attributes(script: &str) -> Option<String> {
    let (before, after) = (".setAttribute('style', '", ".style.cssText = ('");
    script
        .contains(before)
        .then(|| script.replace(before, after))
}

/// The files of the site with that extension, sorted.
fn of_kind(root: &Path, extension: &str) -> Vec<PathBuf> {
    walkdir::WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .filter(|entry| entry.path().extension().is_some_and(|it| it == extension))
        .filter_map(|entry| Some(entry.path().strip_prefix(root).ok()?.to_owned()))
        .collect()
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

    fn read(&self, path: &Path) -> Result<String, WriteError> {
        let path = self.root.join(path);
        std::fs::read_to_string(&path).map_err(|source| WriteError { path, source })
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), WriteError> {
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

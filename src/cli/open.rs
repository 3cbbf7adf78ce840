//! A book, opened: its configuration, its pages, and what is wrong with them as written.

use super::CliError;
use crate::book;
use crate::config::Config;
use crate::finding::Finding;
use crate::page::Page;
use crate::plan::{self, Plan};
use crate::rules::{self, RuleFile};
use crate::tree::Tree;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Everything that is known without running anything.
pub(super) struct Opened {
    pub(super) config: Config,
    pub(super) pages: Vec<Arc<Page>>,
    pub(super) trees: Vec<Arc<Tree>>,
    pub(super) plan: Plan,
    pub(super) findings: Vec<Finding>,
    rules: OnceLock<(Vec<RuleFile>, Vec<Finding>)>,
}

impl Opened {
    /// The paths of the pages below the book's sources, in the order of the book.
    pub(super) fn chapters(&self) -> Vec<&Path> {
        self.pages.iter().map(|page| page.path.as_path()).collect()
    }

    /// The rule files, read once, and what is wrong with them.
    pub(super) fn rules(&self) -> &(Vec<RuleFile>, Vec<Finding>) {
        let config = &self.config;
        self.rules.get_or_init(|| {
            rules::load(&config.root, &config.rules.globs, &config.rules.annotation)
        })
    }
}

/// Opens the book in `dir`, or here, or in `./book`.
pub(super) fn open(dir: Option<&PathBuf>, profile: Option<&str>) -> Result<Opened, CliError> {
    let root = root(dir)?;
    let config = Config::load(&root, profile)?;
    let (pages, mut findings) = book::pages(&config)?;
    let (trees, more) = crate::tree::trees(&pages, &config.headings);
    findings.extend(more);
    let (plan, more) = plan::plan(&pages, &trees);
    findings.extend(more);
    findings.extend(plan::nothing_to_run(&plan, &config));
    findings.extend(crate::check::static_findings(&pages, &trees, &config));
    Ok(Opened {
        config,
        pages,
        trees,
        plan,
        findings,
        rules: OnceLock::new(),
    })
}

fn root(dir: Option<&PathBuf>) -> Result<PathBuf, CliError> {
    if let Some(dir) = dir {
        return if dir.join("book.toml").is_file() {
            Ok(dir.clone())
        } else {
            Err(CliError::NoBook(dir.join("book.toml")))
        };
    }
    [".", "book"]
        .map(Path::new)
        .into_iter()
        .find(|dir| dir.join("book.toml").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| CliError::NoBook("book.toml".into()))
}

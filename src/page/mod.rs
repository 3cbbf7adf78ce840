//! Markdown read as a page of a runbook: front matter, roles, symptoms, causes.

mod catalogue;
mod front_matter;
mod issue;
mod live;
mod step;

pub use catalogue::{Family, LoggedLine, families, family_of};
pub(crate) use front_matter::backticked;
pub use front_matter::{AlertRef, FrontMatter, KEYS as FRONT_MATTER_KEYS, NotLive};
pub use issue::{Cause, IssuePage, Symptom};
pub use step::{DEFAULT_TIMEOUT, Expectation, Output, Step, Waiver};

use crate::config::Config;
use crate::finding::Finding;
use crate::markdown::{self, Document};
use crate::source::SourceFile;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a block of an issue page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Finds the cause; changes nothing.
    Diagnosis,
    /// Removes a cause.
    Resolution,
    /// Passes if, and only if, the service is healthy.
    Verification,
    /// Induces a cause.
    Drill,
}

/// A chapter, interpreted.
#[derive(Debug, Clone)]
pub struct Page {
    /// As written.
    pub document: Document,
    /// The path below the book's `src`, with `.md`.
    pub path: PathBuf,
    /// The chapter's name in `SUMMARY.md`.
    pub name: String,
    /// What the chapter says of itself.
    pub front_matter: FrontMatter,
    /// Set for issue pages.
    pub issue: Option<IssuePage>,
    /// Steps outside of an issue page's roles, in order: the page's doc test.
    pub doc_test: Vec<Step>,
    /// Steps that are not executed.
    pub waived: Vec<Step>,
    /// The number of code blocks that are no shell blocks.
    pub n_other_blocks: usize,
}

impl Page {
    /// The page's path in the built site.
    pub fn html_path(&self) -> PathBuf {
        html_path(&self.path)
    }

    /// The heading, or the chapter's name in `SUMMARY.md`.
    pub fn title(&self) -> &str {
        self.document.title().map_or(&self.name, |h| &h.text)
    }

    /// All steps of the page that are to be executed, by block.
    pub fn executed(&self) -> impl Iterator<Item = &Step> {
        let issue = self.issue.iter().flat_map(IssuePage::steps);
        self.doc_test.iter().chain(issue)
    }
}

/// Where mdBook puts the chapter `path`: `README.md` becomes `index.html`.
pub fn html_path(path: &Path) -> PathBuf {
    if path
        .file_stem()
        .is_some_and(|stem| stem.eq_ignore_ascii_case("readme"))
    {
        path.with_file_name("index.html")
    } else {
        path.with_extension("html")
    }
}

/// Reads one chapter. All faults are reported; the page is always usable.
pub fn interpret(
    file: &Arc<SourceFile>,
    path: &Path,
    name: &str,
    config: &Config,
) -> (Page, Vec<Finding>) {
    let (document, mut findings) = markdown::parse(file);
    let (front_matter, more) = front_matter::parse(&document);
    findings.extend(more);
    let (steps, n_other_blocks, more) = step::steps(&document, &config.headings);
    findings.extend(more);
    let (waived, steps): (Vec<_>, Vec<_>) =
        steps.into_iter().partition(|step| step.waiver.is_some());
    let mut page = Page {
        document,
        path: path.to_owned(),
        name: name.to_owned(),
        front_matter,
        issue: None,
        doc_test: Vec::new(),
        waived,
        n_other_blocks,
    };
    if page.front_matter.issue.is_some() {
        let (issue, doc_test, more) = issue::interpret(&page, steps, config);
        findings.extend(more);
        page.issue = Some(issue);
        page.doc_test = doc_test;
    } else {
        page.doc_test = steps;
    }
    (page, findings)
}

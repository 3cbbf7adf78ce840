//! What was said of a drill or a doc test that was not good, as its author was told.

use crate::finding::Finding;
use serde::{Deserialize, Serialize};

/// Characters kept of the detail: a diff or a log.
const LONGEST: usize = 8000;

/// A finding, kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remark {
    /// The name of the check.
    pub check: String,
    /// What is wrong.
    pub title: String,
    /// `path:line:column`, or a path.
    pub place: String,
    /// Why here.
    pub note: String,
    /// A diff, a log, the end of an output.
    pub detail: Option<String>,
    /// What to do.
    pub help: String,
}

impl Remark {
    /// Keeps a finding.
    pub fn of(finding: &Finding) -> Self {
        Self {
            check: finding.check.to_owned(),
            title: finding.title.clone(),
            place: finding.locator(),
            note: finding.note.clone(),
            detail: finding.detail.as_deref().map(bounded),
            help: finding.help.clone(),
        }
    }
}

fn bounded(detail: &str) -> String {
    match detail.char_indices().nth(LONGEST) {
        None => detail.to_owned(),
        Some((at, _)) => format!("{}\n[… {} bytes cut …]", &detail[..at], detail.len() - at),
    }
}

//! What the checks found when the whole book was last verified.

use crate::finding::{Finding, Severity};
use crate::fs_write::{self, WriteError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The format of the stored file.
const SCHEMA: u32 = 1;

/// The errors of the last `verify`, counted by check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastChecks {
    schema: u32,
    /// When: RFC 3339, UTC, to the second.
    pub finished_at: String,
    /// Checks that found nothing are not in it.
    pub errors: BTreeMap<String, usize>,
}

impl LastChecks {
    /// Counts `findings`, as of now.
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut errors = BTreeMap::new();
        for finding in findings {
            if finding.severity == Severity::Error {
                *errors.entry(finding.check.to_owned()).or_insert(0) += 1;
            }
        }
        Self {
            schema: SCHEMA,
            finished_at: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            errors,
        }
    }

    /// The last one that was kept below `state_dir`, if it can be read.
    pub fn load(state_dir: &Path) -> Option<Self> {
        let bytes = std::fs::read(state_dir.join("checks.json")).ok()?;
        let last: Self = serde_json::from_slice(&bytes).ok()?;
        (last.schema == SCHEMA).then_some(last)
    }

    /// Keeps it below `state_dir`, which exists.
    pub fn keep(&self, state_dir: &Path) -> Result<(), WriteError> {
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        fs_write::write(&state_dir.join("checks.json"), json.as_bytes())
    }
}

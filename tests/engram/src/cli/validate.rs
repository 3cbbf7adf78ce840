//! `engram validate config`, and `engram config validate` as the specification writes it.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::config::{Finding, Findings, Severity, read};
use crate::out;

/// Why a file does not pass.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("Configuration file not found: {0}")]
    Missing(PathBuf),
    #[error("Failed to read configuration file: {0}")]
    Unreadable(PathBuf, #[source] std::io::Error),
    #[error("Configuration validation FAILED")]
    Invalid(#[source] Findings),
}

/// Prints warnings, and fails with all errors. A key that nobody knows is a warning: it has no effect.
pub(super) fn config(path: &Path) -> Result<(), Box<dyn Error>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Refusal::Missing(path.to_path_buf()).into());
        }
        Err(error) => return Err(Refusal::Unreadable(path.to_path_buf(), error).into()),
    };
    let (_, findings) = read(path, &text);
    let (warnings, errors): (Vec<Finding>, Vec<Finding>) = findings
        .into_iter()
        .partition(|finding| finding.severity == Severity::Warning);
    for warning in warnings {
        out::line(&format!("WARNING: {warning}"));
    }
    if !errors.is_empty() {
        return Err(Refusal::Invalid(Findings(errors)).into());
    }
    out::line(&format!(
        "Configuration validation PASSED: {}",
        path.display()
    ));
    Ok(())
}

//! `engram validate data`: reads what the spaces have on disk, and names each damaged file in one line.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::space::{SpaceId, ids_in};
use crate::wal::{Remark, examine};
use crate::{error_chain, out};

/// Why data does not pass, or cannot be looked at.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("Failed to prepare memory space data root '{0}'")]
    NoRoot(PathBuf, #[source] std::io::Error),
    #[error("Memory space '{0}' not found")]
    NoSpace(SpaceId),
    #[error("Data validation FAILED: {0}")]
    Damaged(Counts),
}

/// What was looked at.
#[derive(Debug, Default)]
struct Counts {
    spaces: usize,
    files: usize,
    entries: u64,
    damaged: usize,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} damaged; {} whole files with {} entries in {} spaces",
            self.damaged, self.files, self.entries, self.spaces
        )
    }
}

/// Prints one line for each damaged file, and fails if there is one. Writes nothing to the data directory.
pub(super) fn run(data_dir: &Path, only: Option<&str>) -> Result<(), Box<dyn Error>> {
    let spaces = match only {
        Some(name) => {
            let id: SpaceId = name.parse()?;
            if !data_dir.join(id.as_str()).is_dir() {
                return Err(Refusal::NoSpace(id).into());
            }
            vec![id]
        }
        None => ids_in(data_dir, |_| {})
            .map_err(|error| Refusal::NoRoot(data_dir.to_path_buf(), error))?,
    };
    let mut counts = Counts {
        spaces: spaces.len(),
        ..Counts::default()
    };
    for id in &spaces {
        counts.add(&data_dir.join(id.as_str()));
    }
    if counts.damaged > 0 {
        return Err(Refusal::Damaged(counts).into());
    }
    out::line(&format!("Data validation PASSED: {counts}"));
    Ok(())
}

impl Counts {
    /// Looks at everything that a space has on disk and that a start would refuse if it were damaged.
    fn add(&mut self, root: &Path) {
        let remarks = examine(root).unwrap_or_else(|error| vec![Remark::Damage(error)]);
        for remark in remarks {
            match remark {
                Remark::Whole(entries) => {
                    self.files += 1;
                    self.entries += entries;
                }
                Remark::Note(text) => out::line(&format!("NOTE: {text}")),
                Remark::Damage(error) => {
                    self.damaged += 1;
                    out::line(&error_chain::one_line(&error));
                }
            }
        }
    }
}

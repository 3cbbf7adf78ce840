//! Evidence on disk.

use super::{Evidence, SCHEMA, Subject};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Evidence could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep evidence in {path}")]
pub struct StoreError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// The evidence of one book.
#[derive(Debug, Default)]
pub struct Store {
    dir: PathBuf,
    records: BTreeMap<Subject, Evidence>,
    controls: BTreeMap<Subject, Evidence>,
}

/// Below the folder of the evidence: what says nothing of how a drill ended.
const CONTROLS: &str = "controls";

impl Store {
    /// Reads what is stored below `state_dir`. Records that cannot be read count as absent: they
    /// are a cache, and the drill runs again.
    pub fn load(state_dir: &Path) -> Self {
        let dir = state_dir.join("evidence");
        Self {
            records: read(&dir),
            controls: read(&dir.join(CONTROLS)),
            dir,
        }
    }

    /// The last record about `subject`, whatever its inputs were.
    pub fn last(&self, subject: &Subject) -> Option<&Evidence> {
        self.records.get(subject)
    }

    /// The last record about `subject`, be it a control experiment or not: no two share a subject.
    pub(super) fn of_any_kind(&self, subject: &Subject) -> Option<&Evidence> {
        self.last(subject).or_else(|| self.controls.get(subject))
    }

    /// A good record about `subject`, which may be a control experiment, whose inputs were the same.
    pub fn reusable(&self, subject: &Subject, inputs: &str) -> Option<&Evidence> {
        self.of_any_kind(subject)
            .filter(|evidence| evidence.inputs == inputs && evidence.verdict.is_good())
    }

    /// All records of drills and doc tests in the order of their subjects.
    pub fn iter(&self) -> impl Iterator<Item = &Evidence> {
        self.records.values()
    }

    /// Keeps a record, on disk and here. The one that it replaces becomes a run of the past.
    pub fn keep(&mut self, mut evidence: Evidence) -> Result<(), StoreError> {
        if let Some(last) = self.records.get(&evidence.subject) {
            evidence.follow(last);
        }
        write(&self.dir, &evidence)?;
        self.records.insert(evidence.subject.clone(), evidence);
        Ok(())
    }

    /// Keeps the record of a control experiment, which says nothing of how the drill itself ended.
    pub fn keep_control(&mut self, evidence: Evidence) -> Result<(), StoreError> {
        write(&self.dir.join(CONTROLS), &evidence)?;
        self.controls.insert(evidence.subject.clone(), evidence);
        Ok(())
    }

    /// Forgets records about subjects that are no longer in the book.
    pub fn retain(&mut self, is_current: impl Fn(&Subject) -> bool) {
        forget(&self.dir, &mut self.records, &is_current);
        forget(&self.dir.join(CONTROLS), &mut self.controls, &is_current);
    }
}

fn read(dir: &Path) -> BTreeMap<Subject, Evidence> {
    let files = walkdir::WalkDir::new(dir).max_depth(1).sort_by_file_name();
    files
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "json"))
        .filter_map(|entry| std::fs::read(entry.path()).ok())
        .filter_map(|bytes| serde_json::from_slice::<Evidence>(&bytes).ok())
        .filter(|evidence| evidence.schema == SCHEMA)
        .map(|evidence| (evidence.subject.clone(), evidence))
        .collect()
}

fn write(dir: &Path, evidence: &Evidence) -> Result<(), StoreError> {
    let path = dir.join(file_name(&evidence.subject));
    let failed = |source| StoreError {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let json = serde_json::to_vec(evidence).map_err(|error| failed(error.into()))?;
    // Evidence can be made again: it may be lost in a power cut, but is never there in part.
    let mut temp = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    temp.write_all(&json).map_err(failed)?;
    temp.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn forget(
    dir: &Path,
    records: &mut BTreeMap<Subject, Evidence>,
    is_current: impl Fn(&Subject) -> bool,
) {
    let gone: Vec<Subject> = records
        .keys()
        .filter(|subject| !is_current(subject))
        .cloned()
        .collect();
    for subject in gone {
        // A record that cannot be removed is found stale again next time.
        let _ = std::fs::remove_file(dir.join(file_name(&subject)));
        records.remove(&subject);
    }
}

/// A readable name, made unique by a hash of the subject.
fn file_name(subject: &Subject) -> String {
    let title = subject.title();
    let slug: String = title
        .to_lowercase()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .take(80)
        .collect();
    let hash = blake3::hash(title.as_bytes()).to_hex();
    format!("{}-{}.json", slug.trim_matches('-'), &hash[..8])
}

//! Prometheus rule files: read, matched with pages, edited without touching another byte.

mod document;
mod edit;
mod load_check;
mod matching;
mod yaml;

pub use document::{Alert, RuleFile};
pub use matching::{AlertLink, Linked, plan};

use crate::finding::Finding;
use crate::source::SourceFile;
use std::path::{Path, PathBuf};

/// A rule file with new text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// The file.
    pub path: PathBuf,
    /// Its text as it was read.
    pub old: String,
    /// Its text with every `runbook_url` as it must be.
    pub new: String,
    /// Where the first changed alert stands, and what to say about it.
    pub stale: Finding,
}

/// Reads every file that matches the globs, relative to `root`; `*` stands for a part of a name.
pub fn load(root: &Path, globs: &[String]) -> (Vec<RuleFile>, Vec<Finding>) {
    let mut files = Vec::new();
    let mut findings = Vec::new();
    for glob in globs {
        let pattern = root.join(glob);
        let matched = matching_files(&pattern);
        if matched.is_empty() {
            findings.push(
                Finding::error_in(
                    "no-rule-file",
                    &pattern,
                    "no rule file matches this pattern",
                )
                .help("correct `rules` in book.toml: paths are relative to the book's folder"),
            );
        }
        for path in matched {
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let (file, more) = RuleFile::parse(&SourceFile::new(shown(&path), text));
                    findings.extend(more);
                    files.push(file);
                }
                Err(error) => findings.push(
                    Finding::error_in("rule-file-invalid", &path, "this rule file cannot be read")
                        .note(error.to_string())
                        .help("a rule file is UTF-8 text that Prometheus' user may read"),
                ),
            }
        }
    }
    (files, findings)
}

/// `book/../alerts/a.yml` as `alerts/a.yml`.
fn shown(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir if parts.file_name().is_some() => {
                parts.pop();
            }
            std::path::Component::CurDir => {}
            part => parts.push(part),
        }
    }
    parts
}

fn matching_files(pattern: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (pattern.parent(), pattern.file_name()) else {
        return Vec::new();
    };
    let name = name.to_string_lossy();
    let entries = walkdir::WalkDir::new(dir)
        .min_depth(1)
        .max_depth(1)
        .follow_links(true)
        .sort_by_file_name();
    entries
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter(|entry| fits(&name, &entry.file_name().to_string_lossy()))
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Whether `name` fits a pattern with any number of `*`.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(fits("*.yml", "a.yml") && fits("a*b*c", "axbxc") && fits("x", "x"));
        assert!(!fits("*.yml", "a.yaml") && !fits("x", "xy") && !fits("a*b", "ac"));
        assert_eq!(shown(Path::new("./book/../a/b.yml")), Path::new("a/b.yml"));
    }
}

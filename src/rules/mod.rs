//! Rule files of Prometheus, Mimir, Thanos, Loki and Kubernetes: read, matched with pages, edited
//! without touching another byte.

mod dialect;
mod document;
mod edit;
mod load_check;
mod matching;
mod promql;
mod proof;
mod query;
mod same;
mod scale;
mod sections;
mod sight;
mod template;
mod texts;
mod url_form;
mod yaml;

pub use dialect::Dialect;
pub use document::{Alert, Reading, RuleFile, RunbookUrl};
pub(crate) use matching::is_under;
pub use matching::{AlertLink, Linked, Policy, plan, plan_removal};
pub use query::{BrokenQuery, escaped_query};
pub use scale::scaled;
pub use texts::{RuleText, RuleTexts};
pub use url_form::{BrokenForm, DEFAULT as DEFAULT_FORM, UrlForm};
pub(crate) use url_form::{alert_stem, percent_encoded};

use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A rule file that must be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// The file as it was read.
    pub file: Arc<SourceFile>,
    /// Its text with every link as it must be.
    pub new_text: String,
    /// How many rules change.
    pub n_changed: usize,
    /// The annotation that holds the link.
    pub annotation: String,
    /// The first of them.
    first: FirstChange,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FirstChange {
    alert: String,
    place: Place,
}

impl FileEdit {
    /// What to say where the file may not be written: `runbook-url-stale`, with the difference.
    pub fn stale_finding(&self) -> Finding {
        let FirstChange { alert, place } = &self.first;
        let others = match self.n_changed {
            0 | 1 => String::new(),
            n_changed => format!(" and of {} more", n_changed - 1),
        };
        let title = format!(
            "the `{}` of `{alert}`{others} is not up to date",
            self.annotation
        );
        let path = self.file.path().display().to_string();
        let diff = similar::TextDiff::from_lines(self.file.text(), self.new_text.as_str());
        let diff = diff
            .unified_diff()
            .context_radius(2)
            .header(&path, &path)
            .to_string();
        Finding::error("runbook-url-stale", place.clone(), title)
            .note("the alert does not lead to its page")
            .detail(diff)
            .help("run `mdbook-runbook alerts`")
    }
}

/// Which rule files, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleGlob {
    /// A glob of paths, relative to the book.
    pub files: String,
    /// Whose files they are; told by their content where `None`.
    pub dialect: Option<Dialect>,
}

/// Reads every file that matches the globs, each relative to `root`, in the order of their paths.
///
/// A file that fits several globs is read once, as the first that says whose it is has it.
/// `*` and `?` do not match `/`; `**` matches any folders, and `{a,b}` and `[ab]` alternatives.
pub fn load(root: &Path, globs: &[RuleGlob], annotation: &str) -> (Vec<RuleFile>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut dialects: BTreeMap<PathBuf, Option<Dialect>> = BTreeMap::new();
    for RuleGlob { files, dialect } in globs {
        match matching_files(root, files) {
            Ok(matched) if matched.paths.is_empty() && matched.findings.is_empty() => {
                findings.push(no_rule_file(root, files));
            }
            Ok(matched) => {
                for path in matched.paths {
                    let known = dialects.entry(path).or_default();
                    *known = known.or(*dialect);
                }
                findings.extend(matched.findings);
            }
            Err(error) => findings.push(no_rule_file(root, files).note(error.to_string())),
        }
    }
    let mut files = Vec::new();
    for (path, dialect) in dialects {
        let reading = Reading {
            annotation: annotation.to_owned(),
            dialect,
        };
        match read(&path) {
            Ok(text) => {
                let (file, more) = RuleFile::read(&SourceFile::new(path, text), &reading);
                files.push(file);
                findings.extend(more);
            }
            Err(why) => findings.push(unreadable(path, why)),
        }
    }
    (files, findings)
}

/// The files that match a glob; see [`load`]. None where it cannot be used.
pub(crate) fn paths(root: &Path, glob: &str) -> Vec<PathBuf> {
    let mut paths = matching_files(root, glob).unwrap_or_default().paths;
    paths.sort();
    paths
}

fn no_rule_file(root: &Path, glob: &str) -> Finding {
    let title = format!("no rule file matches `{glob}`");
    Finding::error_in("no-rule-file", tidy(&root.join(glob)), title)
        .help("correct `rules` in book.toml; its paths begin at the book's folder")
}

fn unreadable(path: PathBuf, why: String) -> Finding {
    Finding::error_in("rule-file-unreadable", path, "cannot read this rule file")
        .note(why)
        .help("make it a UTF-8 text that this user may read")
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8 at offset {at}")
    })
}

/// The files that fit a glob, and what could not be looked at.
#[derive(Default)]
struct Matched {
    paths: Vec<PathBuf>,
    findings: Vec<Finding>,
}

fn matching_files(root: &Path, glob: &str) -> Result<Matched, globset::Error> {
    let is_pattern = |part: &str| part.contains(['*', '?', '[', '{']);
    let parts: Vec<&str> = glob.split('/').collect();
    let n_literal = parts.iter().take_while(|part| !is_pattern(part)).count();
    if n_literal == parts.len() {
        let path = tidy(&root.join(glob));
        return Ok(Matched {
            paths: Vec::from_iter(path.exists().then_some(path)),
            ..Matched::default()
        });
    }
    let (literal, pattern) = parts.split_at(n_literal);
    // An empty first part is the root folder, which `join` would take for nothing.
    let mut base = literal.join("/");
    if base.is_empty() && n_literal > 0 {
        base.push('/');
    }
    let base = tidy(&root.join(base));
    let pattern_of_paths = globset::GlobBuilder::new(&pattern.join("/"))
        .literal_separator(true)
        .build()?
        .compile_matcher();
    let depth = if pattern.iter().any(|part| part.contains("**")) {
        usize::MAX
    } else {
        pattern.len()
    };
    let walk = walkdir::WalkDir::new(&base)
        .follow_links(true)
        .max_depth(depth);
    let mut found = Matched::default();
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let rest = entry.path().strip_prefix(&base);
                if rest.is_ok_and(|rest| pattern_of_paths.is_match(rest)) {
                    found.paths.push(entry.into_path());
                }
            }
            // That there is no such folder is told as a glob without a file.
            Err(error) if error.depth() == 0 => {}
            Err(error) => {
                let path = error.path().unwrap_or(&base).to_owned();
                found.findings.push(unreadable(path, error.to_string()));
            }
        }
    }
    Ok(found)
}

/// `book/../alerts/a.yml` as `alerts/a.yml`, where both are the same file.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(tidy.components().next_back(), Some(Component::Normal(_))) =>
            {
                tidy.pop();
            }
            part => tidy.push(part),
        }
    }
    if tidy.as_os_str().is_empty() {
        tidy.push(".");
    }
    // A folder that is a symbolic link has another parent than its name tells.
    match (path.canonicalize(), tidy.canonicalize()) {
        (Ok(given), Ok(tidied)) if given != tidied => path.to_owned(),
        _ => tidy,
    }
}

#[cfg(test)]
mod tests;

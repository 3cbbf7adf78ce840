//! The one type in which any room says "this is wrong, here, do that".

use crate::source::Place;
use std::cmp::Ordering;
use std::path::PathBuf;

/// Whether a finding fails the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Fails the run: exit status 1.
    Error,
    /// Shown, but the run may still be good.
    Warning,
}

/// Where a finding points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Bytes of a file; the source line is shown.
    Place(Place),
    /// A file as a whole, or one that does not exist.
    Path(PathBuf),
}

impl Target {
    fn key(&self) -> (PathBuf, usize) {
        match self {
            Self::Place(place) => (place.file.path().to_owned(), place.span.start),
            Self::Path(path) => (path.clone(), 0),
        }
    }
}

/// One thing that is wrong with the book, its rule files or its configuration.
///
/// The title is lower case, one clause, no full stop, what the author wrote in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The stable kebab-case name of the check that found it.
    pub check: &'static str,
    /// Whether it fails the run.
    pub severity: Severity,
    /// What is wrong.
    pub title: String,
    /// Where.
    pub target: Target,
    /// Why here, in a few words; shown under the source line.
    pub note: String,
    /// Other places that matter, with what each shows.
    pub related: Vec<(Place, String)>,
    /// Longer detail, shown as it is below the source line: a diff, a log, a path of clicks.
    pub detail: Option<String>,
    /// What to do, as an imperative.
    pub help: String,
}

impl Finding {
    /// An error at `place`.
    pub fn error(check: &'static str, place: Place, title: impl Into<String>) -> Self {
        Self::new(check, Target::Place(place), title.into())
    }

    /// An error about a file as a whole.
    pub fn error_in(
        check: &'static str,
        path: impl Into<PathBuf>,
        title: impl Into<String>,
    ) -> Self {
        Self::new(check, Target::Path(path.into()), title.into())
    }

    fn new(check: &'static str, target: Target, title: String) -> Self {
        Self {
            check,
            severity: Severity::Error,
            title,
            target,
            note: String::new(),
            related: Vec::new(),
            detail: None,
            help: String::new(),
        }
    }

    /// Makes it a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Says why here.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Adds text that is shown as it is.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Points at a second place.
    #[must_use]
    pub fn related(mut self, place: Place, note: impl Into<String>) -> Self {
        self.related.push((place, note.into()));
        self
    }

    /// `path:line:column`, or the path alone.
    pub fn locator(&self) -> String {
        match &self.target {
            Target::Place(place) => place.locator(),
            Target::Path(path) => path.display().to_string(),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.target.key(), self.check, &self.title).cmp(&(
            other.target.key(),
            other.check,
            &other.title,
        ))
    }
}

/// Puts findings in the order of files and places, and drops exact repeats.
pub fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(Finding::order);
    findings.dedup();
}

/// The known name that `given` was probably meant to be.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

/// `did you mean X?`, or the whole list where nothing is near.
pub fn did_you_mean(given: &str, known: &[&str]) -> String {
    match nearest(given, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("timout", ["exit", "timeout"]), Some("timeout"));
        assert_eq!(nearest("colour", ["exit", "timeout"]), None);
    }
}

//! Results of tests that others ran, read from files in TAP, the Test Anything Protocol.
//!
//! Version 14: <https://testanything.org/tap-version-14-specification.html>. A comment
//! `# finished_at: 2026-11-25T03:00:00Z` says when; else the file's own time counts.

use std::collections::BTreeMap;
use std::path::Path;

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// `None` for one that was skipped: it says nothing.
    pub passed: Option<bool>,
    /// When the tests of its file ended: RFC 3339, UTC.
    pub at: String,
}

/// All results by the names of the tests. Of a name that occurs twice, the worse one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results(BTreeMap<String, TestResult>);

impl Results {
    /// Reads the files that match `globs`, each relative to `root`. There may be none: tests that
    /// were not run say nothing.
    pub fn load(root: &Path, globs: &[String]) -> Self {
        let mut results = Self::default();
        for path in globs
            .iter()
            .flat_map(|glob| crate::rules::paths(root, glob))
        {
            if let Ok(text) = std::fs::read_to_string(&path) {
                let modified = std::fs::metadata(&path).and_then(|data| data.modified());
                let at = modified
                    .ok()
                    .and_then(|at| jiff::Timestamp::try_from(at).ok());
                results.read(&text, &at.unwrap_or_default());
            }
        }
        results
    }

    fn read(&mut self, text: &str, modified: &jiff::Timestamp) {
        let at = text
            .lines()
            .find_map(|line| line.strip_prefix("# finished_at: "))
            .map_or_else(
                || modified.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                |at| at.trim().to_owned(),
            );
        // Indented lines are those of subtests, which their own point sums up.
        for (name, passed) in text.lines().filter_map(point) {
            let result = TestResult {
                passed,
                at: at.clone(),
            };
            let is_worse = |old: &TestResult| old.passed == Some(true) || passed == Some(false);
            if self.0.get(name).is_none_or(is_worse) {
                self.0.insert(name.to_owned(), result);
            }
        }
    }

    /// The tests that `pattern` names: one, or with `*` at its end all that begin so.
    pub fn named(&self, pattern: &str) -> Vec<&TestResult> {
        match pattern.strip_suffix('*') {
            Some(start) => {
                let all = self.0.iter().filter(|(name, _)| name.starts_with(start));
                all.map(|(_, result)| result).collect()
            }
            None => self.0.get(pattern).into_iter().collect(),
        }
    }

    /// Whether there are results of the suite that `name` belongs to: the part before the first `/`.
    pub fn has_suite_of(&self, name: &str) -> bool {
        let suite = |name: &str| name.split('/').next().map(str::to_owned);
        self.0.keys().any(|known| suite(known) == suite(name))
    }

    /// The names of all tests.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// One test point: its description, and whether it passed.
fn point(line: &str) -> Option<(&str, Option<bool>)> {
    let (rest, passed) = match line.strip_prefix("not ok") {
        Some(rest) => (rest, false),
        None => (line.strip_prefix("ok")?, true),
    };
    let rest = rest.strip_prefix(' ')?.trim_start();
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    let (name, directive) = rest.split_once(" #").unwrap_or((rest, ""));
    let directive = directive.trim().to_ascii_lowercase();
    // A failure that is expected for now, and a test that was not run, say nothing.
    let says = !directive.starts_with("skip") && !directive.starts_with("todo");
    Some((name.trim(), says.then_some(passed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_the_protocol() {
        assert_eq!(point("ok 1 - a/b::c"), Some(("a/b::c", Some(true))));
        assert_eq!(point("not ok 2 - it/x"), Some(("it/x", Some(false))));
        assert_eq!(point("ok it/x"), Some(("it/x", Some(true))));
        assert_eq!(point("ok 3 - x # SKIP no tape robot"), Some(("x", None)));
        assert_eq!(point("not ok 4 - x # todo later"), Some(("x", None)));
        assert_eq!(point("okay"), None);
        assert_eq!(point("    ok 1 - of a subtest"), None);
        assert_eq!(point("1..4"), None);
    }

    #[test]
    fn the_worse_result_of_a_name_counts() {
        let mut results = Results::default();
        let never = jiff::Timestamp::UNIX_EPOCH;
        results.read(
            "ok 1 - a\nnot ok 2 - a\nok 3 - a\nok 4 - b\n# finished_at: 2026-11-25T03:00:00Z\n",
            &never,
        );
        assert_eq!(results.named("a")[0].passed, Some(false));
        assert_eq!(results.named("b")[0].at, "2026-11-25T03:00:00Z");
        assert_eq!(results.named("*").len(), 2);
        assert_eq!(results.named("c").len(), 0);
    }
}

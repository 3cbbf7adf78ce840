//! Results of tests that others ran, read from files in TAP, the Test Anything Protocol.
//!
//! Version 14: <https://testanything.org/tap-version-14-specification.html>. A comment
//! `# finished_at: 2026-11-25T03:00:00Z` says when; else the file's own time counts.

use super::criteria;
use crate::config::Config;
use crate::page::Page;
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
pub struct Results {
    tests: BTreeMap<String, TestResult>,
    /// The suites of which all tests were run, and when.
    whole: BTreeMap<String, String>,
    /// When a page with criteria was last written.
    written: String,
}

impl Results {
    /// Reads the files that `results` of `config` names, for the criteria of `pages`. There may be
    /// none: tests that were not run say nothing.
    pub fn load<'a>(config: &Config, pages: impl IntoIterator<Item = &'a Page>) -> Self {
        let mut results = Self {
            written: pages
                .into_iter()
                .filter(|page| !criteria(page).is_empty())
                .map(|page| modified(&config.src.join(&page.path)))
                .max()
                .unwrap_or_default(),
            ..Self::default()
        };
        let globs = config.results.iter();
        for path in globs.flat_map(|glob| crate::rules::paths(&config.root, glob)) {
            if let Ok(text) = std::fs::read_to_string(&path) {
                results.read(&text, &modified(&path));
            }
        }
        results
    }

    fn read(&mut self, text: &str, modified: &str) {
        let at = text
            .lines()
            .find_map(|line| line.strip_prefix("# finished_at: "))
            .map_or(modified, str::trim);
        // Without a plan, or with a bail-out, it was broken off: others may be missing.
        let is_whole = text.lines().any(|line| line.starts_with("1.."))
            && !text.lines().any(|line| line.starts_with("Bail out!"));
        // Indented lines are those of subtests, which their own point sums up.
        for (name, passed) in text.lines().filter_map(point) {
            if is_whole {
                self.whole.insert(suite(name).to_owned(), at.to_owned());
            }
            let result = TestResult {
                passed,
                at: at.to_owned(),
            };
            let is_worse = |old: &TestResult| old.passed == Some(true) || passed == Some(false);
            if self.tests.get(name).is_none_or(is_worse) {
                self.tests.insert(name.to_owned(), result);
            }
        }
    }

    /// The tests that `pattern` names: one, or with `*` at its end all that begin so.
    pub fn named(&self, pattern: &str) -> Vec<&TestResult> {
        match pattern.strip_suffix('*') {
            Some(start) => {
                let all = self
                    .tests
                    .iter()
                    .filter(|(name, _)| name.starts_with(start));
                all.map(|(_, result)| result).collect()
            }
            None => self.tests.get(pattern).into_iter().collect(),
        }
    }

    /// Whether `name` would be among the results if there were such a test: all tests of its suite,
    /// the part before the first `/`, were run since the criteria were written.
    pub fn would_have(&self, name: &str) -> bool {
        let at = self.whole.get(suite(name));
        at.is_some_and(|at| *at >= self.written)
    }

    /// The names of all tests.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tests.keys().map(String::as_str)
    }
}

fn suite(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}

/// When a file was last written: RFC 3339, UTC, to the second.
fn modified(path: &Path) -> String {
    let modified = std::fs::metadata(path).and_then(|data| data.modified());
    let at = modified
        .ok()
        .and_then(|at| jiff::Timestamp::try_from(at).ok());
    at.unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
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
        let text =
            "ok 1 - a\nnot ok 2 - a\nok 3 - a\nok 4 - b\n# finished_at: 2026-11-25T03:00:00Z\n";
        results.read(text, "");
        assert_eq!(results.named("a")[0].passed, Some(false));
        assert_eq!(results.named("b")[0].at, "2026-11-25T03:00:00Z");
        assert_eq!(results.named("*").len(), 2);
        assert_eq!(results.named("c").len(), 0);
    }

    #[test]
    fn what_a_suite_lacks_is_known_only_if_all_of_it_was_run_since() {
        let mut results = Results {
            written: "2026-11-25T03:00:00Z".to_owned(),
            ..Results::default()
        };
        results.read("ok 1 - whole/a\n1..1\n", "2026-11-25T03:00:00Z");
        results.read("ok 1 - broken-off/a\n", "2026-11-25T03:00:00Z");
        results.read(
            "ok 1 - given-up/a\n1..1\nBail out!\n",
            "2026-11-25T03:00:00Z",
        );
        results.read("ok 1 - old/a\n1..1\n", "2026-11-25T02:59:59Z");
        let known = ["whole/b", "broken-off/b", "given-up/b", "old/b", "never/b"];
        assert_eq!(
            known.map(|name| results.would_have(name)),
            [true, false, false, false, false]
        );
    }
}

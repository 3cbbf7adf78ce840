//! How a criterion stands: what its references say of it.

use super::{Kind, LastChecks, Reference, Results};
use crate::check::NAMES;
use crate::evidence::{State, Store, Subject, Verdict};
use crate::finding::did_you_mean;
use crate::page::{Cause, IssuePage, Page};
use std::collections::BTreeMap;
use std::path::Path;

/// What is on record.
pub struct Records<'a> {
    /// All pages of the book.
    pub pages: Vec<&'a Page>,
    /// Drills and doc tests.
    pub store: &'a Store,
    /// Hashes of their inputs as they are now, where they are known.
    pub inputs: Option<&'a BTreeMap<Subject, String>>,
    /// What the checks last found.
    pub checks: Option<&'a LastChecks>,
    /// Tests.
    pub results: &'a Results,
}

/// What one reference says, in words for the reader where there are any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It names nothing; why, and what to do.
    Unknown(String, String),
    /// The last result is red.
    Fails(String),
    /// The page itself says that it is not met.
    Open,
    /// There is no result here. Never green.
    NotRun,
    /// It was good, with other inputs than now.
    Changed(String),
    /// It is good.
    Holds(String),
    /// No machine says anything.
    Tried,
}

/// How a criterion stands: the worst that any of its references says. What needs a trial beside what
/// machines say is not green by them alone.
pub fn overall(standings: &[Standing]) -> Option<&Standing> {
    standings.iter().min_by_key(|standing| match standing {
        Standing::Unknown(..) => 0,
        Standing::Fails(_) => 1,
        Standing::Open => 2,
        Standing::NotRun => 3,
        Standing::Changed(_) => 4,
        Standing::Tried => 5,
        Standing::Holds(_) => 6,
    })
}

impl<'a> Records<'a> {
    /// What `reference` says.
    pub fn standing(&self, reference: &Reference) -> Standing {
        let name = reference.name.as_str();
        match reference.kind {
            None => {
                let known: Vec<&str> = super::KINDS.iter().map(|(word, _)| *word).collect();
                let help = did_you_mean(&reference.word, &known);
                unknown(
                    format!("`{}` is no kind of reference", reference.word),
                    help,
                )
            }
            Some(_) if name.is_empty() => unknown(
                format!("nothing stands behind `{}:`", reference.word),
                "say which, or how it was tried",
            ),
            Some(Kind::Drill) => self.drills(name),
            Some(Kind::DocTest) => self.doc_tests(name),
            Some(Kind::Check) => self.check(name),
            Some(Kind::Test) => self.test(name),
            Some(Kind::Section) => self.section(name),
            Some(Kind::Tried) => Standing::Tried,
            Some(Kind::Open) => Standing::Open,
        }
    }

    /// The page that a reference names, where the book has it.
    pub fn page(&self, name: &str) -> Option<&'a Page> {
        let path = name.split('#').next().unwrap_or_default();
        let found = self.pages.iter().find(|page| page.path == Path::new(path));
        found.copied()
    }

    /// The causes that a reference names.
    pub fn causes(&self, name: &str) -> Vec<(&'a Page, &'a Cause)> {
        let (path, id) = match name.split_once('#') {
            Some((path, id)) => (path, Some(id)),
            None => (name, None),
        };
        let all = self.pages.iter().flat_map(|page| {
            let causes = page
                .issue
                .iter()
                .flat_map(|issue: &IssuePage| &issue.causes);
            causes.map(|cause| (*page, cause))
        });
        all.filter(|(page, _)| path == "all" || page.path == Path::new(path))
            .filter(|(_, cause)| id.is_none() || cause.id.as_deref() == id)
            .collect()
    }

    fn state(&self, page: &Page, subject: &Subject) -> State<'a> {
        self.store.state(page, subject, self.inputs)
    }

    fn drills(&self, name: &str) -> Standing {
        let states: Vec<State<'_>> = self
            .causes(name)
            .into_iter()
            .map(|(page, cause)| self.state(page, &Subject::drill(page, cause)))
            .collect();
        if states.is_empty() {
            return unknown(
                format!("no drill is named `{name}`"),
                "write `all`, a page such as `issues/a.md`, or a cause of it by its explicit id: `issues/a.md#cause`",
            );
        }
        together(&states)
    }

    fn doc_tests(&self, name: &str) -> Standing {
        let tested = self.pages.iter().filter(|page| !page.doc_test.is_empty());
        let states: Vec<State<'_>> = tested
            .filter(|page| name == "all" || page.path == Path::new(name))
            .map(|page| self.state(page, &Subject::doc_test(page)))
            .collect();
        if states.is_empty() {
            return unknown(
                format!("no doc test is named `{name}`"),
                "write `all`, or a chapter with blocks that are run: `introduction.md`",
            );
        }
        together(&states)
    }

    fn check(&self, name: &str) -> Standing {
        if !NAMES.contains(&name) {
            return unknown(
                format!("no check is named `{name}`"),
                did_you_mean(name, &NAMES),
            );
        }
        let Some(last) = self.checks else {
            return Standing::NotRun;
        };
        let when = when(&last.finished_at);
        match last.errors.get(name) {
            None => Standing::Holds(format!("finds nothing, {when}")),
            Some(n) => Standing::Fails(format!("finds {n}, {when}")),
        }
    }

    fn test(&self, name: &str) -> Standing {
        let results = self.results.named(name);
        if results.is_empty() {
            if self.results.would_have(name) {
                let names: Vec<&str> = self.results.names().collect();
                let near = crate::finding::nearest(name, names.iter().copied());
                let help = near.map_or_else(
                    || "see the names in the files that `results` in book.toml names".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                return unknown(format!("no test is named `{name}`"), help);
            }
            return Standing::NotRun;
        }
        let oldest = results.iter().map(|result| result.at.as_str()).min();
        let when = when(oldest.unwrap_or_default());
        let n = results.len();
        let failed = results.iter().filter(|result| result.passed == Some(false));
        match failed.count() {
            0 if results.iter().any(|result| result.passed.is_none()) => Standing::NotRun,
            0 if n == 1 => Standing::Holds(format!("passed, {when}")),
            0 => Standing::Holds(format!("{n} of {n} passed, {when}")),
            _ if n == 1 => Standing::Fails(format!("failed, {when}")),
            failed => Standing::Fails(format!("{failed} of {n} failed, {when}")),
        }
    }

    fn section(&self, name: &str) -> Standing {
        let id = name.split_once('#').map(|(_, id)| id);
        let headings = self.page(name).map(|page| &page.document.headings);
        let is_there = headings.is_some_and(|headings| {
            id.is_none() || headings.iter().any(|heading| heading.id.as_deref() == id)
        });
        if is_there {
            return Standing::Holds("is in the book".to_owned());
        }
        unknown(
            format!("no section is named `{name}`"),
            "write a chapter of the book, or one with the explicit id of a heading: `a.md#section`",
        )
    }
}

fn unknown(why: String, help: impl Into<String>) -> Standing {
    Standing::Unknown(why, help.into())
}

/// One or several drills or doc tests as one: the worst decides.
fn together(states: &[State<'_>]) -> Standing {
    let n = states.len();
    let oldest = states.iter().filter_map(State::evidence);
    let oldest = oldest.map(|evidence| evidence.finished_at.as_str()).min();
    let when = when(oldest.unwrap_or_default());
    let what = match states {
        [one] => one
            .evidence()
            .map_or_else(String::new, |evidence| match evidence.verdict {
                Verdict::Recovered { ms } => {
                    format!("recovered in {}.{:02} s", ms / 1000, ms % 1000 / 10)
                }
                _ => evidence.verdict.name().to_owned(),
            }),
        _ => format!(
            "{} of {n} good",
            states.iter().filter(|state| state.is_good()).count()
        ),
    };
    if states.iter().any(|state| matches!(state, State::Failed(_))) {
        Standing::Fails(format!("{what}, {when}"))
    } else if states.iter().any(|state| matches!(state, State::Unknown)) {
        Standing::NotRun
    } else if states.iter().any(|state| matches!(state, State::Stale(_))) {
        Standing::Changed(format!("{what}, {when}; changed since"))
    } else {
        Standing::Holds(format!("{what}, {when}"))
    }
}

/// `2026-11-25 03:00 UTC`.
fn when(time: &str) -> String {
    let text = time.replace('T', " ");
    format!("{} UTC", text.get(..16).unwrap_or(&text))
}

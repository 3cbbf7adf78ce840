//! How far a drill or a doc test is proved by what is on record.

use super::{Evidence, Store, Subject, Verdict};
use crate::page::{Cause, Page, Step};
use std::collections::{BTreeMap, BTreeSet};

/// How far it is proved.
pub enum State<'a> {
    /// It was good, with these very inputs as far as is known.
    Verified(&'a Evidence),
    /// It was good, but something has changed since.
    Stale(&'a Evidence),
    /// The last run was not good.
    Failed(&'a Evidence),
    /// It was never played.
    Unknown,
}

impl<'a> State<'a> {
    /// The record, if there is one.
    pub fn evidence(&self) -> Option<&'a Evidence> {
        match self {
            Self::Verified(evidence) | Self::Stale(evidence) | Self::Failed(evidence) => {
                Some(evidence)
            }
            Self::Unknown => None,
        }
    }

    /// Whether the last run was good.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Verified(_) | Self::Stale(_))
    }
}

/// Whether a record is of the book as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// With the very same inputs.
    Same,
    /// With other inputs: of the page, the programs or the configuration.
    Changed,
    /// With the same blocks; nobody has looked at the other inputs.
    SameBlocks,
    /// With other blocks.
    OtherBlocks,
}

impl Freshness {
    /// Whether it is of the book as it is now, as far as is known.
    pub fn is_fresh(self) -> bool {
        matches!(self, Self::Same | Self::SameBlocks)
    }
}

impl Evidence {
    /// Whether it is of `page` as it is now; `inputs` are the hashes as they are now, where they are known.
    pub fn freshness(&self, page: &Page, inputs: Option<&BTreeMap<Subject, String>>) -> Freshness {
        match inputs.and_then(|inputs| inputs.get(&self.subject)) {
            Some(now) if *now == self.inputs => Freshness::Same,
            Some(_) => Freshness::Changed,
            None if self.has_blocks_of(page) => Freshness::SameBlocks,
            None => Freshness::OtherBlocks,
        }
    }

    /// Whether each block that ran is still on the page, and each that would run now has run, as far as
    /// the run came: all that can be told without the hash of the inputs.
    fn has_blocks_of(&self, page: &Page) -> bool {
        let code = |step: &Step| step.code.trim().to_owned();
        let now: BTreeSet<String> = page.executed().map(code).collect();
        let steps = self.stages.iter().flat_map(|stage| &stage.steps);
        let own = steps.filter(|step| step.line > 0 && step.page.is_none());
        let ran: BTreeSet<&str> = own.map(|step| step.code.trim()).collect();
        let mut would_run = self.would_run(page);
        ran.iter().all(|code| now.contains(*code))
            && (!self.verdict.is_good() || would_run.all(|step| ran.contains(step.code.trim())))
    }

    /// The blocks that a good run of it has run.
    fn would_run<'p>(&self, page: &'p Page) -> impl Iterator<Item = &'p Step> {
        let recovered = matches!(self.verdict, Verdict::Recovered { .. });
        let name = self.subject.cause.as_deref();
        let issue = page.issue.as_ref();
        let cause = issue.and_then(|issue| issue.cause(name?));
        let of_all = issue
            .filter(|_| name.is_some())
            .into_iter()
            .flat_map(|issue| issue.verification.iter().chain(&issue.diagnosis));
        let of_cause = cause.into_iter().flat_map(move |cause| {
            let resolution = recovered.then_some(&cause.resolution);
            cause.drill.iter().chain(resolution.into_iter().flatten())
        });
        let tested = page.doc_test.iter().filter(move |_| name.is_none());
        of_all.chain(of_cause).chain(tested)
    }
}

impl Store {
    /// How far `subject` of `page`, which may be a control experiment, is proved; `inputs` are the hashes
    /// as they are now, where they are known.
    pub fn state(
        &self,
        page: &Page,
        subject: &Subject,
        inputs: Option<&BTreeMap<Subject, String>>,
    ) -> State<'_> {
        match self.of_any_kind(subject) {
            None => State::Unknown,
            Some(evidence) if !evidence.verdict.is_good() => State::Failed(evidence),
            Some(evidence) if evidence.freshness(page, inputs).is_fresh() => {
                State::Verified(evidence)
            }
            Some(evidence) => State::Stale(evidence),
        }
    }
}

impl Subject {
    /// The drill of a cause.
    pub fn drill(page: &Page, cause: &Cause) -> Self {
        Self {
            page: page.path.clone(),
            issue: page.issue.as_ref().map(|issue| issue.number),
            cause: Some(cause.name.clone()),
        }
    }

    /// The control experiment on this drill in which nothing is done instead of the resolution.
    #[must_use]
    pub fn left_alone(mut self) -> Self {
        self.cause = self.cause.map(|cause| cause + ", left alone");
        self
    }

    /// The control experiment on this drill in which the resolution of `other` is done instead.
    #[must_use]
    pub fn resolved_as(mut self, other: &str) -> Self {
        self.cause = self
            .cause
            .map(|cause| format!("{cause}, resolved as `{other}`"));
        self
    }

    /// The doc test of a chapter.
    pub fn doc_test(page: &Page) -> Self {
        Self {
            page: page.path.clone(),
            issue: None,
            cause: None,
        }
    }
}

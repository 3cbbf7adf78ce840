//! How far a drill or a doc test is proved by what is on record.

use super::{Evidence, Store, Subject};
use crate::page::{Cause, Page};
use std::collections::BTreeMap;

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

impl Store {
    /// How far `subject` is proved; `inputs` are the hashes as they are now, where they are known.
    pub fn state(
        &self,
        subject: &Subject,
        inputs: Option<&BTreeMap<Subject, String>>,
    ) -> State<'_> {
        let Some(evidence) = self.last(subject) else {
            return State::Unknown;
        };
        let now = inputs.and_then(|inputs| inputs.get(subject));
        if !evidence.verdict.is_good() {
            State::Failed(evidence)
        } else if now.is_some_and(|now| *now != evidence.inputs) {
            State::Stale(evidence)
        } else {
            State::Verified(evidence)
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

    /// The doc test of a chapter.
    pub fn doc_test(page: &Page) -> Self {
        Self {
            page: page.path.clone(),
            issue: None,
            cause: None,
        }
    }
}

//! `recovery-slower`: a drill that recovers, but takes far longer than it ever did.

use crate::evidence::{Before, Store, Subject};
use crate::finding::Finding;
use crate::page::{Cause, Page};
use crate::site::time;
use std::sync::Arc;

/// With fewer recoveries on record nobody knows what is usual.
const FEWEST: usize = 3;

/// So many times the slowest recovery, and so many milliseconds more, are no accident.
const TIMES: u64 = 2;
const MORE_MS: u64 = 2000;

/// A warning for each cause whose last recovery took at least twice as long as each one before.
pub fn slower(pages: &[Arc<Page>], store: &Store) -> Vec<Finding> {
    let causes = pages.iter().flat_map(|page| {
        let causes = page.issue.iter().flat_map(|issue| &issue.causes);
        causes.map(move |cause| (page, cause))
    });
    causes
        .filter_map(|(page, cause)| of_cause(page, cause, store))
        .collect()
}

fn of_cause(page: &Page, cause: &Cause, store: &Store) -> Option<Finding> {
    let evidence = store.last(&Subject::drill(page, cause))?;
    let now = evidence.verdict.recovery()?;
    let before = Before::of(evidence).filter(|before| before.n >= FEWEST)?;
    if now < TIMES * before.slowest || now < before.slowest + MORE_MS {
        return None;
    }
    let title = format!(
        "`{}` takes far longer to recover than before: {}, and at most {} in {} earlier runs",
        cause.name,
        time(now),
        time(before.slowest),
        before.n
    );
    Some(
        Finding::error("recovery-slower", cause.place.clone(), title)
            .warning()
            .note("it is still within its target, but something has become slow")
            .help("see in its transcript which step takes the time; where the machine was busy, run it again"),
    )
}

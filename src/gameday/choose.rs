//! Which cause is played: those that a word means, and one of them by chance.

use crate::page::{Cause, IssuePage, Page};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One cause that can be played.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its page.
    pub page: Arc<Page>,
    issue: IssuePage,
    cause: usize,
}

impl Candidate {
    /// The issue of the page.
    pub fn issue(&self) -> &IssuePage {
        &self.issue
    }

    /// The cause.
    pub fn cause(&self) -> &Cause {
        &self.issue.causes[self.cause]
    }

    /// Capabilities that it needs.
    pub fn needs(&self) -> BTreeSet<&str> {
        let cause = self.cause();
        let steps = self.issue().verification.iter();
        let steps = steps.chain(&cause.drill).chain(&cause.resolution);
        let of_steps = steps.flat_map(|step| &step.needs);
        let page = self.page.front_matter.needs.iter();
        page.chain(&cause.needs)
            .chain(of_steps)
            .map(String::as_str)
            .collect()
    }
}

/// The causes that `wanted` means: an issue's number, a page, or a part of a cause's name; all of
/// them where it is `random`. `cause` is a further part of the name.
pub fn candidates(pages: &[Arc<Page>], wanted: &str, cause: Option<&str>) -> Vec<Candidate> {
    let all = pages.iter().flat_map(|page| {
        let issues = page.issue.iter();
        issues.flat_map(move |issue| {
            (0..issue.causes.len()).map(move |cause| Candidate {
                page: Arc::clone(page),
                issue: issue.clone(),
                cause,
            })
        })
    });
    let all: Vec<Candidate> = all
        .filter(|it| !it.cause().drill.is_empty() && !it.issue().verification.is_empty())
        .collect();
    let wanted = wanted.to_lowercase();
    let path = wanted.trim_start_matches("./").trim_start_matches("src/");
    let ways: [&dyn Fn(&Candidate) -> bool; 4] = [
        &|it| wanted == "random" || wanted == it.issue().number.to_string(),
        &|it| it.page.path.with_extension("").to_string_lossy() == path.trim_end_matches(".md"),
        &|it| named(it, &wanted),
        &|it| it.page.path.to_string_lossy().contains(path),
    ];
    let chosen = ways.into_iter().map(|way| {
        let found = all.iter().filter(|it| way(it));
        found.cloned().collect::<Vec<_>>()
    });
    let chosen = chosen.into_iter().find(|found| !found.is_empty());
    let mut chosen = chosen.unwrap_or_default();
    if let Some(cause) = cause {
        let cause = cause.to_lowercase();
        let whole = |it: &Candidate| it.cause().name.to_lowercase() == cause;
        if chosen.iter().any(whole) {
            chosen.retain(whole);
        }
        chosen.retain(|it| named(it, &cause));
    }
    chosen
}

fn named(candidate: &Candidate, part: &str) -> bool {
    candidate.cause().name.to_lowercase().contains(part)
}

/// One of them. The same seed always takes the same of the same number.
pub fn choose(candidates: &[Candidate], seed: u64) -> Option<&Candidate> {
    let hash = blake3::hash(&seed.to_le_bytes());
    let bytes = hash.as_bytes().first_chunk::<8>()?;
    let n = u64::try_from(candidates.len()).ok()?;
    let at = u64::from_le_bytes(*bytes).checked_rem(n)?;
    candidates.get(usize::try_from(at).ok()?)
}

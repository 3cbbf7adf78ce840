//! What an issue page offers to whoever works through it: the bar with progress and timer, and the
//! way out if it is still broken.

use super::card::minutes;
use super::index::address;
use super::page_view::{Edits, View};
use super::template::fill;
use crate::config::Headings;
use crate::page::{IssuePage, Page, Role, html_path};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Bar {
    target_ms: u64,
    has_way_out: bool,
}

#[derive(Serialize)]
struct StillBroken<'a> {
    causes: Vec<NextCause<'a>>,
    escalation: Option<String>,
    target: String,
}

#[derive(Serialize)]
struct NextCause<'a> {
    id: &'a str,
    name: &'a str,
}

/// Adds the way out below *Verification*; the bar, which is the last of the page.
pub(super) fn offer(page: &Page, issue: &IssuePage, view: &View<'_>, edits: &mut Edits) -> String {
    let target_ms = u64::try_from(issue.resolve_within.as_millis()).unwrap_or(u64::MAX);
    let still_broken = StillBroken {
        causes: issue
            .causes
            .iter()
            .filter_map(|cause| {
                Some(NextCause {
                    id: cause.id.as_deref()?,
                    name: &cause.name,
                })
            })
            .collect(),
        escalation: escalation(page, view),
        target: minutes(target_ms),
    };
    let end = end_of_verification(page, &view.config.headings);
    let has_way_out = still_broken.escalation.is_some() || !still_broken.causes.is_empty();
    let end = end.filter(|_| has_way_out);
    if let Some(end) = end {
        let html = fill("still_broken.html", &still_broken);
        edits.insert(end, format!("\n\n{html}\n\n"));
    }
    let bar = Bar {
        target_ms,
        has_way_out: end.is_some(),
    };
    fill("bar.html", &bar)
}

fn escalation(page: &Page, view: &View<'_>) -> Option<String> {
    let to = view.config.escalation.as_deref()?;
    let (path, anchor) = match to.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (to, None),
    };
    Some(address(page, &html_path(Path::new(path)), anchor))
}

/// The end of the last *Verification*, with what is below it.
fn end_of_verification(page: &Page, names: &Headings) -> Option<usize> {
    let headings = &page.document.headings;
    let last = headings
        .iter()
        .rposition(|heading| names.role(&heading.text) == Some(Role::Verification))?;
    Some(page.document.section_end(last))
}

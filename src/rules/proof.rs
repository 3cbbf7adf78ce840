//! Proof of an edit: read the new text again, and compare all that it says with the old.

use super::document::Reread;
use super::edit::{Planned, Splice, Wanted};
use super::same::Comparison;
use super::{Alert, RuleFile};
use std::thread;

/// After so many rules that cannot be edited, others are refused along with their neighbours.
const MOST_REFUSED: usize = 20;

/// The largest part of the changes that is proven; the others go to `refused`.
pub(super) fn proven<'a>(
    file: &RuleFile,
    planned: Vec<Planned<'a>>,
    refused: &mut Vec<Wanted<'a>>,
) -> Vec<Planned<'a>> {
    if planned.is_empty() || prove(file, &planned).is_some() {
        return planned;
    }
    // Each proof reads the whole file, so a file that is all odd is not taken apart to the end.
    if planned.len() == 1 || refused.len() >= MOST_REFUSED {
        refused.extend(planned.iter().map(|one| one.wanted));
        return Vec::new();
    }
    let mut left = planned;
    let right = left.split_off(left.len() / 2);
    let mut kept = proven(file, left, refused);
    kept.extend(proven(file, right, refused));
    // Two halves that are each good may still clash; then neither is written.
    if !kept.is_empty() && prove(file, &kept).is_none() {
        refused.extend(kept.drain(..).map(|one| one.wanted));
    }
    kept
}

/// The new text; none where it does not hold the old data and these links, or would be edited again.
pub(super) fn prove(file: &RuleFile, planned: &[Planned<'_>]) -> Option<String> {
    let new = Reread::of(file, apply(file.file.text(), planned))?;
    let planned_links = planned
        .iter()
        .map(|one| (one.wanted.alert.rule, one.wanted.url));
    let comparison = Comparison {
        old: &file.tree,
        new: &new.tree,
        annotation: &file.annotation,
        planned: planned_links.collect(),
    };
    let is_proven = thread::scope(|scope| {
        let alerts = scope.spawn(|| links_are_as_planned(file, &new.alerts(), planned));
        comparison.holds() && alerts.join().unwrap_or(false)
    });
    is_proven.then(|| new.into_text())
}

/// Whether the same alerts stand there, each with its planned link or the one that it had.
fn links_are_as_planned(old: &RuleFile, new: &[Alert], planned: &[Planned<'_>]) -> bool {
    let mut planned = planned.iter().peekable();
    let mut pairs = old.alerts.iter().zip(new);
    let are_right = pairs.all(|(old, new)| {
        let is_planned = planned.next_if(|one| std::ptr::eq(one.wanted.alert, old));
        let is = new.runbook_url.as_ref().map(|url| url.value.as_str());
        let should = match is_planned {
            Some(one) => one.wanted.url,
            None => old.runbook_url.as_ref().map(|url| url.value.as_str()),
        };
        old.name == new.name && is == should
    });
    are_right && old.alerts.len() == new.len()
}

/// The text with all changes made.
fn apply(text: &str, planned: &[Planned<'_>]) -> String {
    let mut splices: Vec<&Splice> = planned.iter().map(|one| &one.splice).collect();
    splices.sort_by_key(|splice| splice.span.start);
    let mut new = String::with_capacity(text.len() + 80 * splices.len());
    let mut at = 0;
    for Splice { span, text: with } in splices {
        // Overlapping changes give a text that no check will pass.
        new.push_str(text.get(at..span.start).unwrap_or_default());
        new.push_str(with);
        at = span.end.max(at);
    }
    new.push_str(&text[at..]);
    new
}

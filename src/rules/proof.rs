//! Proof of an edit: read the new text again, and compare all that it says with the old.

use super::document::reread;
use super::edit::{Planned, Splice, Wanted};
use super::{Alert, RuleFile};

/// After so many rules that cannot be edited, others are refused along with their neighbours.
const MOST_REFUSED: usize = 20;

/// The largest part of the changes that is proven; the others go to `refused`.
pub(super) fn proven<'a>(
    file: &RuleFile,
    planned: Vec<Planned<'a>>,
    refused: &mut Vec<Wanted<'a>>,
) -> Vec<Planned<'a>> {
    if planned.is_empty() || is_proven(file, &planned) {
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
    if !kept.is_empty() && !is_proven(file, &kept) {
        refused.extend(kept.drain(..).map(|one| one.wanted));
    }
    kept
}

/// Whether the new text holds the old data and these links, and would not be edited again.
fn is_proven(file: &RuleFile, planned: &[Planned<'_>]) -> bool {
    let text = apply(file.file.text(), planned);
    let Some((tree, alerts)) = reread(file, text) else {
        return false;
    };
    if alerts.len() != file.alerts.len() {
        return false;
    }
    let (mut before, mut after) = (file.tree.facts(), tree.facts());
    for Planned { wanted, .. } in planned {
        let annotations = format!("{}/annotations", wanted.alert.way);
        let link = format!("{annotations}/{}", file.annotation);
        let said = after.remove(&link);
        let said = said.as_deref().map(|said| said.split_once(" text "));
        if said.map(|said| said.map(|(_, url)| url)) != wanted.url.map(Some) {
            return false;
        }
        before.remove(&link);
        // Annotations that were nothing, or empty, are something now; or the other way round.
        let is_empty = |fact: &String| fact == "~" || fact == "{}";
        for facts in [&mut before, &mut after] {
            if facts.get(&annotations).is_some_and(is_empty) {
                facts.remove(&annotations);
            }
        }
    }
    before == after && links_are_as_planned(file, &alerts, planned)
}

fn links_are_as_planned(old: &RuleFile, new: &[Alert], planned: &[Planned<'_>]) -> bool {
    let mut planned = planned.iter().peekable();
    old.alerts.iter().zip(new).all(|(old, new)| {
        let is_planned = planned.next_if(|one| one.wanted.alert.way == old.way);
        let is = new.runbook_url.as_ref().map(|url| url.value.as_str());
        let should = match is_planned {
            Some(one) => one.wanted.url,
            None => old.runbook_url.as_ref().map(|url| url.value.as_str()),
        };
        old.name == new.name && is == should
    })
}

/// The text with all changes made.
pub(super) fn apply(text: &str, planned: &[Planned<'_>]) -> String {
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

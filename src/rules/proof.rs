//! Proof of an edit: read the new text again, and compare all that it says with the old.

use super::document::reread;
use super::edit::{Planned, Splice, Wanted};
use super::facts::Fact;
use super::{Alert, RuleFile};
use std::collections::{HashMap, HashSet};
use std::thread;

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
    // What the old text says does not wait for the new one to be read.
    let (before, new) = thread::scope(|scope| {
        let before = scope.spawn(|| file.tree.facts());
        let new = reread(file, text).map(|(tree, alerts)| (tree.facts(), alerts));
        (before.join(), new)
    });
    let (Ok(before), Some((after, alerts))) = (before, new) else {
        return false;
    };
    let planned_links = PlannedLinks::of(file, planned);
    alerts.len() == file.alerts.len()
        && planned_links.said_by(&after)
        && planned_links
            .others(&before)
            .eq(planned_links.others(&after))
        && links_are_as_planned(file, &alerts, planned)
}

/// Where a text may differ from the old one, and what must stand there.
struct PlannedLinks<'a> {
    /// The way to a link, and the link; none if it is taken out.
    links: HashMap<String, Option<&'a str>>,
    /// The ways to the annotations around them.
    annotations: HashSet<String>,
}

impl<'a> PlannedLinks<'a> {
    fn of(file: &RuleFile, planned: &[Planned<'a>]) -> Self {
        let ways = planned.iter().map(|one| {
            let annotations = format!("{}/annotations", one.wanted.alert.way);
            let link = format!("{annotations}/{}", file.annotation);
            (annotations, (link, one.wanted.url))
        });
        let (annotations, links) = ways.unzip();
        Self { links, annotations }
    }

    /// Whether each link that is wanted stands there once, as text, and none that is not.
    fn said_by(&self, facts: &[Fact]) -> bool {
        let said: Vec<Option<&str>> = facts
            .iter()
            .filter_map(|(way, fact)| self.links.get(way).map(|url| (url, fact)))
            .map(|(url, fact)| {
                url.filter(|url| {
                    fact.split_once(" text ")
                        .is_some_and(|(_, said)| said == *url)
                })
            })
            .collect();
        said.iter().all(Option::is_some) && said.len() == self.links.values().flatten().count()
    }

    /// All that no plan speaks of. Annotations that were nothing, or empty, are something now; or
    /// the other way round.
    fn others<'b>(&'b self, facts: &'b [Fact]) -> impl Iterator<Item = &'b Fact> {
        facts.iter().filter(|(way, fact)| {
            let is_empty = fact == "~" || fact == "{}";
            !(self.links.contains_key(way) || is_empty && self.annotations.contains(way))
        })
    }
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

//! Alerts and pages: each alert has one page, each page's alerts exist, links are as they must be.

use super::{FileEdit, RuleFile, edit};
use crate::finding::{Finding, nearest};
use crate::source::Place;
use std::collections::BTreeMap;

/// What a page's front matter says: this alert lands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertLink {
    /// The alert's name.
    pub alert: String,
    /// The whole address.
    pub url: String,
    /// The entry in the front matter.
    pub place: Place,
}

/// How many alerts there are, and how many have the right link already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linked {
    /// Alerts whose link needs no edit.
    pub right: usize,
    /// All alerts.
    pub all: usize,
}

/// What must be written, what is wrong, and the count as it is now.
pub fn plan(
    files: &[RuleFile],
    links: &[AlertLink],
    base_url: &str,
) -> (Vec<FileEdit>, Vec<Finding>, Linked) {
    let mut findings = pages_without_alert(files, links);
    findings.extend(named_twice(links));
    let mut by_alert: BTreeMap<&str, &AlertLink> = BTreeMap::new();
    for link in links {
        by_alert.entry(&link.alert).or_insert(link);
    }
    let mut edits = Vec::new();
    let mut linked = Linked::default();
    for file in files {
        let mut wanted = Vec::new();
        for alert in &file.alerts {
            linked.all += 1;
            let Some(link) = by_alert.get(alert.name.as_str()) else {
                findings.push(without_page(alert));
                continue;
            };
            match &alert.runbook_url {
                Some((url, _)) if *url == link.url => linked.right += 1,
                Some((url, place)) if !url.starts_with(base_url) => {
                    findings.push(foreign(&alert.name, url, place));
                }
                _ => wanted.push((alert, link.url.as_str())),
            }
        }
        if file.loads && !wanted.is_empty() {
            match edit::edit(file, &wanted) {
                Ok(edit) => edits.push(edit),
                Err(more) => findings.extend(more),
            }
        }
    }
    (edits, findings, linked)
}

fn without_page(alert: &super::Alert) -> Finding {
    Finding::error(
        "alert-without-page",
        alert.place.clone(),
        format!("no page answers the alert `{}`", alert.name),
    )
    .note("whoever it wakes finds nothing")
    .help(format!(
        "add `alerts: [{}]` to the front matter of its page",
        alert.name
    ))
}

fn foreign(alert: &str, url: &str, place: &Place) -> Finding {
    Finding::error(
        "foreign-runbook-url",
        place.clone(),
        format!("the link of `{alert}` leads out of this book: `{url}`"),
    )
    .warning()
    .help("remove the line to have it written, or take the alert out of the page's front matter")
}

fn pages_without_alert(files: &[RuleFile], links: &[AlertLink]) -> Vec<Finding> {
    let known: Vec<&str> = files
        .iter()
        .flat_map(|file| &file.alerts)
        .map(|alert| alert.name.as_str())
        .collect();
    links
        .iter()
        .filter(|link| !known.contains(&link.alert.as_str()))
        .map(|link| {
            let help = match nearest(&link.alert, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "add the alert to a rule file, or take it out of the front matter".to_owned()
                }
            };
            Finding::error(
                "page-names-unknown-alert",
                link.place.clone(),
                format!("no rule file has an alert `{}`", link.alert),
            )
            .help(help)
        })
        .collect()
}

fn named_twice(links: &[AlertLink]) -> Vec<Finding> {
    let mut first: BTreeMap<&str, &AlertLink> = BTreeMap::new();
    let mut findings = Vec::new();
    for link in links {
        if let Some(other) = first.insert(&link.alert, link) {
            findings.push(
                Finding::error(
                    "alert-on-two-pages",
                    link.place.clone(),
                    format!("the alert `{}` is named twice", link.alert),
                )
                .related(other.place.clone(), "first here")
                .help("an alert has one landing page: name it once"),
            );
        }
    }
    findings
}

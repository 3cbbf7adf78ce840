//! `cause-without-tree`, `unknown-tree`, `escalation-target`, `walks-astray`: trees against the book.
//!
//! What is wrong with a tree itself is told by `tree`, where it is read.

use crate::config::Config;
use crate::finding::{Finding, did_you_mean};
use crate::page::{Cause, Page, html_path};
use crate::site::html::Site;
use crate::source::Place;
use crate::tree::Tree;
use std::path::Path;
use std::sync::Arc;

/// The share of drills that the trees must lead to the right issue, in percent.
const ENOUGH: usize = 90;

/// Causes that no tree reaches, and trees that causes name and that do not lead to their page.
pub(super) fn check(pages: &[Arc<Page>], trees: &[Arc<Tree>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages {
        let Some(issue) = &page.issue else { continue };
        for cause in &issue.causes {
            findings.extend(unreached(page, cause, trees));
            findings.extend(unknown(page, cause, trees));
        }
    }
    findings
}

fn unreached(page: &Page, cause: &Cause, trees: &[Arc<Tree>]) -> Option<Finding> {
    let anchor = cause.id.as_deref();
    let is_reached = trees
        .iter()
        .flat_map(|tree| tree.targets())
        .any(|target| target.page == page.path && Some(target.anchor.as_str()) == anchor);
    if trees.is_empty() || is_reached {
        return None;
    }
    let link = anchor.map_or_else(
        || "give its heading an `{#id}`, and link to that from a leaf".to_owned(),
        |id| format!("add a leaf that links to `{}#{id}`", page.path.display()),
    );
    Some(
        Finding::error(
            "cause-without-tree",
            cause.place.clone(),
            format!("no decision tree leads to the cause `{}`", cause.name),
        )
        .help(link),
    )
}

fn unknown(page: &Page, cause: &Cause, trees: &[Arc<Tree>]) -> Vec<Finding> {
    let known: Vec<&str> = trees.iter().map(|tree| tree.title.as_str()).collect();
    let walked = |name: &str| {
        trees
            .iter()
            .any(|tree| tree.title == name && tree.reaches(&page.path))
    };
    cause
        .astray
        .iter()
        .filter(|(name, _)| !walked(name))
        .map(|(name, _)| {
            let exists = known.contains(&name.as_str());
            let finding = Finding::error(
                "unknown-tree",
                cause.place.clone(),
                if exists {
                    format!("`astray` names `{name}`, which has no leaf on this page")
                } else {
                    format!("`astray` names `{name}`, which is no decision tree of the book")
                },
            );
            finding.help(if exists {
                "take it out: this tree is not walked in the drills of this page".to_owned()
            } else {
                did_you_mean(name, &known)
            })
        })
        .collect()
}

/// The configured way out of a tree must be there, on the pages as built.
pub fn escalation_target(site: &Site, config: &Config) -> Option<Finding> {
    let escalation = config.escalation.as_deref()?;
    let (path, anchor) = escalation.split_once('#').unwrap_or((escalation, ""));
    let page = site.page(&html_path(Path::new(path)));
    let is_there = page.is_some_and(|(_, page)| anchor.is_empty() || page.ids.contains_key(anchor));
    if is_there {
        return None;
    }
    let text = config.file.text();
    let at = text.find(escalation).unwrap_or(0);
    let place = Place::new(&config.file, at..at + escalation.len().min(text.len() - at));
    let (title, help) = match page {
        None => (
            format!("`escalation` leads to `{path}`, which is no chapter of the book"),
            "write the path below `src`, as in `incident-response.md#escalation`",
        ),
        Some(_) => (
            format!("`escalation` leads to `#{anchor}`, which is not on that page"),
            "give the heading that explicit `{#id}`",
        ),
    };
    Some(Finding::error("escalation-target", place, title).help(help))
}

/// Of the drills that were walked, so many arrived by all of their trees; too few are an error.
pub fn walks_astray(arrived: usize, walked: usize, config: &Config) -> Option<Finding> {
    (arrived * 100 < walked * ENOUGH).then(|| {
        Finding::error_in(
            "walks-astray",
            config.src.join("SUMMARY.md"),
            format!("the decision trees lead to the right issue in {arrived} of {walked} drills only"),
        )
        .help(format!("at least {ENOUGH} % must arrive: mend the trees instead of declaring more causes `astray`"))
    })
}

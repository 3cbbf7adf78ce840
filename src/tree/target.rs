//! Where the links of leaves lead: to a cause, by the explicit id of its heading.

use super::{Decision, Leaf, Next, Target, Tree};
use crate::finding::{Finding, nearest};
use crate::page::{Page, html_path};
use crate::source::Place;
use std::borrow::Borrow;
use std::path::{Component, Path, PathBuf};

/// Fills in the targets of all leaves; a leaf without one is a finding.
pub(super) fn resolve<P: Borrow<Page>>(tree: &mut Tree, pages: &[P]) -> Vec<Finding> {
    let mut findings = Vec::new();
    resolve_below(&mut tree.root, &tree.page, pages, &mut findings);
    findings
}

fn resolve_below<P: Borrow<Page>>(
    decision: &mut Decision,
    from: &Path,
    pages: &[P],
    findings: &mut Vec<Finding>,
) {
    for branch in &mut decision.branches {
        match &mut branch.next {
            Next::Decision(next) => resolve_below(next, from, pages, findings),
            Next::Leaf(leaf) => {
                leaf.to = leaf.links.iter().enumerate().find_map(|(index, link)| {
                    let (page, anchor) = split(&link.to, from)?;
                    target(pages, &page, anchor.as_deref()?, index)
                });
                if leaf.to.is_none() {
                    findings.push(without_cause(leaf, &branch.place, from, pages));
                }
            }
        }
    }
}

/// The page and the anchor of a link within the book.
fn split(to: &str, from: &Path) -> Option<(PathBuf, Option<String>)> {
    if to.contains("://") || to.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match to.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (to, None),
    };
    if path.is_empty() {
        return Some((from.to_owned(), anchor));
    }
    let mut page = from.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                page.pop();
            }
            Component::Normal(part) => page.push(part),
            _ => {}
        }
    }
    Some((page, anchor))
}

fn page_at<'p, P: Borrow<Page>>(pages: &'p [P], path: &Path) -> Option<&'p Page> {
    let html = html_path(path);
    pages
        .iter()
        .map(Borrow::borrow)
        .find(|page: &&Page| page.html_path() == html)
}

fn target<P: Borrow<Page>>(pages: &[P], path: &Path, anchor: &str, link: usize) -> Option<Target> {
    let page = page_at(pages, path)?;
    let issue = page.issue.as_ref()?;
    let cause = issue
        .causes
        .iter()
        .find(|cause| cause.id.as_deref() == Some(anchor))?;
    Some(Target {
        page: page.path.clone(),
        issue: issue.number,
        anchor: anchor.to_owned(),
        cause: cause.name.clone(),
        link,
    })
}

fn without_cause<P: Borrow<Page>>(
    leaf: &Leaf,
    branch: &Place,
    from: &Path,
    pages: &[P],
) -> Finding {
    let Some(link) = leaf.links.first() else {
        return Finding::error(
            "leaf-without-link",
            branch.clone(),
            "this branch ends without a link to a cause",
        )
        .help("add a link, as in `[Port conflict](../issues/wont-start.md#port-conflict)`, or a nested list that asks on");
    };
    let page = split(&link.to, from).and_then(|(path, _)| page_at(pages, &path));
    let ids: Vec<&str> = page
        .and_then(|page| page.issue.as_ref())
        .into_iter()
        .flat_map(|issue| &issue.causes)
        .filter_map(|cause| cause.id.as_deref())
        .collect();
    let anchor = link.to.split_once('#').map_or("", |(_, anchor)| anchor);
    let finding = Finding::error(
        "leaf-without-link",
        link.place.clone(),
        format!("`{}` leads to no cause", link.to),
    )
    .note("a leaf names an issue page and the explicit id of a heading under *Resolution*");
    finding.help(match (nearest(anchor, ids.iter().copied()), page) {
        (Some(id), _) => format!("did you mean `#{id}`?"),
        (None, Some(page)) if !ids.is_empty() => {
            format!(
                "the causes of {}: #{}",
                page.path.display(),
                ids.join(", #")
            )
        }
        (None, Some(page)) => format!(
            "{} has no cause with an explicit `{{#id}}`",
            page.path.display()
        ),
        (None, None) => "correct the path, or list the chapter in SUMMARY.md".to_owned(),
    })
}

//! `issue-not-in-escalation-matrix`: an issue for which nobody has said whom to call.

use crate::config::Headings;
use crate::finding::Finding;
use crate::markdown::Heading;
use crate::page::Page;
use crate::site::html::resolve;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Each issue page that no *Escalation matrix* of the book links to; a book without one is not asked for it.
pub(super) fn check(pages: &[Arc<Page>], names: &Headings) -> Vec<Finding> {
    let matrices: Vec<(&Page, &Heading)> = pages
        .iter()
        .flat_map(|page| {
            page.document
                .headings
                .iter()
                .map(|heading| (&**page, heading))
        })
        .filter(|(_, heading)| names.is_escalation_matrix(&heading.text))
        .collect();
    let Some((_, first)) = matrices.first() else {
        return Vec::new();
    };
    let linked: BTreeSet<PathBuf> = matrices
        .iter()
        .flat_map(|(page, heading)| linked_below(page, heading))
        .collect();
    pages
        .iter()
        .filter_map(|page| Some((page, page.issue.as_ref()?)))
        .filter(|(page, _)| !linked.contains(&page.html_path()))
        .map(|(page, issue)| {
            let title = format!("the escalation matrix does not say who is called for issue {}", issue.number);
            Finding::error("issue-not-in-escalation-matrix", first.place.clone(), title)
                .note(format!("`{}` ({}) is not linked from this section", page.title(), page.path.display()))
                .help("add a row with a link to that page: what the first responder does, when it is passed on, and to whom")
        })
        .collect()
}

/// The pages that the section of `heading` links to, by their place in the built site.
fn linked_below(page: &Page, heading: &Heading) -> Vec<PathBuf> {
    let start = heading.place.span.end;
    let end = page
        .document
        .headings
        .iter()
        .filter(|next| next.level <= heading.level)
        .map(|next| next.place.span.start)
        .find(|next| *next >= start)
        .unwrap_or(usize::MAX);
    page.document
        .links
        .iter()
        .filter(|link| (start..end).contains(&link.place.span.start))
        .filter_map(|link| resolve(&link.to, &page.path))
        .map(|link| crate::page::html_path(&link.to))
        .collect()
}

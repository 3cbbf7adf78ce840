//! `<!-- runbook: walks -->`: where each decision tree led in each drill.

use super::index::address;
use super::page_view::View;
use super::template::fill;
use crate::evidence::{WalkEnd, WalkRecord};
use crate::page::{Cause, IssuePage, Page, html_path};
use serde::Serialize;

#[derive(Serialize, Default)]
struct Walks<'a> {
    arrived: usize,
    walked: usize,
    exact: usize,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    number: u32,
    page: String,
    title: &'a str,
    href: String,
    cause: &'a str,
    tree: &'a str,
    tree_href: String,
    end: String,
    end_href: Option<String>,
    class: &'static str,
    state: &'static str,
    why: Option<&'a str>,
}

/// The table for the page `own`, from the last evidence of every drill.
pub(super) fn walks(own: &Page, view: &View<'_>) -> String {
    let mut shown = Walks::default();
    for page in view.pages {
        let Some(issue) = &page.issue else { continue };
        for cause in &issue.causes {
            let evidence = view.store.last(&View::subject(page, cause));
            let walks = evidence.map_or(&[][..], |evidence| &evidence.walks);
            if walks.is_empty() {
                continue;
            }
            shown.walked += 1;
            shown.arrived += usize::from(walks.iter().all(|walk| walk.arrived));
            shown.exact += usize::from(walks.iter().all(|walk| is_exact(walk, cause)));
            let rows = walks
                .iter()
                .map(|walk| row(own, page, (issue, cause), walk));
            shown.rows.extend(rows);
        }
    }
    fill("walks.html", &shown)
}

fn is_exact(walk: &WalkRecord, own: &Cause) -> bool {
    walk.arrived && matches!(&walk.end, WalkEnd::Leaf { cause, .. } if *cause == own.name)
}

fn row<'a>(
    own: &Page,
    page: &'a Page,
    (issue, cause): (&'a IssuePage, &'a Cause),
    walk: &'a WalkRecord,
) -> Row<'a> {
    let to = page.html_path();
    let (end, end_href) = match &walk.end {
        WalkEnd::Leaf {
            page,
            anchor,
            cause,
            issue,
        } => (
            format!("{issue}. {cause}"),
            Some(address(own, &html_path(page), Some(anchor))),
        ),
        other => (other.in_words(), None),
    };
    let (class, state) = match (walk.arrived, &walk.astray) {
        (true, _) if is_exact(walk, cause) => ("rb-good", "the cause"),
        (true, _) => ("rb-good", "the issue"),
        (false, Some(_)) => ("rb-stale", "astray, as said"),
        (false, None) => ("rb-bad", "astray"),
    };
    Row {
        number: issue.number,
        page: address(own, &to, None),
        title: page.title(),
        href: address(own, &to, cause.id.as_deref()),
        cause: &cause.name,
        tree: &walk.tree,
        tree_href: address(own, &html_path(&walk.page), None),
        end,
        end_href,
        class,
        state,
        why: walk.astray.as_deref(),
    }
}

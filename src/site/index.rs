//! Generated content in the place of `<!-- runbook: … -->`.

use super::card::{mark, minutes};
use super::evidence_view::when;
use super::page_view::{Edits, State, View};
use super::text::{escape, relative, time};
use crate::evidence::Verdict;
use crate::finding::{Finding, did_you_mean};
use crate::nav::Matrix;
use crate::page::{Page, html_path};

/// The names that may follow `runbook:`.
const DIRECTIVES: &[&str] = &["drills", "matrix", "symptoms"];

/// Directives that nobody will fill.
pub fn unknown_directives(page: &Page) -> Vec<Finding> {
    page.document
        .directives
        .iter()
        .filter(|directive| !DIRECTIVES.contains(&directive.name.as_str()))
        .map(|directive| {
            Finding::error(
                "unknown-directive",
                directive.place.clone(),
                format!("unknown directive `{}`", directive.name),
            )
            .help(did_you_mean(&directive.name, DIRECTIVES))
        })
        .collect()
}

/// Replaces the page's directives.
pub(super) fn fill(page: &Page, view: &View<'_>, edits: &mut Edits) {
    for directive in &page.document.directives {
        let html = match directive.name.as_str() {
            "symptoms" => symptoms(page, view),
            "drills" => drills(page, view),
            "matrix" => matrix(page, view),
            _ => continue,
        };
        edits.replace(directive.place.span.clone(), format!("{html}\n\n"));
    }
}

fn table(class: &str, head: &[&str], rows: &str) -> String {
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    format!(
        "<div class=\"table-wrapper\"><table class=\"{class}\"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn link(from: &Page, to: &Page, anchor: Option<&str>, text: &str) -> String {
    let mut href = relative(&from.html_path(), &to.html_path());
    if let Some(anchor) = anchor {
        href.push('#');
        href.push_str(anchor);
    }
    format!("<a href=\"{}\">{}</a>", escape(&href), escape(text))
}

fn symptoms(own: &Page, view: &View<'_>) -> String {
    let mut rows = String::new();
    for page in view.pages {
        let Some(issue) = &page.issue else { continue };
        for symptom in &issue.symptoms {
            let anchor = symptom.anchor.as_deref().or(issue.resolution_id.as_deref());
            rows.push_str(&format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                link(own, page, anchor, &symptom.text),
                link(own, page, None, page.title()),
                escape(page.front_matter.severity.as_deref().unwrap_or_default()),
            ));
        }
    }
    table("rb-symptoms", &["What you see", "Issue", "Severity"], &rows)
}

fn drills(own: &Page, view: &View<'_>) -> String {
    let mut rows = String::new();
    for page in view.pages {
        let Some(issue) = &page.issue else { continue };
        let target = u64::try_from(issue.resolve_within.as_millis()).unwrap_or(u64::MAX);
        for cause in &issue.causes {
            let state = view.state(page, cause);
            let (class, word) = mark(&state);
            let (speed, at) = match &state {
                State::Verified(e) | State::Stale(e) | State::Failed(e) => (
                    match e.verdict {
                        Verdict::Recovered { ms } => time(ms),
                        _ => "–".to_owned(),
                    },
                    when(e),
                ),
                State::Unknown => ("–".to_owned(), "–".to_owned()),
            };
            rows.push_str(&format!(
                "<tr><td>{}</td><td>{}</td><td><span class=\"rb-state {class}\">{word}</span></td><td>{speed}</td><td>{}</td><td>{}</td></tr>",
                link(own, page, None, page.title()),
                link(own, page, cause.id.as_deref(), &cause.name),
                minutes(target),
                escape(&at),
            ));
        }
    }
    let head = ["Issue", "Cause", "State", "Resolved in", "Target", "When"];
    table("rb-drills", &head, &rows)
}

fn matrix(own: &Page, view: &View<'_>) -> String {
    let Some(matrix) = Matrix::load(&view.config.state_dir()) else {
        return "<p>The clicks have not been counted yet: run <code>mdbook-runbook build</code>.</p>"
            .to_owned();
    };
    let mut rows = String::new();
    for row in &matrix.rows {
        let to = html_path(&row.page);
        let mut href = relative(&own.html_path(), &to);
        if let Some(anchor) = &row.anchor {
            href.push('#');
            href.push_str(anchor);
        }
        let cells: String = row
            .ways
            .iter()
            .map(|way| {
                let clicks = way.clicks.map_or_else(|| "–".to_owned(), |n| n.to_string());
                format!("{} <b>{clicks}</b>", escape(&way.entry))
            })
            .collect::<Vec<_>>()
            .join("<br>");
        rows.push_str(&format!(
            "<tr><td><a href=\"{}\">{}</a></td><td>{cells}</td></tr>",
            escape(&href),
            escape(&row.symptom)
        ));
    }
    let longest = matrix
        .longest
        .map_or_else(|| "–".to_owned(), |n| n.to_string());
    format!(
        "<p>Longest way: <b>{longest}</b> clicks; allowed: {}.</p>{}",
        matrix.max_clicks,
        table("rb-matrix", &["Symptom", "Clicks from"], &rows)
    )
}

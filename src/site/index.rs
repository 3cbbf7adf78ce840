//! Generated content in the place of `<!-- runbook: … -->`.

use super::page_view::{Edits, View};
use super::template::fill;
use super::text::relative;
use crate::acceptance::DIRECTIVE;
use crate::finding::{Finding, did_you_mean};
use crate::nav::{Matrix, Row};
use crate::page::{Page, html_path};
use serde::Serialize;
use std::path::Path;

/// The names that may follow `runbook:`.
/// Names of all directives.
pub const DIRECTIVES: &[&str] = &[
    "alerts", "criteria", "drills", "front", "matrix", "symptoms", "walks",
];

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
pub(super) fn replace_directives(page: &Page, view: &View<'_>, edits: &mut Edits) {
    for directive in &page.document.directives {
        let html = match directive.name.as_str() {
            DIRECTIVE => super::criteria::criteria_of(page, view, edits),
            "alerts" => super::alerts::alerts(page, view),
            "front" => super::front::front(page, view),
            "symptoms" => symptoms(page, view),
            "drills" => super::overview::drills(page, view),
            "matrix" => matrix(page, view),
            "walks" => super::walks::walks(page, view),
            _ => continue,
        };
        edits.replace(directive.place.span.clone(), format!("{html}\n\n"));
    }
}

/// The address of an anchor on one page from another.
pub(super) fn address(from: &Page, to: &Path, anchor: Option<&str>) -> String {
    let href = relative(&from.html_path(), to);
    match anchor {
        Some(anchor) => format!("{href}#{anchor}"),
        None => href,
    }
}

#[derive(Serialize)]
struct SymptomRow<'a> {
    symptom: &'a str,
    href: String,
    page: String,
    title: &'a str,
    severity: &'a str,
}

fn symptoms(own: &Page, view: &View<'_>) -> String {
    let mut rows = Vec::new();
    for page in view.pages {
        let Some(issue) = &page.issue else { continue };
        let to = page.html_path();
        rows.extend(issue.symptoms.iter().map(|symptom| SymptomRow {
            symptom: &symptom.text,
            href: address(
                own,
                &to,
                symptom.anchor.as_deref().or(issue.resolution_id.as_deref()),
            ),
            page: address(own, &to, None),
            title: page.title(),
            severity: page.front_matter.severity.as_deref().unwrap_or_default(),
        }));
    }
    fill("symptoms.html", &Rows { rows })
}

#[derive(Serialize)]
struct Rows<T> {
    rows: Vec<T>,
}

#[derive(Serialize, Default)]
struct MatrixView {
    longest: String,
    max_clicks: usize,
    rows: Vec<MatrixRow>,
}

#[derive(Serialize)]
struct MatrixRow {
    symptom: String,
    href: String,
    ways: Vec<WayCell>,
}

#[derive(Serialize)]
struct WayCell {
    entry: String,
    clicks: String,
}

fn matrix(own: &Page, view: &View<'_>) -> String {
    let shown = |clicks: Option<usize>| clicks.map_or_else(|| "–".to_owned(), |n| n.to_string());
    let Some(matrix) = Matrix::load(&view.config.state_dir()) else {
        return fill("matrix.html", &MatrixView::default());
    };
    let row = |row: Row| MatrixRow {
        href: address(own, &html_path(&row.page), row.anchor.as_deref()),
        symptom: row.symptom,
        ways: row
            .ways
            .into_iter()
            .map(|way| WayCell {
                clicks: shown(way.clicks),
                entry: way.entry,
            })
            .collect(),
    };
    let view = MatrixView {
        longest: shown(matrix.longest),
        max_clicks: matrix.max_clicks,
        rows: matrix.rows.into_iter().map(row).collect(),
    };
    fill("matrix.html", &view)
}
